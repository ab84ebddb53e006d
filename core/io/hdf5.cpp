#include "core/io/hdf5.h"

#include "core/error.h"
#include "core/io/memory.h"

#include <fmt/ranges.h>
#include <hdf5.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <system_error>

namespace bitstate {
namespace {

static_assert(sizeof(hid_t) == sizeof(std::int64_t), "Hdf5Handle stores a hid_t in 64 bits");

constexpr std::size_t max_text_bytes = std::size_t{1} << 26;   // one string, or all strings of a list together
constexpr std::size_t chunk_bytes = std::size_t{1} << 20;      // one chunk of an array, the unit of its checksum
constexpr std::size_t max_chunk_bytes = std::size_t{1} << 25;  // that is read, unless the array is larger
constexpr std::size_t compact_bytes = std::size_t{1} << 10;  // arrays up to here live in the checksummed object header

/// Turns HDF5's printing of errors off while it lives (the setting belongs to the thread in thread-safe builds).
class QuietErrors {
 public:
  QuietErrors() {
    // Without this HDF5 1.10 prints "infinite loop closing library" when the program ends after it met a damaged object
    // header. Nothing is lost: every handle here is closed by its owner. Effective before HDF5's first use only.
    H5dont_atexit();
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~QuietErrors() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;

 private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

/// HDF5 ends the program, or comes to no end, where it gets no memory: it is not called then.
void require_room() {
  constexpr std::size_t enough = std::size_t{1} << 24;  // its caches, a chunk, and what it keeps of an open file
  if (memory_is_limited() && !has_room_for(enough)) throw std::bad_alloc();
}

/// Keeps a name that HDF5 lists. It does not let exceptions through: -1, its sign of failure, where memory runs out.
herr_t keep_name(std::vector<std::string>& names, const char* name) {
  try {
    names.emplace_back(name);
    return 0;
  } catch (const std::bad_alloc&) {
    return -1;
  }
}

/// What HDF5 has on its error stack: the innermost description, which names the cause; where the system gave a reason,
/// that alone.
std::string reason() {
  std::string text;
  const auto keep = [](unsigned depth, const H5E_error2_t* error, void* out) -> herr_t {
    if (depth != 0 || error->desc == nullptr) return 0;
    try {
      *static_cast<std::string*>(out) = error->desc;
    } catch (const std::bad_alloc&) {  // then without
    }
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep, &text);
  constexpr std::string_view system_reason = "error message = '";
  if (const auto found = text.find(system_reason); found != std::string::npos) {
    const auto begin = found + system_reason.size();
    return text.substr(begin, text.find('\'', begin) - begin);
  }
  return text.empty() ? "HDF5 gives no reason" : text;
}

/// Where an error happened: "run/best.h5: /layers.0/ssm/B".
std::string place(const std::filesystem::path& file, std::string_view object) {
  return fmt::format("{}: {}{}", file.string(), object.substr(0, 1) == "/" ? "" : "/", object);
}

hid_t native_type(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::float32:
      return H5T_NATIVE_FLOAT;
    case Hdf5Type::float64:
      return H5T_NATIVE_DOUBLE;
    case Hdf5Type::int32:
      return H5T_NATIVE_INT32;
    case Hdf5Type::int64:
      return H5T_NATIVE_INT64;
    case Hdf5Type::uint64:
      return H5T_NATIVE_UINT64;
    case Hdf5Type::uint8:
      return H5T_NATIVE_UINT8;
  }
  return H5I_INVALID_HID;
}

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

/// Takes over `id`; an Error "[where] what: HDF5's reason" if it is a failure.
Hdf5Handle own(hid_t id, Hdf5Handle::Close close, std::string_view where, std::string_view what) {
  if (id < 0) fail(where, "{}: {}", what, reason());
  return {id, close};
}

void check(herr_t status, std::string_view where, std::string_view what) {
  if (status < 0) fail(where, "{}: {}", what, reason());
}

/// The product of a shape, refused above `limit` before it can overflow.
std::size_t element_count(const Hdf5Shape& shape, std::size_t limit, std::string_view where) {
  if (std::find(shape.begin(), shape.end(), std::size_t{0}) != shape.end()) return 0;
  std::size_t count = 1;
  for (const std::size_t size : shape) {
    require(size <= limit / count, where, "claims shape [{}], more than the {} elements allowed",
            fmt::join(shape, ", "), limit);
    count *= size;
  }
  return count;
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

/// A fixed-length UTF-8 string of `size` bytes, padded with NUL.
Hdf5Handle text_type(std::size_t size, std::string_view where) {
  Hdf5Handle type = own(H5Tcopy(H5T_C_S1), H5Tclose, where, "cannot make a string type");
  check(H5Tset_size(type.id(), std::max<std::size_t>(size, 1)), where, "cannot make a string type");
  check(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), where, "cannot make a string type");
  check(H5Tset_cset(type.id(), H5T_CSET_UTF8), where, "cannot make a string type");
  return type;
}

void check_text(std::string_view text, std::string_view where) {
  require(text.find('\0') == std::string_view::npos, where, "a string with a NUL inside cannot be stored");
  require(text.size() <= max_text_bytes, where, "a string of {} bytes is too long; at most {} can be stored",
          text.size(), max_text_bytes);
}

/// Object and attribute names become C strings.
std::string object_name(std::string_view path) {
  require(path.find('\0') == std::string_view::npos, path, "a name must not contain a NUL");
  return path.empty() ? "/" : std::string(path);
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

}  // namespace

int Hdf5Handle::reset() {
  if (id_ < 0) return 0;
  const QuietErrors quiet;  // what cannot be closed, as on a full disk, is told by whoever asks for the result
  return close_(std::exchange(id_, -1));
}

bool hdf5_is_thread_safe() {
  const QuietErrors quiet;
  hbool_t safe = 0;
  return H5is_library_threadsafe(&safe) >= 0 && safe != 0;
}

// ---------------------------------------------------------------------------------------------------------- writing

namespace {

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

// ---------------------------------------------------------------------------------------------------------- reading

namespace {

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
