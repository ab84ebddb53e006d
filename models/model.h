// The contract of a model: a struct that lists its members, runs forward and says what its result is. `Model` holds any
// such struct, so that whoever trains, inspects or exports models knows no list of them.
#pragma once

#include "models/batch.h"
#include "models/inventory.h"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace bitstate {

/// What the rows of a model's result are. N is the number of examples, T that of the steps of all sequences.
enum class Output : std::uint8_t {
  class_per_sequence,  ///< logits [N, classes]
  class_per_step,      ///< logits [T, classes]
  values_per_step,     ///< [T, d]
  values_per_sequence  ///< [N, d]
};

/// "a class per sequence" and so on.
[[nodiscard]] std::string_view name_of(Output output);

/// The rows are logits, of which the largest names the class; else they are values.
[[nodiscard]] constexpr bool gives_classes(Output output) {
  return output == Output::class_per_sequence || output == Output::class_per_step;
}

/// There is a row for each step; else there is one for each example.
[[nodiscard]] constexpr bool is_per_step(Output output) {
  return output == Output::class_per_step || output == Output::values_per_step;
}

/// What a model says of its result.
struct OutputSpec {
  Output output = Output::class_per_sequence;
  /// Sequences that make one example. The batch of a model of pairs holds 2N sequences, of which i and N + i are a
  /// pair.
  std::size_t sequences = 1;
};

/// What data ask of a model: what it reads, and what its result shall be.
struct ModelShape {
  std::size_t inputs = 1;   ///< columns, or the size of the vocabulary
  bool tokens = false;      ///< inputs are token ids
  std::size_t outputs = 1;  ///< classes, or columns of the target
  OutputSpec output = {};
};

/// A struct that can be trained: visit() names its members (models/inventory.h), forward() gives the result for a
/// batch, and output() says what this result is. forward() is const, because all lanes share the model. Which ops it
/// calls does not depend on the numbers or the length of an input: a trained model is evaluated by the program of one.
template <class T>
concept ModelStruct = std::copy_constructible<T> &&
    requires(T& model, const T& shared, Walker& walker, Tape& tape, const Batch& batch) {
  model.visit(walker);
  { shared.forward(tape, batch) } -> std::same_as<Value>;
  { shared.output() } -> std::same_as<OutputSpec>;
};

/// Any ModelStruct, by value: a copy has parameters of its own. The struct keeps its address when the Model is moved,
/// so an Inventory stays valid; an assignment replaces the struct. A Model that was moved from may only be assigned to
/// or destroyed.
class Model {
 public:
  template <class T>
  requires(!std::same_as<T, Model> && ModelStruct<T>) Model(T model)
      : held_(std::make_unique<Holder<T>>(std::move(model))) {}  // implicit: a Model is its struct
  Model(const Model& other) : held_(other.held_->clone()) {}
  Model(Model&&) noexcept = default;
  Model& operator=(const Model& other) {
    held_ = other.held_->clone();
    return *this;
  }
  Model& operator=(Model&&) noexcept = default;
  ~Model() = default;

  /// The result for a batch, with as many rows as output() says, or that of the parts where it ends. Throws Error when
  /// the struct gives another number, and what the struct's own forward() throws.
  Value forward(Tape& tape, const Batch& batch) const;

  [[nodiscard]] OutputSpec output() const { return held_->output(); }

  /// Walks the struct; take_inventory() does so.
  void visit(Walker& walker) { held_->visit(walker); }

  /// The struct if it is a T, else null: for what only one family of models can do.
  template <class T>
  [[nodiscard]] T* as() {
    auto* const held = dynamic_cast<Holder<T>*>(held_.get());
    return held == nullptr ? nullptr : &held->model;
  }
  template <class T>
  [[nodiscard]] const T* as() const {
    const auto* const held = dynamic_cast<const Holder<T>*>(held_.get());
    return held == nullptr ? nullptr : &held->model;
  }

 private:
  struct Held {
    virtual ~Held() = default;
    [[nodiscard]] virtual std::unique_ptr<Held> clone() const = 0;
    virtual void visit(Walker& walker) = 0;
    virtual Value forward(Tape& tape, const Batch& batch) const = 0;
    [[nodiscard]] virtual OutputSpec output() const = 0;
  };
  template <class T>
  struct Holder final : Held {
    explicit Holder(T held) : model(std::move(held)) {}
    [[nodiscard]] std::unique_ptr<Held> clone() const override { return std::make_unique<Holder>(model); }
    void visit(Walker& walker) override { model.visit(walker); }
    Value forward(Tape& tape, const Batch& batch) const override { return model.forward(tape, batch); }
    [[nodiscard]] OutputSpec output() const override { return model.output(); }
    T model;
  };

  std::unique_ptr<Held> held_;
};

}  // namespace bitstate
