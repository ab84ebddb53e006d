#include "core/program/run/plan.h"

#include "core/program/run/buffers.h"
#include "core/program/run/operands.h"

#include <algorithm>
#include <span>
#include <type_traits>
#include <utility>

namespace bitstate::program {
namespace {

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  const std::int64_t q = a / b;
  return q - (a < 0 && a % b != 0 ? 1 : 0);
}

}  // namespace

using Run = std::function<void(const Chunk&)>;

/// Builds a plan instruction by instruction. What runs later captures by value: the planner is gone by then.
class Planner {
 public:
  Planner(Plan& plan, const Program& program, const std::vector<ValueInfo>& values, Isa isa)
      : plan_(plan),
        program_(program),
        values_(values),
        kernels_(&kernels_of(isa)),
        fused_(values.size()),
        done_(values.size(), false) {}

  void build() {
    choose_storage();
    choose_fusions();
    choose_buffers();
    for (number_ = 1; number_ < values_.size(); ++number_) {
      plan_.operations_.push_back(done_[number_] ? Operation{} : std::visit(*this, program_.instructions[number_ - 1]));
    }
  }

  Operation operator()(const Linear& i) {
    const Products w = products(i);
    return operation([w, x = i.x, to = result(), k = kernels_, plan = &plan_](const Chunk& c) {
      k->linear(w, to.then, c.rows, plan->codes(c.state, x), plan->target(c.state, to.y));
    });
  }

  Operation operator()(const Rescale& i) {
    return operation(
        [r = rescaling(i), cols = cols(), x = i.x, y = number_, k = kernels_, plan = &plan_](const Chunk& c) {
          k->rescale(r, cols, c.rows, plan->codes(c.state, x), plan->target(c.state, y));
        });
  }

  Operation operator()(const Sign& i) {
    return operation([cols = cols(), x = i.x, y = number_, k = kernels_, plan = &plan_](const Chunk& c) {
      k->sign(cols, c.rows, plan->codes(c.state, x), plan->target(c.state, y));
    });
  }

  Operation operator()(const Product& i) {
    return operation([cols = cols(), a = i.a, b = i.b, to = result(), k = kernels_, plan = &plan_](const Chunk& c) {
      k->product(to.then, cols, c.rows, plan->codes(c.state, a), plan->codes(c.state, b), plan->target(c.state, to.y));
    });
  }

  Operation operator()(const Scale& i) {
    return operation(
        [row = padded(i.row), cols = cols(), x = i.x, to = result(), k = kernels_, plan = &plan_](const Chunk& c) {
          k->scale(row, to.then, cols, c.rows, plan->codes(c.state, x), plan->target(c.state, to.y));
        });
  }

  Operation operator()(const Sum& i) {
    const Factors fa = factors(i.a_factor, cols());
    const Factors fb = factors(i.b_factor, cols());
    return operation(
        [fa, fb, cols = cols(), a = i.a, b = i.b, to = result(), k = kernels_, plan = &plan_](const Chunk& c) {
          k->sum({fa, plan->codes(c.state, a)}, {fb, plan->codes(c.state, b)}, to.then, cols, c.rows,
                 plan->target(c.state, to.y));
        });
  }

  Operation operator()(const AddRow& i) {
    const Factors f = factors(i.factor, cols());
    return operation(
        [f, row = padded(i.row), cols = cols(), x = i.x, to = result(), k = kernels_, plan = &plan_](const Chunk& c) {
          k->add_row({f, plan->codes(c.state, x)}, row, to.then, cols, c.rows, plan->target(c.state, to.y));
        });
  }

  Operation operator()(const LayerNorm& i) {
    const Norm norm{cols(), padded(i.scale), padded(i.bias), i.fraction, i.epsilon};
    return operation([norm, x = i.x, to = result(), k = kernels_, plan = &plan_](const Chunk& c) {
      k->layer_norm(norm, to.then, c.rows, plan->codes(c.state, x), plan->target(c.state, to.y));
    });
  }

  Operation operator()(const RmsNorm& i) {
    const GroupNorm norm{cols(), i.groups, padded(i.scale), i.fraction, i.epsilon};
    return operation([norm, x = i.x, to = result(), k = kernels_, plan = &plan_](const Chunk& c) {
      k->group_norm(norm, to.then, c.rows, plan->codes(c.state, x), plan->target(c.state, to.y));
    });
  }

