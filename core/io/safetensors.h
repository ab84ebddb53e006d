// Files of safetensors: a header of JSON that says where each tensor is, then the numbers of all of them.
#pragma once

#include "core/io/named_tensors.h"

#include <filesystem>

namespace bitstate {

/// Reads the headers of
///   a .safetensors file,
///   a .json file, the index of several of them (`weight_map`: tensor to file), which stand in its folder,
///   a folder with model.safetensors.index.json, or else model.safetensors.
/// Elements are F32, F16 or BF16. Numbers are read from the files when they are asked for. Throws UsageError where
/// there is no such file; Error naming file and tensor for headers that are damaged or longer than 16 MiB, names that
/// occur twice, unknown types, shapes that do not match the bytes, and bytes of no tensor or of two. Nothing is
/// allocated before that but the header.
NamedTensors open_safetensors(const std::filesystem::path& path);

}  // namespace bitstate
