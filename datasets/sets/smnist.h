// Sequential MNIST and its permuted variant, from the four official idx files.
#pragma once

#include "datasets/dataset.h"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace bitstate::datasets {

/// sMNIST: an image is the sequence of its 784 pixels, row by row, x = pixel / 255 as [784, 1]; the label is its digit.
/// The 60,000 training images are split by random_split of seed 42 into 54,000 for training and 6,000 for validation
/// (any other number of images: nine tenths, rounded down, for training); the 10,000 test images are the test part.
/// With `permuted` (psMNIST) position j holds pixel bit_reversal_permutation()[j].
/// `folder` holds the four files, each raw or as .gz. Throws Error naming file, offset and reason.
Splits smnist(const std::filesystem::path& folder, bool permuted);

/// psMNIST's order of the pixels: 0..1023 with their ten bits reversed, those below 784 kept: 0 512 256 768 128 640 ...
std::vector<std::uint16_t> bit_reversal_permutation();

}  // namespace bitstate::datasets