  Operation operator()(const Conv& i) {
    const Window w = window_of(plan_.constants_, {i.weight.codes.data(), Width::four, i.weight.cols}, cols(),
                               i.weight.cols, i.bias, i.backward);
    return operation(
        [w, cols = cols(), x = i.x, number = number_, to = result(), k = kernels_, plan = &plan_](const Chunk& c) {
          const Codes in = plan->codes(c.state, x);
          std::int32_t* const kept = c.state.recurrent[number].data();
          k->window(w, to.then, cols, c.rows, {kept, Width::four, cols}, in, plan->target(c.state, to.y));
          keep_window(w, cols, c.rows, in, kept);
        });
  }

  Operation operator()(const SelectiveScan& i) {
    const Selective s = selective_of(plan_.constants_, i, cols());
    return operation([s, u = i.u, dt = i.dt, b = i.b, from_c = i.c, y = number_, k = kernels_,
                      plan = &plan_](const Chunk& c) {
      std::int32_t* const h = c.state.recurrent[y].data();
      const SelectiveStates states{h, s.residue != Residue::none ? h + s.channels * s.states : nullptr};
      k->selective_scan(
          s, c.rows,
          {plan->codes(c.state, u), plan->codes(c.state, dt), plan->codes(c.state, b), plan->codes(c.state, from_c)},
          states, plan->target(c.state, y));
    });
  }

  Operation operator()(const Rotate& i) {
    return operation([h = Hadamard(cols(), "program"), cols = cols(), x = i.x, y = number_, plan = &plan_](
                         const Chunk& c) { rotate(h, c.rows, plan->codes(c.state, x), plan->target(c.state, y)); });
  }

  Operation operator()(const Table& i) {
    const std::vector<std::int32_t> offsets = i.offsets();
    Lookup table{kept(std::span<const std::int32_t>(i.entries.codes)), i.first,
                 offsets.empty() ? nullptr : kept(std::span<const std::int32_t>(offsets)), nullptr};
    const bool narrow = plan_.storage_[i.x].width == Width::one && plan_.storage_[number_].width == Width::one;
    if (narrow && offsets.empty()) table.bytes = byte_table(i);
    return operation([table, cols = cols(), x = i.x, y = number_, k = kernels_, plan = &plan_](const Chunk& c) {
      k->lookup(table, cols, c.rows, plan->codes(c.state, x), plan->target(c.state, y));
    });
  }

  Operation operator()(const Embedding& i) {
    return operation([table = PackedRows(plan_.constants_, i.table.codes, cols()), x = i.x, y = number_,
                      plan = &plan_](const Chunk& c) {
      const Codes in = plan->codes(c.state, x);
      const MutableCodes to = plan->target(c.state, y);
      with_type(in, [&](const auto* ids) {
        for (std::size_t r = 0; r < c.rows; ++r) table.read(static_cast<std::size_t>(ids[r * in.stride]), to, r);
      });
    });
  }

  Operation operator()(const Scan& i) {
    const Recurrence s{cols() / 2,
                       i.backward,
                       i.residue,
                       i.shift,
                       i.bound,
                       i.limit,
                       i.to_state.multiplier,
                       i.to_state.shift,
                       i.to_inner.multiplier,
                       i.to_inner.shift,
                       padded(i.lambda),
                       factors(i.from_input, cols())};
    return scan(s, i.x);
  }

  Operation operator()(const ScanShear& i) {
    Recurrence s;
    s.states = cols() / 2;
    s.backward = i.backward;
    s.residue = i.feedback ? Residue::feedback : Residue::none;
    s.shift = Shear::fraction;
    s.bound = i.bound;
    s.limit = i.limit;
    std::vector<std::int32_t> row(cols()), turn(s.states);
    for (std::size_t p = 0; p < s.states; ++p) {
      row[p] = i.at(p).straight();
      row[s.states + p] = i.at(p).crossed();
      turn[p] = i.at(p).turn();
    }
    s.lambda = padded(row);
    s.from_input = factors(i.from_input, cols());
    s.shear = padded(turn);
    return scan(s, i.x);
  }

