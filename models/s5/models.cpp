#include "models/s5/models.h"

namespace bitstate {

S5Classifier::S5Classifier(const S5Options& options, std::uint64_t seed)
    : stack(options, seed),
      decoder(options.layer.sizes.H, options.outputs, seed, "decoder"),
      pool_last(options.pool_last),
      values(options.values) {
  decoder_quantizer.channels = decoder_quantizer.numbers = options.layer.sizes.H;
  output_quantizer.channels = output_quantizer.numbers = options.outputs;
}

Value S5Classifier::pooled(Tape& tape, const Batch& batch) const {
  const Value x = stack.forward(tape, batch);
  return pool_last ? ops::last(tape, x, batch.sequences) : ops::mean_pool(tape, x, batch.sequences);
}

Value S5Classifier::forward(Tape& tape, const Batch& batch) const {
  if (batch.ends_early()) return stack.forward(tape, batch);
  const Value logits = decoder.forward(tape, ops::quantize(tape, pooled(tape, batch), decoder_quantizer),
                                       stack.rounding(decoder_quantizer, decoder.weight_quantizer));
  return ops::quantize(tape, logits, output_quantizer);
}

S5Regressor::S5Regressor(const S5Options& options, std::uint64_t seed)
    : stack(options, seed), decoder(options.layer.sizes.H, options.outputs, seed, "decoder") {
  decoder_quantizer.channels = decoder_quantizer.numbers = options.layer.sizes.H;
  output_quantizer.channels = output_quantizer.numbers = options.outputs;
}

Value S5Regressor::forward(Tape& tape, const Batch& batch) const {
  if (batch.ends_early()) return stack.forward(tape, batch);
  const Value x = stack.forward(tape, batch);
  const Value y = decoder.forward(tape, ops::quantize(tape, x, decoder_quantizer, &batch.sequences),
                                  stack.rounding(decoder_quantizer, decoder.weight_quantizer, &batch.sequences));
  return ops::quantize(tape, y, output_quantizer, &batch.sequences);
}

S5Retrieval::S5Retrieval(const S5Options& options, std::uint64_t seed)
    : stack(options, seed),
      decoder1(4 * options.layer.sizes.H, options.layer.sizes.H, seed, "decoder.0"),
      decoder2(options.layer.sizes.H, options.outputs, seed, "decoder.1") {
  pooled_quantizer.channels = pooled_quantizer.numbers = options.layer.sizes.H;
  decoder1_quantizer.channels = decoder1_quantizer.numbers = 4 * options.layer.sizes.H;
  gelu_quantizer.channels = gelu_quantizer.numbers = options.layer.sizes.H;
  decoder2_quantizer.channels = decoder2_quantizer.numbers = options.layer.sizes.H;
  output_quantizer.channels = output_quantizer.numbers = options.outputs;
}

Value S5Retrieval::pooled(Tape& tape, const Batch& batch) const {
  return ops::mean_pool(tape, stack.forward(tape, batch), batch.sequences);
}

Value S5Retrieval::forward(Tape& tape, const Batch& batch) const {
  if (batch.ends_early()) return stack.forward(tape, batch);
  const Value documents = ops::quantize(tape, pooled(tape, batch), pooled_quantizer);
  const Value pairs = ops::quantize(tape, ops::pair_features(tape, documents), decoder1_quantizer);
  const auto of_pairs = stack.rounding(decoder1_quantizer, decoder1.weight_quantizer);
  const Value hidden = ops::quantize(tape, decoder1.forward(tape, pairs, of_pairs), gelu_quantizer);
  const Value logits = decoder2.forward(tape, ops::quantize(tape, ops::gelu(tape, hidden), decoder2_quantizer),
                                        stack.rounding(decoder2_quantizer, decoder2.weight_quantizer));
  return ops::quantize(tape, logits, output_quantizer);
}

namespace {

/// The stack of a model that is a T.
template <class T>
S5Stack* stack_in(Model& model) {
  T* const s5 = model.as<T>();
  return s5 == nullptr ? nullptr : &s5->stack;
}

}  // namespace

std::vector<S5SSM*> ssms(Model& model) {
  std::vector<S5SSM*> found;
  for (S5Stack* stack : {stack_in<S5Classifier>(model), stack_in<S5Regressor>(model), stack_in<S5Retrieval>(model)}) {
    if (stack == nullptr) continue;
    for (S5Layer& layer : stack->layers) found.push_back(&layer.ssm);
  }
  return found;
}

std::vector<std::string> ranges_of_one_step(Model& model) {
  std::vector<std::string> sites;
  for (const S5SSM* ssm : ssms(model)) {
    if (ssm->discrete) continue;
    for (const Quantizer* site : {&ssm->a_quantizer, &ssm->b_quantizer}) {
      const bool fixed = site->spec.active() && site->spec.range == QuantSpec::Range::fixed;
      if (fixed || site->needs_range()) sites.push_back(site->site);
    }
  }
  return sites;
}

void make_discrete(Model& model) {
  for (S5SSM* ssm : ssms(model)) ssm->make_discrete();
}

}  // namespace bitstate
