// Sequential CIFAR-10 in grey (LRA's Image) and in colour, from the binary version of the data set.
#pragma once

#include "datasets/dataset.h"

#include <cstdint>
#include <filesystem>

namespace bitstate::datasets {

/// An image is the sequence of its 1024 pixels, row by row; the label is its class.
/// grey (lra-cifar): x = (v / 255 - 122.6 / 255) / (61 / 255) as [1024, 1], v = grey(r, g, b), as S4 and S5.
/// colour (cifar): x_c = (v_c / 255 - mean_c) / deviation_c as [1024, 3], means 0.4914, 0.4822, 0.4465, deviations
/// 0.247, 0.243, 0.261. `source` is a folder that holds data_batch_1.bin ... data_batch_5.bin and test_batch.bin,
/// itself or in cifar-10-batches-bin, or an archive of them (cifar-10-binary.tar.gz as distributed). Of a subset there
/// may be data_batch_1.bin alone; every batch has as many images as test_batch.bin (officially 10,000), or it was cut.
/// The training images are split by random_split of seed 42 into nine tenths for training (of the official 50,000:
/// 45,000) and one for validation. Throws Error naming file, offset and reason.
Splits cifar(const std::filesystem::path& source, bool grey);

/// PIL's conversion to "L": (19595 r + 38470 g + 7471 b + 32768) >> 16.
constexpr std::uint8_t grey(std::uint8_t r, std::uint8_t g, std::uint8_t b) {
  return static_cast<std::uint8_t>((19595U * r + 38470U * g + 7471U * b + 0x8000U) >> 16U);
}

}  // namespace bitstate::datasets