  Operation operator()(const MeanPool& i) {
    const auto gather = [cols = cols(), x = i.x, y = number_, plan = &plan_](const Chunk& c) {
      const Codes in = plan->codes(c.state, x);
      std::int64_t* const sums = c.state.sums[y].data();
      with_type(in, [&](const auto* codes) {
        for (std::size_t r = 0; r < c.true_rows; ++r) {
          for (std::size_t k = 0; k < cols; ++k) sums[k] += codes[r * in.stride + k];
        }
      });
    };
    const auto divide = [cols = cols(), fraction = i.fraction, y = number_, plan = &plan_](const Chunk& c) {
      const auto n = static_cast<std::int64_t>(c.state.steps);
      with_type(plan->target(c.state, y), [&](auto* out) {
        for (std::size_t k = 0; k < cols; ++k) {
          const std::int64_t numerator = c.state.sums[y][k] * (std::int64_t{2} << fraction) + n;
          out[k] = static_cast<std::remove_pointer_t<decltype(out)>>(floor_divide(numerator, 2 * n));
        }
      });
    };
    return {gather, divide};
  }

  Operation operator()(const Last& i) {
    const auto keep = [cols = cols(), x = i.x, y = number_, plan = &plan_](const Chunk& c) {
      if (c.true_rows == 0) return;
      const Codes in = plan->codes(c.state, x);
      with_type(in, [&](const auto* codes) {
        copy_codes(codes + (c.true_rows - 1) * in.stride, cols, c.state.recurrent[y].data());
      });
    };
    const auto show = [cols = cols(), y = number_, plan = &plan_](const Chunk& c) {
      with_type(plan->target(c.state, y), [&](auto* out) { copy_codes(c.state.recurrent[y].data(), cols, out); });
    };
    return {keep, show};
  }

  Operation operator()(const Concatenate& i) {
    const std::size_t left = values_[i.a].cols;
    const std::size_t right = values_[i.b].cols;
    return operation([left, right, a = i.a, b = i.b, y = number_, plan = &plan_](const Chunk& c) {
      const MutableCodes to = plan->target(c.state, y);
      const auto copy = [&](const Codes& in, std::size_t cols, std::size_t at) {
        with_type(in, [&](const auto* codes) {
          with_type(to, [&](auto* out) {
            for (std::size_t r = 0; r < c.rows; ++r) copy_codes(codes + r * in.stride, cols, out + r * to.stride + at);
          });
        });
      };
      copy(plan->codes(c.state, a), left, 0);
      copy(plan->codes(c.state, b), right, left);
    });
  }

 private:
  /// Where the results of the instruction at hand go.
  struct Result {
    Ref y;
    const Rescaling* then;
  };

  [[nodiscard]] std::size_t cols() const { return values_[number_].cols; }

  [[nodiscard]] Result result() const {
    const Result& fused = fused_[number_];
    return fused.then == nullptr ? Result{number_, nullptr} : fused;
  }

  [[nodiscard]] Operation operation(Run run) const {
    return values_[number_].per_step ? Operation{std::move(run), {}} : Operation{{}, std::move(run)};
  }

  [[nodiscard]] Operation scan(const Recurrence& s, Ref x) const {
    return operation([s, x, y = number_, k = kernels_, plan = &plan_](const Chunk& c) {
      const States states{c.state.recurrent[y].data(), c.state.sums[y].data()};
      k->scan(s, c.rows, plan->codes(c.state, x), states, plan->target(c.state, y));
    });
  }

  /// The width the operands of a linear need: that of the wider one.
  Width product_width(const Linear& i) const {
    const auto [lo, hi] = std::minmax_element(i.weight.codes.begin(), i.weight.codes.end());
    return std::max({kernels_->operands, width_of(*lo, *hi), width_of(values_[i.x].lo, values_[i.x].hi)});
  }

  void widen_operands(const Linear& i) {
    Storage& x = plan_.storage_[i.x];
    x.width = std::max(x.width, product_width(i));
  }
  template <IsInstruction I>
  requires(I::traits.types == Types::any) void widen_operands(const I&) const {}

