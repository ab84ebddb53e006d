// Reading and writing HDF5 files: paths like "layers.0/weight", arrays with their shape, attributes, errors as
// sentences. Files are written atomically, in the latest format (checksummed metadata), with fletcher32 on the data and
// without timestamps: equal content gives equal bytes. Objects of these classes may be moved between threads; two
// threads may use HDF5 at once only if the library was built thread-safe.
#pragma once

#include "core/io/atomic_file.h"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace bitstate {

/// The element types that are written and read.
enum class Hdf5Type { float32, float64, int32, int64, uint64, uint8 };

template <class T>
concept Hdf5Number = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int32_t> ||
    std::same_as<T, std::int64_t> || std::same_as<T, std::uint64_t> || std::same_as<T, std::uint8_t>;

template <Hdf5Number T>
constexpr Hdf5Type hdf5_type() {
  if constexpr (std::same_as<T, float>) return Hdf5Type::float32;
  if constexpr (std::same_as<T, double>) return Hdf5Type::float64;
  if constexpr (std::same_as<T, std::int32_t>) return Hdf5Type::int32;
  if constexpr (std::same_as<T, std::int64_t>) return Hdf5Type::int64;
  if constexpr (std::same_as<T, std::uint64_t>) return Hdf5Type::uint64;
  if constexpr (std::same_as<T, std::uint8_t>) return Hdf5Type::uint8;
}

using Hdf5Shape = std::vector<std::size_t>;

/// A dense array, row-major; a scalar has an empty shape and one value.
template <class T>
struct Hdf5Array {
  Hdf5Shape shape;
  std::vector<T> values;
};

/// What one read may allocate at most, in elements, unless the caller says otherwise.
inline constexpr std::size_t hdf5_max_elements = std::size_t{1} << 28;

/// Owns one HDF5 identifier (hid_t, a 64-bit integer) and the function that closes it.
class Hdf5Handle {
 public:
  using Close = int (*)(std::int64_t);
  Hdf5Handle() = default;
  Hdf5Handle(std::int64_t id, Close close) : id_(id), close_(close) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Hdf5Handle() { reset(); }

  [[nodiscard]] std::int64_t id() const { return id_; }
  /// Closes now; negative where HDF5 reports a failure.
  int reset();

 private:
  std::int64_t id_ = -1;
  Close close_ = nullptr;
};

/// Writes a new file. Nothing is visible under `path` before commit(); without it the file is dropped.
/// Every function throws Error with the file, the object and HDF5's reason. Missing groups on a path are created.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(std::filesystem::path path);

  void group(std::string_view path);

  /// An array of the product of `shape` elements, row-major.
  template <Hdf5Number T>
  void write(std::string_view path, const T* values, const Hdf5Shape& shape) {
    write_numbers(path, hdf5_type<T>(), values, shape);
  }
  template <Hdf5Number T>
  void write(std::string_view path, const std::vector<T>& values, const Hdf5Shape& shape) {
    check_count(path, values.size(), shape);
    write_numbers(path, hdf5_type<T>(), values.data(), shape);
  }
  template <Hdf5Number T>
  void write(std::string_view path, const std::vector<T>& values) {
    write(path, values, {values.size()});
  }
  template <Hdf5Number T>
  void write_scalar(std::string_view path, T value) {
    write_numbers(path, hdf5_type<T>(), &value, {});
  }
  /// One string (fixed length, UTF-8, no NUL inside).
  void write_text(std::string_view path, std::string_view text);
  /// A list of strings [n].
  void write_texts(std::string_view path, const std::vector<std::string>& texts);

  /// An attribute of a group or array that exists ("/" is the root group): integers are stored as int64 or uint64,
  /// floating-point numbers as float64, anything else must be a string.
  template <class T>
  void set_attribute(std::string_view object, std::string_view name, const T& value) {
    if constexpr (std::is_integral_v<T> && std::is_unsigned_v<T> && !std::same_as<T, bool>) {
      const auto number = static_cast<std::uint64_t>(value);
      write_attribute(object, name, Hdf5Type::uint64, &number);
    } else if constexpr (std::is_integral_v<T>) {
      const auto number = static_cast<std::int64_t>(value);
      write_attribute(object, name, Hdf5Type::int64, &number);
    } else if constexpr (std::is_floating_point_v<T>) {
      const auto number = static_cast<double>(value);
      write_attribute(object, name, Hdf5Type::float64, &number);
    } else {
      write_attribute(object, name, std::string_view(value));
    }
  }

  /// Closes the file, flushes it to disk and puts it in its place. Nothing can be written afterwards.
  void commit();

 private:
  void check_count(std::string_view path, std::size_t count, const Hdf5Shape& shape) const;
  void write_numbers(std::string_view path, Hdf5Type type, const void* values, const Hdf5Shape& shape);
  void write_data(std::string_view path, std::int64_t stored, std::int64_t given, const void* values,
                  const Hdf5Shape& shape);
  void write_attribute(std::string_view object, std::string_view name, Hdf5Type type, const void* value);
  void write_attribute(std::string_view object, std::string_view name, std::string_view text);
  void write_attribute_data(std::string_view object, std::string_view name, std::int64_t stored, std::int64_t given,
                            const void* value);

  std::unique_ptr<AtomicFile> target_;  // declared before the handle: the file is closed before it is removed
  Hdf5Handle file_;
};

