#include "datasets/splits.h"

#include "core/error.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <utility>

namespace bitstate::datasets {

std::vector<std::uint32_t> torch_randperm(std::size_t n, std::uint32_t seed) {
  require(n <= std::numeric_limits<std::uint32_t>::max(), "torch_randperm", "{} elements are too many", n);
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  std::mt19937 generator(seed);
  for (std::size_t i = 0; i + 1 < n; ++i) std::swap(order[i], order[i + generator() % (n - i)]);
  return order;
}

std::vector<std::vector<std::uint32_t>> random_split(const std::vector<std::size_t>& sizes, std::uint32_t seed) {
  const auto order = torch_randperm(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}), seed);
  std::vector<std::vector<std::uint32_t>> parts;
  auto next = order.begin();
  for (const std::size_t size : sizes) {
    const auto end = next + static_cast<std::ptrdiff_t>(size);
    parts.emplace_back(next, end);
    next = end;
  }
  return parts;
}

namespace {

class Limited final : public Dataset {
 public:
  Limited(std::shared_ptr<const Dataset> data, std::size_t size) : data_(std::move(data)), size_(size) {}
  [[nodiscard]] std::size_t size() const override { return size_; }
  void read(std::size_t index, Example& out) const override {
    require(index < size_, "limit", "example {} of {} does not exist", index, size_);
    data_->read(index, out);
  }

 private:
  std::shared_ptr<const Dataset> data_;
  std::size_t size_;
};

}  // namespace

std::shared_ptr<const Dataset> limit(std::shared_ptr<const Dataset> data, std::size_t n) {
  if (data == nullptr || n >= data->size()) return data;
  return std::make_shared<Limited>(std::move(data), n);
}

}  // namespace bitstate::datasets
