// Texts of token ids, cut into windows in which each step asks for the id that follows.
#pragma once

#include "core/options.h"
#include "datasets/dataset.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bitstate::datasets {

using TokenIds = std::vector<std::uint16_t>;

/// What a model knows at the start of a window of the validation and the test part: nothing (none), what it has read
/// before (carry), or what it has read of the same document (carry_reset).
struct StreamSettings {
  std::string stream = "none";
  [[nodiscard]] bool carries() const { return stream != "none"; }
  [[nodiscard]] bool resets() const { return stream == "carry_reset"; }
};

/// The option of data sets of texts.
OptionTable<StreamSettings> stream_options();

/// Ids one behind the other, of which all but the first are asked for.
struct Document {
  std::size_t first = 0;
  std::size_t count = 0;  ///< at least 2
};

/// What lies in `text` from one id `end` to the next: each part but the first begins with the `end` of the one before,
/// which is its first input. An id at the end that nothing follows is no part.
std::vector<Document> split_documents(const TokenIds& ids, Document text, std::uint16_t end);

struct Window {
  std::size_t first = 0;
  std::size_t length = 0;
  bool continues = false;  ///< Example::continues
};

/// Steps of a window, 0: whole documents; steps between the starts of windows, 0: as long as a window; whether what is
/// left at the end of a document is a shorter window. A document of less than a window is one in any case.
struct WindowCut {
  std::size_t length = 0;
  std::size_t stride = 0;
  bool rest = true;
};

/// The windows of documents that follow each other. Those of `stream` begin where the one before ended.
std::vector<Window> windows_of(const std::vector<Document>& documents, const WindowCut& cut,
                               const StreamSettings& stream);

/// The data set of them, which must lie within the ids.
std::shared_ptr<const Dataset> token_windows(std::shared_ptr<const TokenIds> ids, std::vector<Window> windows);

}  // namespace bitstate::datasets
