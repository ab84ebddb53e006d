#include "core/io/hdf5_calls.h"

#include "core/error.h"
#include "core/io/memory.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <new>
#include <utility>

namespace bitstate::hdf5 {
namespace {

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

}  // namespace

void require_room() {
  constexpr std::size_t enough = std::size_t{1} << 24;  // its caches, a chunk, and what it keeps of an open file
  if (memory_is_limited() && !has_room_for(enough)) throw std::bad_alloc();
}

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

Hdf5Handle own(hid_t id, Hdf5Handle::Close close, std::string_view where, std::string_view what) {
  if (id < 0) fail(where, "{}: {}", what, reason());
  return {id, close};
}

void check(herr_t status, std::string_view where, std::string_view what) {
  if (status < 0) fail(where, "{}: {}", what, reason());
}

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

Hdf5Handle text_type(std::size_t size, std::string_view where) {
  Hdf5Handle type = own(H5Tcopy(H5T_C_S1), H5Tclose, where, "cannot make a string type");
  check(H5Tset_size(type.id(), std::max<std::size_t>(size, 1)), where, "cannot make a string type");
  check(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), where, "cannot make a string type");
  check(H5Tset_cset(type.id(), H5T_CSET_UTF8), where, "cannot make a string type");
  return type;
}

std::string object_name(std::string_view path) {
  require(path.find('\0') == std::string_view::npos, path, "a name must not contain a NUL");
  return path.empty() ? "/" : std::string(path);
}

}  // namespace bitstate::hdf5

namespace bitstate {

int Hdf5Handle::reset() {
  if (id_ < 0) return 0;
  const hdf5::QuietErrors quiet;  // what cannot be closed, as on a full disk, is told by whoever asks for the result
  return close_(std::exchange(id_, -1));
}

}  // namespace bitstate
