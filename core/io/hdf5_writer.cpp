#include "core/error.h"
#include "core/io/hdf5_calls.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <memory>

namespace bitstate {

using namespace hdf5;

namespace {

constexpr std::size_t chunk_bytes = std::size_t{1} << 20;    // one chunk of an array, the unit of its checksum
constexpr std::size_t compact_bytes = std::size_t{1} << 10;  // arrays up to here live in the checksummed object header

/// The type on disk: little-endian on every machine.
hid_t disk_type(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::float32:
      return H5T_IEEE_F32LE;
    case Hdf5Type::float64:
      return H5T_IEEE_F64LE;
    case Hdf5Type::int32:
      return H5T_STD_I32LE;
    case Hdf5Type::int64:
      return H5T_STD_I64LE;
    case Hdf5Type::uint64:
      return H5T_STD_U64LE;
    case Hdf5Type::uint8:
      return H5T_STD_U8LE;
  }
  return H5I_INVALID_HID;
}

void check_text(std::string_view text, std::string_view where) {
  require(text.find('\0') == std::string_view::npos, where, "a string with a NUL inside cannot be stored");
  require(text.size() <= max_text_bytes, where, "a string of {} bytes is too long; at most {} can be stored",
          text.size(), max_text_bytes);
}

/// Creation properties of an array: compact while small, else chunked along its first axes with fletcher32.
Hdf5Handle array_properties(const Hdf5Shape& shape, std::size_t element_bytes, std::string_view where) {
  Hdf5Handle list = own(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, where, "cannot be created");
  check(H5Pset_obj_track_times(list.id(), 0), where, "cannot be created");
  const std::size_t count = element_count(shape, std::numeric_limits<std::size_t>::max() / element_bytes, where);
  if (count * element_bytes <= compact_bytes || shape.empty()) {
    check(H5Pset_layout(list.id(), H5D_COMPACT), where, "cannot be created");
    return list;
  }
  // halve the first axis that is longer than 1 until a chunk fits
  std::vector<hsize_t> chunk(shape.begin(), shape.end());
  std::size_t chunk_count = count;
  while (chunk_count * element_bytes > chunk_bytes) {
    const auto axis = std::find_if(chunk.begin(), chunk.end(), [](hsize_t size) { return size > 1; });
    if (axis == chunk.end()) break;
    chunk_count /= *axis;
    *axis = (*axis + 1) / 2;
    chunk_count *= *axis;
  }
  check(H5Pset_chunk(list.id(), static_cast<int>(chunk.size()), chunk.data()), where, "cannot be created");
  check(H5Pset_fletcher32(list.id()), where, "cannot be created");
  return list;
}

}  // namespace

Hdf5Writer::Hdf5Writer(std::filesystem::path path) : target_(std::make_unique<AtomicFile>(std::move(path))) {
  require_room();
  const QuietErrors quiet;
  const std::string where = target_->path().string();
  const Hdf5Handle access = own(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, where, "cannot be created");
  check(H5Pset_libver_bounds(access.id(), H5F_LIBVER_LATEST, H5F_LIBVER_LATEST), where, "cannot be created");
  const Hdf5Handle creation = own(H5Pcreate(H5P_FILE_CREATE), H5Pclose, where, "cannot be created");
  check(H5Pset_obj_track_times(creation.id(), 0), where, "cannot be created");
  file_ = own(H5Fcreate(target_->temporary().c_str(), H5F_ACC_TRUNC, creation.id(), access.id()), H5Fclose, where,
              "cannot be created");
}

void Hdf5Writer::group(std::string_view path) {
  const QuietErrors quiet;
  const std::string where = place(target_->path(), path);
  const std::string full = object_name(path);
  std::size_t end = full.find_first_not_of('/');
  while (end != std::string::npos) {
    end = full.find('/', end);
    const std::string prefix = full.substr(0, end);
    const htri_t there = H5Lexists(file_.id(), prefix.c_str(), H5P_DEFAULT);
    check(there, where, "cannot be created");
    if (there == 0) {
      const Hdf5Handle creation = own(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, where, "cannot be created");
      check(H5Pset_obj_track_times(creation.id(), 0), where, "cannot be created");
      own(H5Gcreate2(file_.id(), prefix.c_str(), H5P_DEFAULT, creation.id(), H5P_DEFAULT), H5Gclose, where,
          "cannot be created");
    }
    if (end != std::string::npos) end = full.find_first_not_of('/', end);
  }
}

