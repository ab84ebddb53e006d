// The members of programs by their names in files, once, for reading and for writing.
#pragma once

#include "core/program/program.h"

namespace bitstate::program {

/// Of each instruction: calls v(name, member).
template <class V>
void fields(V& v, Linear& i) {
  v("x", i.x);
  v("weight", i.weight);
  v("bias", i.bias);
}
template <class V>
void fields(V& v, Rescale& i) {
  v("x", i.x);
  v("factor", i.factor);
  v("lo", i.lo);
  v("hi", i.hi);
}
template <class V>
void fields(V& v, Sign& i) {
  v("x", i.x);
}
template <class V>
void fields(V& v, Product& i) {
  v("a", i.a);
  v("b", i.b);
}
template <class V>
void fields(V& v, Scale& i) {
  v("x", i.x);
  v("row", i.row);
}
template <class V>
void fields(V& v, Sum& i) {
  v("a", i.a);
  v("b", i.b);
  v("a_factor", i.a_factor);
  v("b_factor", i.b_factor);
}
template <class V>
void fields(V& v, AddRow& i) {
  v("x", i.x);
  v("factor", i.factor);
  v("row", i.row);
}
template <class V>
void fields(V& v, LayerNorm& i) {
  v("x", i.x);
  v("scale", i.scale);
  v("bias", i.bias);
  v("fraction", i.fraction);
  v("epsilon", i.epsilon);
}
template <class V>
void fields(V& v, RmsNorm& i) {
  v("x", i.x);
  v("scale", i.scale);
  v("groups", i.groups);
  v("fraction", i.fraction);
  v("epsilon", i.epsilon);
}
template <class V>
void fields(V& v, Conv& i) {
  v("x", i.x);
  v("backward", i.backward);
  v("weight", i.weight);
  v("bias", i.bias);
}
template <class V>
void fields(V& v, Rotate& i) {
  v("x", i.x);
}
template <class V>
void fields(V& v, Table& i) {
  v("x", i.x);
  v("first", i.first);
  v("entries", i.entries);
  v.if_any("of_column", i.of_column);
}
template <class V>
void fields(V& v, Embedding& i) {
  v("x", i.x);
  v("table", i.table);
}
template <class V>
void fields(V& v, Scan& i) {
  v("x", i.x);
  v("backward", i.backward);
  v("feedback", i.residue);  // its name before there were three kinds
  v("shift", i.shift);
  v("lambda_bits", i.lambda_bits);
  v("bound", i.bound);
  v("limit", i.limit);
  v("to_state", i.to_state);
  v("to_inner", i.to_inner);
  v("lambda", i.lambda);
  v("from_input", i.from_input);
}
template <class V>
void fields(V& v, ScanShear& i) {
  v("x", i.x);
  v("backward", i.backward);
  v("feedback", i.feedback);
  v("step_bits", i.step_bits);
  v("decay_bits", i.decay_bits);
  v("bound", i.bound);
  v("limit", i.limit);
  v("sign", i.sign);
  v("decay", i.decay);
  v("decay_shift", i.decay_shift);
  v("step", i.step);
  v("step_shift", i.step_shift);
  v("from_input", i.from_input);
}
template <class V>
void fields(V& v, SelectiveScan& i) {
  v("u", i.u);
  v("dt", i.dt);
  v("b", i.b);
  v("c", i.c);
  v("backward", i.backward);
  v("residue", i.residue);
  v("groups", i.groups);
  v("states", i.states);
  v("first", i.first);
  v("fraction", i.fraction);
  v("input_bound", i.input_bound);
  v("bound", i.bound);
  v("limit", i.limit);
  v("delta", i.delta);
  v("rate", i.rate);
  v("to_input", i.to_input);
  v("to_inner", i.to_inner);
}
template <class V>
void fields(V& v, MeanPool& i) {
  v("x", i.x);
  v("fraction", i.fraction);
}
template <class V>
void fields(V& v, Last& i) {
  v("x", i.x);
}
template <class V>
void fields(V& v, Concatenate& i) {
  v("a", i.a);
  v("b", i.b);
}

/// Of everything else.
template <class V>
void header_fields(V& v, Program& p) {
  v("name", p.name);
  v("settings", p.settings);
  v("padded_length", p.padded_length);
  v("input_cols", p.input.cols);
  v("input_tokens", p.input.tokens);
  v("input_one_bit", p.input.one_bit);
  v("input_scale", p.input.grid.scale);
  v("input_lo", p.input.grid.lo);
  v("input_hi", p.input.grid.hi);
  v("output_classes", p.output.classes);
  v("output_scale", p.output.scale);
  v.units("input_", p.input.units);
  v.units("output_", p.output.units);
  v.if_any("class_names", p.output.class_names);
  v.if_any("input_names", p.input.names);
  v.if_any("output_names", p.output.names);
}

}  // namespace bitstate::program
