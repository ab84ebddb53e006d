#include "core/error.h"
#include "core/io/hdf5_calls.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <system_error>

namespace bitstate {

using namespace hdf5;

namespace {

constexpr std::size_t max_chunk_bytes = std::size_t{1} << 25;  // that is read, unless the array is larger

/// Keeps a name that HDF5 lists. It does not let exceptions through: -1, its sign of failure, where memory runs out.
herr_t keep_name(std::vector<std::string>& names, const char* name) {
  try {
    names.emplace_back(name);
    return 0;
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

Hdf5Shape space_shape(hid_t space, std::string_view where) {
  const H5S_class_t kind = H5Sget_simple_extent_type(space);
  require(kind == H5S_SCALAR || kind == H5S_SIMPLE, where, "has no elements (a null data space)");
  const int rank = H5Sget_simple_extent_ndims(space);
  require(rank >= 0 && rank <= H5S_MAX_RANK, where, "has an unreadable shape");
  std::vector<hsize_t> sizes(static_cast<std::size_t>(rank));
  check(H5Sget_simple_extent_dims(space, sizes.data(), nullptr), where, "has an unreadable shape");
  return {sizes.begin(), sizes.end()};
}

/// Aborts a conversion that would change a number instead of rounding it.
H5T_conv_ret_t refuse_wrong_numbers(H5T_conv_except_t what, hid_t, hid_t destination, void*, void*, void*) {
  const bool to_integer = H5Tget_class(destination) == H5T_INTEGER;
  switch (what) {
    case H5T_CONV_EXCEPT_RANGE_HI:
    case H5T_CONV_EXCEPT_RANGE_LOW:
    case H5T_CONV_EXCEPT_TRUNCATE:
      return H5T_CONV_ABORT;
    case H5T_CONV_EXCEPT_PINF:
    case H5T_CONV_EXCEPT_NINF:
    case H5T_CONV_EXCEPT_NAN:
      return to_integer ? H5T_CONV_ABORT : H5T_CONV_UNHANDLED;
    default:
      return H5T_CONV_UNHANDLED;
  }
}

/// Transfers of HDF5 convert integers to floats with rounding, everything else exactly or not at all.
Hdf5Handle strict_transfer(std::string_view where) {
  Hdf5Handle list = own(H5Pcreate(H5P_DATASET_XFER), H5Pclose, where, "cannot be read");
  check(H5Pset_type_conv_cb(list.id(), refuse_wrong_numbers, nullptr), where, "cannot be read");
  return list;
}

bool is_number(H5T_class_t kind) { return kind == H5T_INTEGER || kind == H5T_FLOAT || kind == H5T_ENUM; }

constexpr std::string_view unreadable_number = "cannot be read (damaged, or a value the wanted type cannot hold)";

/// Links may lead into other files.
void refuse_links(hid_t file, std::string_view where) {
  const auto is_soft = [](hid_t, const char*, const H5L_info_t* link, void*) -> herr_t {
    return link->type == H5L_TYPE_HARD ? 0 : 1;
  };
  const herr_t found = H5Lvisit(file, H5_INDEX_NAME, H5_ITER_NATIVE, is_soft, nullptr);
  check(found, where, "cannot be listed");
  require(found == 0, where, "holds a link to another place, which is not followed");
}

}  // namespace

Hdf5Reader::Hdf5Reader(std::filesystem::path path) : path_(std::move(path)) {
  require_room();
  const QuietErrors quiet;
  const std::string where = path_.string();
  std::error_code error;
  require(std::filesystem::exists(path_, error), where, "there is no such file");
  require_regular(path_);
  file_ = own(H5Fopen(path_.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, where, "is not a readable HDF5 file");
  refuse_links(file_.id(), where);
}

Hdf5Reader::Hdf5Reader(std::filesystem::path path, std::string_view content) : path_(std::move(path)) {
  require_room();
  const QuietErrors quiet;
  const std::string where = path_.string();
  constexpr std::size_t increment = std::size_t{1} << 16;
  const Hdf5Handle access = own(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, where, "cannot be opened");
  check(H5Pset_fapl_core(access.id(), increment, 0), where, "cannot be opened");
  // HDF5 copies the image; it does not write to it although its parameter is not const
  check(H5Pset_file_image(access.id(), const_cast<char*>(content.data()), content.size()), where, "cannot be opened");
  // the driver refuses the name of a file that exists; no file is below a null device
  file_ =
      own(H5Fopen("/dev/null/content", H5F_ACC_RDONLY, access.id()), H5Fclose, where, "is not a readable HDF5 file");
  refuse_links(file_.id(), where);
}

bool Hdf5Reader::exists(std::string_view path) const {
  const QuietErrors quiet;
  const std::string full = object_name(path);
  std::size_t end = full.find_first_not_of('/');
  while (end != std::string::npos) {
    end = full.find('/', end);
    if (H5Oexists_by_name(file_.id(), full.substr(0, end).c_str(), H5P_DEFAULT) <= 0) return false;
    if (end != std::string::npos) end = full.find_first_not_of('/', end);
  }
  return true;
}

bool Hdf5Reader::is_group(std::string_view path) const {
  const QuietErrors quiet;
  const std::string where = place(path_, path);
  const Hdf5Handle object =
      own(H5Oopen(file_.id(), object_name(path).c_str(), H5P_DEFAULT), H5Oclose, where, "cannot be opened");
  return H5Iget_type(object.id()) == H5I_GROUP;
}

std::vector<std::string> Hdf5Reader::list(std::string_view path) const {
  const QuietErrors quiet;
  const std::string where = place(path_, path);
  const Hdf5Handle group =
      own(H5Gopen2(file_.id(), object_name(path).c_str(), H5P_DEFAULT), H5Gclose, where, "is not a readable group");
  std::vector<std::string> names;
  const auto keep = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    return keep_name(*static_cast<std::vector<std::string>*>(out), name);
  };
  check(H5Literate(group.id(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, keep, &names), where, "cannot be listed");
  std::sort(names.begin(), names.end());
  return names;
}

namespace {

Hdf5Handle open_array(std::int64_t file, std::string_view path, std::string_view where) {
  Hdf5Handle array =
      own(H5Dopen2(file, object_name(path).c_str(), H5P_DEFAULT), H5Dclose, where, "is not a readable array");
  const Hdf5Handle creation = own(H5Dget_create_plist(array.id()), H5Pclose, where, "is not a readable array");
  require(H5Pget_external_count(creation.id()) == 0 && H5Pget_layout(creation.id()) != H5D_VIRTUAL, where,
          "keeps its data in another file, which is not followed");
  return array;
}

/// HDF5 allocates whole chunks, whatever the shape: one may be as large as an array of `count` elements of the stored
/// type, or have max_chunk_bytes.
void check_chunk(const Hdf5Handle& array, const Hdf5Handle& stored, std::size_t count, const std::string& where) {
  const Hdf5Handle creation = own(H5Dget_create_plist(array.id()), H5Pclose, where, "is not a readable array");
  if (H5Pget_layout(creation.id()) != H5D_CHUNKED) return;
  std::array<hsize_t, H5S_MAX_RANK> sizes{};
  const int rank = H5Pget_chunk(creation.id(), H5S_MAX_RANK, sizes.data());
  check(rank, where, "has an unreadable layout");
  const std::size_t limit = std::max(count, max_chunk_bytes / std::max<std::size_t>(H5Tget_size(stored.id()), 1));
  (void)element_count({sizes.begin(), sizes.begin() + rank}, limit, where + " (a chunk)");
}

}  // namespace

std::size_t Hdf5Reader::plausible_elements() const {
  constexpr std::size_t deflate_ratio = 1032;
  return std::min(hdf5_max_elements, deflate_ratio * std::filesystem::file_size(path_));
}

Hdf5Shape Hdf5Reader::shape(std::string_view path) const {
  const QuietErrors quiet;
  const std::string where = place(path_, path);
  const Hdf5Handle array = open_array(file_.id(), path, where);
  const Hdf5Handle space = own(H5Dget_space(array.id()), H5Sclose, where, "has an unreadable shape");
  return space_shape(space.id(), where);
}

namespace {

/// The type in which an array is stored.
Hdf5Handle stored_type(hid_t file, const std::filesystem::path& name, std::string_view path) {
  const QuietErrors quiet;
  const std::string where = place(name, path);
  const Hdf5Handle array = open_array(file, path, where);
  return own(H5Dget_type(array.id()), H5Tclose, where, "has an unreadable type");
}

}  // namespace

bool Hdf5Reader::is_integer(std::string_view path) const {
  return H5Tget_class(stored_type(file_.id(), path_, path).id()) == H5T_INTEGER;
}

bool Hdf5Reader::is_enum(std::string_view path) const {
  return H5Tget_class(stored_type(file_.id(), path_, path).id()) == H5T_ENUM;
}

bool Hdf5Reader::is_text(std::string_view path) const {
  return H5Tget_class(stored_type(file_.id(), path_, path).id()) == H5T_STRING;
}

bool Hdf5Reader::is_single(std::string_view path) const {
  const Hdf5Handle stored = stored_type(file_.id(), path_, path);
  return H5Tget_class(stored.id()) == H5T_FLOAT && H5Tget_size(stored.id()) <= sizeof(float);
}

std::size_t Hdf5Reader::checked_count(std::string_view path, const Hdf5Shape& shape, std::size_t limit) const {
  return element_count(shape, limit, place(path_, path));
}

void Hdf5Reader::read_numbers(std::string_view path, Hdf5Type type, std::size_t count, void* values) const {
  require_room();
  const QuietErrors quiet;
  const std::string where = place(path_, path);
  const Hdf5Handle array = open_array(file_.id(), path, where);
  const Hdf5Handle stored = own(H5Dget_type(array.id()), H5Tclose, where, "has an unreadable type");
  require(is_number(H5Tget_class(stored.id())), where, "does not hold numbers");
  const Hdf5Handle space = own(H5Dget_space(array.id()), H5Sclose, where, "has an unreadable shape");
  require(H5Sget_simple_extent_npoints(space.id()) == static_cast<hssize_t>(count), where,
          "changed its shape while it was read");
  if (count == 0) return;
  check_chunk(array, stored, count, where);
  const Hdf5Handle transfer = strict_transfer(where);
  check(H5Dread(array.id(), native_type(type), H5S_ALL, H5S_ALL, transfer.id(), values), where, unreadable_number);
}

namespace {

/// The strings of a fixed-length table: `count` rows of `size` bytes, padded with NUL (or spaces).
std::vector<std::string> split_table(const std::string& table, std::size_t size, std::size_t count, H5T_str_t padding) {
  std::vector<std::string> texts(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::string_view row(table.data() + i * size, size);
    if (padding == H5T_STR_SPACEPAD) {
      row = row.substr(0, row.find_last_not_of(' ') + 1);
    } else {
      row = row.substr(0, row.find('\0'));
    }
    texts[i] = row;
  }
  return texts;
}

/// Reads the strings of an array or an attribute through `read(memory type, buffer)`.
template <class Read>
std::vector<std::string> texts_of(hid_t stored, hid_t space, std::size_t limit, std::string_view where, Read read) {
  require(H5Tget_class(stored) == H5T_STRING, where, "does not hold strings");
  const std::size_t count = element_count(space_shape(space, where), limit, where);
  if (count == 0) return {};
  const Hdf5Handle memory = own(H5Tcopy(H5T_C_S1), H5Tclose, where, "cannot be read");
  check(H5Tset_cset(memory.id(), H5Tget_cset(stored)), where, "cannot be read");

  if (H5Tis_variable_str(stored) > 0) {
    check(H5Tset_size(memory.id(), H5T_VARIABLE), where, "cannot be read");
    std::vector<char*> pointers(count, nullptr);
    const auto reclaim = [&](char** all) { H5Dvlen_reclaim(memory.id(), space, H5P_DEFAULT, all); };
    const std::unique_ptr<char*, decltype(reclaim)> reclaimed(pointers.data(), reclaim);
    check(read(memory.id(), pointers.data()), where, "cannot be read");
    std::vector<std::string> texts;
    for (const char* text : pointers) texts.emplace_back(text == nullptr ? "" : text);
    return texts;
  }

  const std::size_t size = H5Tget_size(stored);
  const H5T_str_t padding = H5Tget_strpad(stored);
  require(size > 0 && size <= max_text_bytes / count, where, "claims {} strings of {} bytes, too many to read", count,
          size);
  check(H5Tset_size(memory.id(), size), where, "cannot be read");
  check(H5Tset_strpad(memory.id(), padding), where, "cannot be read");
  std::string table(size * count, '\0');
  check(read(memory.id(), table.data()), where, "cannot be read");
  return split_table(table, size, count, padding);
}

}  // namespace

std::vector<std::string> Hdf5Reader::read_texts(std::string_view path, std::size_t max_elements) const {
  require_room();
  const QuietErrors quiet;
  const std::string where = place(path_, path);
  const Hdf5Handle array = open_array(file_.id(), path, where);
  const Hdf5Handle stored = own(H5Dget_type(array.id()), H5Tclose, where, "has an unreadable type");
  const Hdf5Handle space = own(H5Dget_space(array.id()), H5Sclose, where, "has an unreadable shape");
  check_chunk(array, stored, 0, where);
  return texts_of(stored.id(), space.id(), max_elements, where, [&](hid_t memory, void* buffer) {
    return H5Dread(array.id(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer);
  });
}

std::string Hdf5Reader::read_text(std::string_view path) const {
  const std::vector<std::string> texts = read_texts(path, 1);
  require(texts.size() == 1, place(path_, path), "is not one string");
  return texts.front();
}

namespace {

Hdf5Handle open_attribute(std::int64_t file, std::string_view object, std::string_view name, std::string_view where) {
  return own(H5Aopen_by_name(file, object_name(object).c_str(), object_name(name).c_str(), H5P_DEFAULT, H5P_DEFAULT),
             H5Aclose, where, "is not there");
}

std::string attribute_place(const std::filesystem::path& file, std::string_view object, std::string_view name) {
  return fmt::format("{} attribute {}", place(file, object), name);
}

}  // namespace

bool Hdf5Reader::has_attribute(std::string_view object, std::string_view name) const {
  const QuietErrors quiet;
  return H5Aexists_by_name(file_.id(), object_name(object).c_str(), object_name(name).c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> Hdf5Reader::attributes(std::string_view object) const {
  const QuietErrors quiet;
  const std::string where = place(path_, object);
  const Hdf5Handle owner =
      own(H5Oopen(file_.id(), object_name(object).c_str(), H5P_DEFAULT), H5Oclose, where, "cannot be opened");
  std::vector<std::string> names;
  const auto keep = [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
    return keep_name(*static_cast<std::vector<std::string>*>(out), name);
  };
  check(H5Aiterate2(owner.id(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, keep, &names), where,
        "has unreadable attributes");
  std::sort(names.begin(), names.end());
  return names;
}

void Hdf5Reader::read_attribute(std::string_view object, std::string_view name, Hdf5Type type, void* value) const {
  const QuietErrors quiet;
  const std::string where = attribute_place(path_, object, name);
  const Hdf5Handle attribute = open_attribute(file_.id(), object, name, where);
  const Hdf5Handle stored = own(H5Aget_type(attribute.id()), H5Tclose, where, "has an unreadable type");
  require(is_number(H5Tget_class(stored.id())), where, "is not a number");
  const Hdf5Handle space = own(H5Aget_space(attribute.id()), H5Sclose, where, "has an unreadable shape");
  require(element_count(space_shape(space.id(), where), 1, where) == 1, where, "is empty");
  // H5Aread takes no transfer properties: read as stored, then convert strictly
  std::array<unsigned char, 64> bytes{};
  const std::size_t size = H5Tget_size(stored.id());
  require(size <= bytes.size(), where, "has a type of {} bytes, which is not a number's", size);
  check(H5Aread(attribute.id(), stored.id(), bytes.data()), where, unreadable_number);
  const Hdf5Handle transfer = strict_transfer(where);
  check(H5Tconvert(stored.id(), native_type(type), 1, bytes.data(), nullptr, transfer.id()), where, unreadable_number);
  std::memcpy(value, bytes.data(), H5Tget_size(native_type(type)));
}

std::string Hdf5Reader::read_attribute_text(std::string_view object, std::string_view name) const {
  const QuietErrors quiet;
  const std::string where = attribute_place(path_, object, name);
  const Hdf5Handle attribute = open_attribute(file_.id(), object, name, where);
  const Hdf5Handle stored = own(H5Aget_type(attribute.id()), H5Tclose, where, "has an unreadable type");
  const Hdf5Handle space = own(H5Aget_space(attribute.id()), H5Sclose, where, "has an unreadable shape");
  const std::vector<std::string> texts = texts_of(stored.id(), space.id(), 1, where, [&](hid_t memory, void* buffer) {
    return H5Aread(attribute.id(), memory, buffer);
  });
  require(texts.size() == 1, where, "is not one string");
  return texts.front();
}

}  // namespace bitstate