void Hdf5Writer::check_count(std::string_view path, std::size_t count, const Hdf5Shape& shape) const {
  const std::string where = place(target_->path(), path);
  require(element_count(shape, std::numeric_limits<std::size_t>::max(), where) == count, where,
          "{} values do not make the shape [{}]", count, fmt::join(shape, ", "));
}

void Hdf5Writer::write_numbers(std::string_view path, Hdf5Type type, const void* values, const Hdf5Shape& shape) {
  write_data(path, disk_type(type), native_type(type), values, shape);
}

void Hdf5Writer::write_data(std::string_view path, std::int64_t stored, std::int64_t given, const void* values,
                            const Hdf5Shape& shape) {
  require_room();
  const QuietErrors quiet;
  const std::string where = place(target_->path(), path);
  const std::string name = object_name(path);
  const std::size_t slash = name.rfind('/');
  if (slash != std::string::npos && slash > 0) group(name.substr(0, slash));

  const std::vector<hsize_t> sizes(shape.begin(), shape.end());
  const Hdf5Handle space = own(
      shape.empty() ? H5Screate(H5S_SCALAR) : H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr),
      H5Sclose, where, "cannot be created");
  const Hdf5Handle creation = array_properties(shape, H5Tget_size(stored), where);
  Hdf5Handle array =
      own(H5Dcreate2(file_.id(), name.c_str(), stored, space.id(), H5P_DEFAULT, creation.id(), H5P_DEFAULT), H5Dclose,
          where, "cannot be created");
  check(H5Dwrite(array.id(), given, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), where, "cannot be written");
  check(array.reset(), where, "cannot be written");
}

void Hdf5Writer::write_text(std::string_view path, std::string_view text) {
  const QuietErrors quiet;
  const std::string where = place(target_->path(), path);
  check_text(text, where);
  // [1] rather than a scalar once it is long: only chunked arrays have a checksum beyond the object header
  const Hdf5Handle type = text_type(text.size(), where);
  const std::string padded(text.empty() ? std::string_view("\0", 1) : text);
  write_data(path, type.id(), type.id(), padded.data(), text.size() <= compact_bytes ? Hdf5Shape{} : Hdf5Shape{1});
}

void Hdf5Writer::write_texts(std::string_view path, const std::vector<std::string>& texts) {
  const QuietErrors quiet;
  const std::string where = place(target_->path(), path);
  std::size_t longest = 1;
  for (const std::string& text : texts) {
    check_text(text, where);
    longest = std::max(longest, text.size());
  }
  require(texts.empty() || longest <= max_text_bytes / texts.size(), where, "{} strings of up to {} bytes are too many",
          texts.size(), longest);
  std::string table(longest * texts.size(), '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i].copy(table.data() + i * longest, longest);
  const Hdf5Handle type = text_type(longest, where);
  write_data(path, type.id(), type.id(), table.data(), {texts.size()});
}

void Hdf5Writer::write_attribute(std::string_view object, std::string_view name, Hdf5Type type, const void* value) {
  write_attribute_data(object, name, disk_type(type), native_type(type), value);
}

void Hdf5Writer::write_attribute(std::string_view object, std::string_view name, std::string_view text) {
  const QuietErrors quiet;
  const std::string where = place(target_->path(), object);
  check_text(text, where);
  const Hdf5Handle type = text_type(text.size(), where);
  const std::string padded(text.empty() ? std::string_view("\0", 1) : text);
  write_attribute_data(object, name, type.id(), type.id(), padded.data());
}

void Hdf5Writer::write_attribute_data(std::string_view object, std::string_view name, std::int64_t stored,
                                      std::int64_t given, const void* value) {
  const QuietErrors quiet;
  const std::string where = fmt::format("{} attribute {}", place(target_->path(), object), name);
  const Hdf5Handle space = own(H5Screate(H5S_SCALAR), H5Sclose, where, "cannot be created");
  const Hdf5Handle attribute = own(H5Acreate_by_name(file_.id(), object_name(object).c_str(), object_name(name).c_str(),
                                                     stored, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                                   H5Aclose, where, "cannot be created");
  check(H5Awrite(attribute.id(), given, value), where, "cannot be written");
}

void Hdf5Writer::commit() {
  require_room();
  const QuietErrors quiet;
  const std::string where = target_->path().string();
  require(file_.id() >= 0, where, "was committed already");
  check(file_.reset(), where, "cannot be written");
  target_->commit();
}

}  // namespace bitstate