/// Reads a file. Every function throws Error with the file, the object and the reason, also for truncated and damaged
/// files. Numbers are converted to the type asked for; a value it cannot hold (out of range, a fraction read as an
/// integer, NaN read as an integer) is an error, rounding of floating-point numbers is not.
class Hdf5Reader {
 public:
  explicit Hdf5Reader(std::filesystem::path path);
  /// The content of a file that is in memory; `path` is its name in errors.
  Hdf5Reader(std::filesystem::path path, std::string_view content);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// As many numbers as a file of its size can hold, compressed at the best: what to allow in files of others.
  [[nodiscard]] std::size_t plausible_elements() const;

  /// Whether a group or an array is there.
  [[nodiscard]] bool exists(std::string_view path) const;
  /// Names of a group's members, sorted.
  [[nodiscard]] std::vector<std::string> list(std::string_view path = "/") const;
  [[nodiscard]] bool is_group(std::string_view path) const;
  [[nodiscard]] Hdf5Shape shape(std::string_view path) const;
  /// Whether the numbers of an array are stored as integers, of any size.
  [[nodiscard]] bool is_integer(std::string_view path) const;
  /// Whether they are stored as names of numbers: booleans of h5py are.
  [[nodiscard]] bool is_enum(std::string_view path) const;
  /// Whether it holds strings, of fixed or variable length.
  [[nodiscard]] bool is_text(std::string_view path) const;
  /// Whether they are stored as floating-point numbers of at most single precision.
  [[nodiscard]] bool is_single(std::string_view path) const;

  /// The array at `path`; refused before anything is allocated if it claims more than `max_elements`.
  template <Hdf5Number T>
  [[nodiscard]] Hdf5Array<T> read(std::string_view path, std::size_t max_elements = hdf5_max_elements) const {
    Hdf5Array<T> array;
    array.shape = shape(path);
    array.values.resize(checked_count(path, array.shape, max_elements));
    read_numbers(path, hdf5_type<T>(), array.values.size(), array.values.data());
    return array;
  }
  /// An array of exactly one element, whatever its rank.
  template <Hdf5Number T>
  [[nodiscard]] T read_scalar(std::string_view path) const {
    return read<T>(path, 1).values.at(0);
  }
  [[nodiscard]] std::string read_text(std::string_view path) const;
  [[nodiscard]] std::vector<std::string> read_texts(std::string_view path,
                                                    std::size_t max_elements = std::size_t{1} << 20) const;

  [[nodiscard]] bool has_attribute(std::string_view object, std::string_view name) const;
  /// Names of an object's attributes, sorted.
  [[nodiscard]] std::vector<std::string> attributes(std::string_view object) const;
  /// An attribute of one element: std::string (fixed or variable length), or a number.
  template <class T>
  [[nodiscard]] T attribute(std::string_view object, std::string_view name) const {
    if constexpr (std::same_as<T, std::string>) {
      return read_attribute_text(object, name);
    } else {
      static_assert(Hdf5Number<T>, "attributes are std::string or one of the number types");
      T value{};
      read_attribute(object, name, hdf5_type<T>(), &value);
      return value;
    }
  }

 private:
  [[nodiscard]] std::size_t checked_count(std::string_view path, const Hdf5Shape& shape, std::size_t limit) const;
  void read_numbers(std::string_view path, Hdf5Type type, std::size_t count, void* values) const;
  void read_attribute(std::string_view object, std::string_view name, Hdf5Type type, void* value) const;
  [[nodiscard]] std::string read_attribute_text(std::string_view object, std::string_view name) const;

  std::filesystem::path path_;
  Hdf5Handle file_;
};

}  // namespace bitstate
