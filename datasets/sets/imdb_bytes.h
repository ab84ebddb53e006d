// The bytes of IMDB's reviews, to be predicted one by one.
#pragma once

#include "core/options.h"
#include "datasets/dataset.h"
#include "datasets/windows.h"

#include <cstddef>
#include <filesystem>

namespace bitstate::datasets {

struct ByteSettings {
  std::size_t test_bytes = 1'000'000;  ///< of the test part that are read
};

/// The options of data sets of bytes.
OptionTable<ByteSettings> byte_options();

/// The reviews of each part in an order drawn once, each with a byte 0 behind it, and one before the first, cut into
/// windows of `length` bytes: each step is labelled by the byte that follows. The last 1,000 of the training reviews
/// (a tenth where there are fewer than 10,000) are for validation; of the test part the first `test_bytes` bytes are
/// read. What is left of a part is dropped. With `stream` the windows of validation and test go on where the one before
/// ended; with a reset each of them is of one review. Throws Error for damaged files, and where a part has no window.
Splits imdb_bytes(const std::filesystem::path& source, std::size_t length, const ByteSettings& settings,
                  const StreamSettings& stream = {});

}  // namespace bitstate::datasets
