// How bitstate calls HDF5: failures become errors with HDF5's reason. Only core/io/hdf5_*.cpp include this.
#pragma once

#include "core/io/hdf5.h"

#include <hdf5.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace bitstate::hdf5 {

static_assert(sizeof(hid_t) == sizeof(std::int64_t), "Hdf5Handle stores a hid_t in 64 bits");

inline constexpr std::size_t max_text_bytes = std::size_t{1} << 26;  // one string, or all strings of a list together

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

/// HDF5 ends the program, or comes to no end, where it gets no memory: it is not called then. Throws std::bad_alloc.
void require_room();

/// Where an error happened: "run/best.h5: /layers.0/ssm/B".
std::string place(const std::filesystem::path& file, std::string_view object);

/// The type in memory.
hid_t native_type(Hdf5Type type);

/// Takes over `id`; an Error "[where] what: HDF5's reason" if it is a failure.
Hdf5Handle own(hid_t id, Hdf5Handle::Close close, std::string_view where, std::string_view what);

/// The same Error where a call failed.
void check(herr_t status, std::string_view where, std::string_view what);

/// The product of a shape, refused above `limit` before it can overflow.
std::size_t element_count(const Hdf5Shape& shape, std::size_t limit, std::string_view where);

/// A fixed-length UTF-8 string of `size` bytes, padded with NUL.
Hdf5Handle text_type(std::size_t size, std::string_view where);

/// Object and attribute names become C strings.
std::string object_name(std::string_view path);

}  // namespace bitstate::hdf5