  void choose_storage() {
    for (const ValueInfo& v : values_) {
      plan_.storage_.push_back({v.cols, 0, rounded_up(v.cols, row_multiple), width_of(v.lo, v.hi), v.per_step, true});
    }
    for (const Instruction& instruction : program_.instructions) {
      std::visit([&](const auto& i) { widen_operands(i); }, instruction);
    }
  }

  void choose_fusions() {
    std::vector<std::size_t> readers(values_.size(), 0);
    for (const Instruction& i : program_.instructions) {
      for (const Ref operand : operands_of(i)) ++readers[operand];
    }
    for (Ref y = 1; y < values_.size(); ++y) {
      const auto* const rescale = std::get_if<Rescale>(&program_.instructions[y - 1]);
      if (rescale == nullptr || rescale->x == 0 || readers[rescale->x] != 1) continue;
      if (traits_of(program_.instructions[rescale->x - 1]).then != Then::rescale) continue;
      fused_[rescale->x] = {y, &plan_.rescalings_.emplace_back(rescaling(*rescale))};
      done_[y] = true;
      plan_.storage_[rescale->x].kept = false;
    }
  }

  void choose_buffers() {
    const std::size_t never = values_.size();
    std::vector<Life<std::size_t>> lives(values_.size(), {0, 0});
    for (Ref y = 1; y < values_.size(); ++y) {
      const Ref computed = done_[y] ? std::get<Rescale>(program_.instructions[y - 1]).x : y;
      lives[y] = {plan_.storage_[y].kept ? computed : never, computed};
      for (const Ref x : operands_of(program_.instructions[y - 1])) lives[x].last_read = y;
    }
    lives.back().last_read = never;
    const std::vector<std::size_t> buffers = shared_buffers(lives, values_.size());
    plan_.row_bytes_.assign(*std::max_element(buffers.begin(), buffers.end()) + 1, 0);
    for (Ref y = 0; y < values_.size(); ++y) {
      Storage& storage = plan_.storage_[y];
      storage.buffer = buffers[y];
      if (!storage.kept) continue;
      std::size_t& bytes = plan_.row_bytes_[storage.buffer];
      bytes = std::max(bytes, storage.stride * bytes_of(storage.width));
    }
  }

  template <class T>
  const T* kept(std::span<const T> codes) {
    T* const copy = plan_.constants_.array<T>(codes.size());
    std::copy(codes.begin(), codes.end(), copy);
    return copy;
  }

  const std::int32_t* padded(const std::vector<std::int32_t>& row) { return padded_row(plan_.constants_, row); }

  Factors factors(const std::vector<FixedPoint>& factors, std::size_t cols) {
    return factors_of(plan_.constants_, factors, cols);
  }

  Rescaling rescaling(const Rescale& i) {
    const ValueInfo& x = values_[i.x];
    return rescaling_of(plan_.constants_, {i.factor, i.lo, i.hi, x.lo, x.hi}, x.cols);
  }

  Products products(const Linear& i) {
    const Matrix& w = i.weight;
    return packed_products_of(plan_.constants_, {{w.codes.data(), Width::four, w.cols}, w.rows, w.cols, i.bias},
                              plan_.storage_[i.x].width);
  }

  /// The table by the byte of x.
  const std::int8_t* byte_table(const Table& i) {
    std::vector<std::int8_t> bytes(256, 0);
    for (std::int32_t x = -128; x <= 127; ++x) {
      const std::int64_t entry = std::int64_t{x} - i.first;
      if (entry < 0 || entry >= std::int64_t{i.entries.cols}) continue;
      bytes[static_cast<std::uint8_t>(x)] = static_cast<std::int8_t>(i.entries.codes[static_cast<std::size_t>(entry)]);
    }
    return kept(std::span<const std::int8_t>(bytes));
  }

  Plan& plan_;
  const Program& program_;
  const std::vector<ValueInfo>& values_;
  const Kernels* kernels_;
  std::vector<Result> fused_;  // of each value, the rescale it is computed with
  std::vector<bool> done_;     // a rescale that is
  Ref number_ = 0;             // of the value at hand
};

Plan::Plan(const Program& program, const std::vector<ValueInfo>& values, Isa isa) {
  Planner(*this, program, values, isa).build();
}

}  // namespace bitstate::program
