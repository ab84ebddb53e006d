#include "datasets/windows.h"

#include "core/error.h"

#include <algorithm>
#include <utility>

namespace bitstate::datasets {
namespace {

class TokenWindows final : public Dataset {
 public:
  TokenWindows(std::shared_ptr<const TokenIds> ids, std::vector<Window> windows)
      : ids_(std::move(ids)), windows_(std::move(windows)) {}

  [[nodiscard]] std::size_t size() const override { return windows_.size(); }

  void read(std::size_t index, Example& out) const override {
    require(index < windows_.size(), "data", "example {} of {} does not exist", index, windows_.size());
    const Window& window = windows_[index];
    const std::uint16_t* const first = ids_->data() + window.first;
    out.length = window.length;
    out.tokens.assign(first, first + window.length);
    out.labels.assign(first + 1, first + 1 + window.length);
    out.continues = window.continues;
  }

 private:
  std::shared_ptr<const TokenIds> ids_;
  std::vector<Window> windows_;
};

}  // namespace

OptionTable<StreamSettings> stream_options() {
  OptionTable<StreamSettings> table("data");
  auto& stream = table.word("stream", &StreamSettings::stream, {"none", "carry", "carry_reset"},
                            "the state at the start of a window of validation and test: 0, carried on, or 0 only at "
                            "the start of a document");
  stream.decides_test = true;
  stream.of_evaluation = true;
  stream.inherited = false;  // by a run with bits, which would be refused
  return table;
}

std::vector<Document> split_documents(const TokenIds& ids, Document text, std::uint16_t end) {
  std::vector<Document> documents;
  std::size_t first = text.first;
  const std::size_t last = text.first + text.count - 1;
  for (std::size_t i = first + 1; i <= last; ++i) {
    if (ids[i] != end && i != last) continue;
    documents.push_back({first, i - first + 1});
    first = i;
  }
  return documents;
}

std::vector<Window> windows_of(const std::vector<Document>& documents, const WindowCut& cut,
                               const StreamSettings& stream) {
  std::vector<Window> windows;
  const std::size_t stride = cut.stride > 0 ? cut.stride : cut.length;
  for (const Document& document : documents) {
    const std::size_t steps = document.count - 1;
    const auto add = [&](std::size_t start, std::size_t length) {
      const bool goes_on = stream.resets() ? start > 0 : !windows.empty();
      windows.push_back({document.first + start, length, stream.carries() && goes_on});
    };
    std::size_t start = 0;
    if (cut.length > 0) {
      for (; start + cut.length <= steps; start += stride) add(start, cut.length);
    }
    if (start < steps && (cut.rest || start == 0)) add(start, steps - start);
  }
  return windows;
}

std::shared_ptr<const Dataset> token_windows(std::shared_ptr<const TokenIds> ids, std::vector<Window> windows) {
  return std::make_shared<TokenWindows>(std::move(ids), std::move(windows));
}

}  // namespace bitstate::datasets
