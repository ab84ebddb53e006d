// Random splits exactly as the S4 and S5 experiments draw them with PyTorch, and views of a part of a data set.
#pragma once

#include "datasets/dataset.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bitstate::datasets {

/// torch.randperm(n, generator=torch.Generator().manual_seed(seed)) on the CPU: a Fisher-Yates shuffle by mt19937.
/// n is at most 2^32 - 1.
std::vector<std::uint32_t> torch_randperm(std::size_t n, std::uint32_t seed);

/// torch.utils.data.random_split: consecutive pieces of torch_randperm, of the given sizes (their sum is n).
std::vector<std::vector<std::uint32_t>> random_split(const std::vector<std::size_t>& sizes, std::uint32_t seed);

/// As random_split() by sizes, but each class has its share of each piece, as near as whole numbers allow, and the
/// first piece has at least one of each class while it has room for them. `classes` has one number per example.
std::vector<std::vector<std::uint32_t>> stratified_split(const std::vector<std::int32_t>& classes,
                                                         const std::vector<std::size_t>& sizes, std::uint32_t seed);

/// SHA-256 of what a training sees: task, sizes, units and vocabulary, and up to 64 evenly spaced training examples.
/// Other data have another digest, but for changes between those examples.
[[nodiscard]] std::string digest(const Splits& splits);

/// "down, flat, up" of the names of classes; at most 20 of them.
[[nodiscard]] std::string class_list(const std::vector<std::string>& names);

/// One line that says what was read: sequences, steps, inputs, what is learnt, and the origin.
[[nodiscard]] std::string summary(const Splits& splits);

/// The same of the test part alone, which is all that an evaluation reads.
[[nodiscard]] std::string test_summary(const Splits& splits);

/// The examples of `data` at `indices`, in their order.
std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> data, std::vector<std::uint32_t> indices);

/// The first n examples of `data` (all of them if it has fewer).
std::shared_ptr<const Dataset> limit(std::shared_ptr<const Dataset> data, std::size_t n);

}  // namespace bitstate::datasets
