#include "core/io/safetensors.h"

#include "core/error.h"
#include "core/io/atomic_file.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace bitstate {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_header_bytes = std::size_t{1} << 24;
constexpr std::size_t max_dimensions = 8;
constexpr std::size_t length_bytes = 8;
static_assert(std::endian::native == std::endian::little, "files are little-endian");

enum class ElementType : std::uint8_t { f32, f16, bf16 };

std::size_t width_of(ElementType type) { return type == ElementType::f32 ? 4 : 2; }

/// A tensor in a file.
struct Stored {
  fs::path file;
  ElementType type = ElementType::f32;
  TensorShape shape;
  std::uint64_t begin = 0, end = 0;  ///< in the file
};

using StoredTensors = std::map<std::string, Stored, std::less<>>;

// ---------------------------------------------------------------------------------------------------------------- JSON

/// A value of JSON, as far as headers have them. nlohmann's own may not be destroyed where memory has run out.
struct Json {
  enum class Kind : std::uint8_t { other, text, whole, list, object };
  Kind kind = Kind::other;
  std::string text = {};
  std::uint64_t whole = 0;
  std::vector<std::string> names = {};  ///< of the items of an object
  std::vector<Json> items = {};

  [[nodiscard]] const Json* find(std::string_view name) const {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? nullptr : &items[static_cast<std::size_t>(found - names.begin())];
  }
};

bool is_plain(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// What nlohmann's parser calls. Throws Error for names that occur twice, and for more nesting than a header has.
class JsonBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonBuilder(Json& root, const std::string& where) : root_(root), where_(where) {}

  bool null() override { return add({}); }
  bool boolean(bool /*value*/) override { return add({}); }
  bool number_integer(number_integer_t /*value*/) override { return add({}); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return add({}); }
  bool binary(binary_t& /*value*/) override { return add({}); }
  bool number_unsigned(number_unsigned_t value) override { return add({Json::Kind::whole, {}, value}); }
  bool string(string_t& value) override { return add({Json::Kind::text, value}); }
  bool start_object(std::size_t /*size*/) override { return open(Json::Kind::object); }
  bool start_array(std::size_t /*size*/) override { return open(Json::Kind::list); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    require(is_plain(name), where_, "a name in the header is not printable ASCII");
    stack_.back()->names.push_back(name);
    return true;
  }

  bool end_object() override {
    std::set<std::string_view> seen;
    for (const std::string& name : stack_.back()->names) {
      require(seen.insert(name).second, where_, "the name {} occurs twice", name);
    }
    return close();
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    constexpr int out_of_range = 406;
    require(error.id != out_of_range, where_, "the header holds a number that is out of range");
    fail(where_, "the header is no JSON from byte {} on", position);
  }

 private:
  bool add(Json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
    } else {
      stack_.back()->items.push_back(std::move(value));
    }
    return true;
  }

  bool open(Json::Kind kind) {
    constexpr std::size_t max_depth = 3;
    require(stack_.size() < max_depth, where_, "the header nests deeper than {} levels", max_depth);
    add({kind});
    stack_.push_back(stack_.empty() ? &root_ : &stack_.back()->items.back());
    return true;
  }

  bool close() {
    stack_.pop_back();
    return true;
  }

  Json& root_;
  const std::string& where_;
  std::vector<Json*> stack_;  ///< what is open; only the last of them grows
};

Json parsed(std::string_view text, const std::string& where) {
  Json root;
  JsonBuilder builder(root, where);
  nlohmann::json::sax_parse(text, &builder);
  return root;
}

// -------------------------------------------------------------------------------------------------------------- header

ElementType type_of(const Json& value, const std::string& where, const std::string& name) {
  if (value.text == "F32") return ElementType::f32;
  if (value.text == "F16") return ElementType::f16;
  if (value.text == "BF16") return ElementType::bf16;
  fail(where, "{} has the dtype {}; F32, F16 and BF16 are read", name,
       value.kind == Json::Kind::text && is_plain(value.text) ? value.text : "?");
}

/// The numbers of a list of whole numbers; nothing where it is none.
std::optional<std::vector<std::uint64_t>> whole_numbers(const Json& value) {
  if (value.kind != Json::Kind::list || value.items.size() > max_dimensions) return std::nullopt;
  std::vector<std::uint64_t> numbers;
  for (const Json& number : value.items) {
    if (number.kind != Json::Kind::whole) return std::nullopt;
    numbers.push_back(number.whole);
  }
  return numbers;
}

/// One entry of the header; `data` bytes follow it.
Stored stored_of(const Json& entry, std::uint64_t data, const std::string& where, const std::string& name) {
  const Json* const dtype = entry.find("dtype");
  const Json* const sizes = entry.find("shape");
  const Json* const bounds = entry.find("data_offsets");
  require(dtype != nullptr && sizes != nullptr && bounds != nullptr && entry.names.size() == 3, where,
          "{} does not have dtype, shape and data_offsets, and nothing else", name);
  Stored stored;
  stored.type = type_of(*dtype, where, name);
  const auto shape = whole_numbers(*sizes);
  require(shape.has_value(), where, "the shape of {} is not a list of up to {} whole numbers", name, max_dimensions);
  const auto offsets = whole_numbers(*bounds);
  require(offsets && offsets->size() == 2, where, "the data_offsets of {} are not two whole numbers", name);
  const auto [begin, end] = std::pair(offsets->front(), offsets->back());
  require(begin <= end && end <= data, where, "{} has the bytes {} to {}, but there are {}", name, begin, end, data);
  std::uint64_t bytes = width_of(stored.type);
  for (const std::uint64_t size : *shape) {
    require(size > 0 && size <= data / bytes, where, "the sizes of {} do not match its {} bytes", name, end - begin);
    bytes *= size;
    stored.shape.push_back(size);
  }
  require(bytes == end - begin, where, "{} has {} bytes, but its shape and dtype ask for {}", name, end - begin, bytes);
  stored.begin = begin;
  stored.end = end;
  return stored;
}

/// Every byte belongs to one tensor.
void check_cover(const StoredTensors& tensors, std::uint64_t data, const std::string& where) {
  std::vector<std::pair<std::uint64_t, const StoredTensors::value_type*>> order;
  for (const auto& tensor : tensors) order.emplace_back(tensor.second.begin, &tensor);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::uint64_t covered = 0;
  for (const auto& [begin, tensor] : order) {
    require(begin >= covered, where, "{} begins at byte {}, within another tensor", tensor->first, begin);
    require(begin == covered, where, "the bytes {} to {}, before {}, belong to no tensor", covered, begin,
            tensor->first);
    covered = tensor->second.end;
  }
  require(covered == data, where, "the bytes {} to {}, at the end, belong to no tensor", covered, data);
}

std::string header_of(std::ifstream& file, std::uint64_t size, const std::string& where) {
  std::uint64_t length = 0;
  require(size >= length_bytes && file.read(reinterpret_cast<char*>(&length), length_bytes).good(), where,
          "has {} bytes, too few for a header", size);
  require(length <= size - length_bytes, where, "the header claims {} bytes, but {} follow", length,
          size - length_bytes);
  require(length <= max_header_bytes, where, "the header has {} bytes; at most {} are read", length, max_header_bytes);
  std::string text(length, '\0');
  require(file.read(text.data(), static_cast<std::streamsize>(length)).good(), where, "cannot be read");
  return text;
}

StoredTensors tensors_in(const fs::path& path) {
  const std::string where = path.string();
  require_regular(path);
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  const std::uint64_t size = fs::file_size(path, error);
  require(file.is_open() && !error, where, "cannot be opened");
  const std::string text = header_of(file, size, where);
  const std::uint64_t data = size - length_bytes - text.size();
  const Json header = parsed(text, where);
  require(header.kind == Json::Kind::object, where, "the header is no JSON object");
  StoredTensors tensors;
  for (std::size_t i = 0; i < header.items.size(); ++i) {
    const std::string& name = header.names[i];
    if (name == "__metadata__") continue;
    tensors.emplace(name, stored_of(header.items[i], data, where, name)).first->second.file = path;
  }
  check_cover(tensors, data, where);
  for (auto& [name, stored] : tensors) {
    stored.begin += length_bytes + text.size();
    stored.end += length_bytes + text.size();
  }
  return tensors;
}

/// All tensors of the files that an index names.
StoredTensors tensors_of_index(const fs::path& path) {
  const std::string where = path.string();
  const Json index = parsed(read_file(path, max_header_bytes), where);
  const Json* const map = index.find("weight_map");
  require(map != nullptr && map->kind == Json::Kind::object, where,
          "has no weight_map, which says in which file each tensor is");
  std::map<std::string, std::set<std::string>> names_of;
  for (std::size_t i = 0; i < map->items.size(); ++i) {
    const std::string& file = map->items[i].text;
    require(is_plain(file) && file.find('/') == file.npos && file.ends_with(".safetensors"), where,
            "the file of {} is \"{}\"; expected a name that ends in .safetensors, in the folder of the index",
            map->names[i], is_plain(file) ? file : "?");
    names_of[file].insert(map->names[i]);
  }
  StoredTensors all;
  for (const auto& [file, names] : names_of) {
    StoredTensors part = tensors_in(path.parent_path() / file);
    for (const auto& [name, stored] : part) {
      require(names.contains(name), where, "does not say that {} is in {}, which holds it", name, file);
    }
    for (const auto& name : names) require(part.contains(name), where, "{} is not in {}", name, file);
    all.merge(part);
  }
  return all;
}

// ------------------------------------------------------------------------------------------------------------- numbers

float from_half(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16U;
  const std::uint32_t exponent = bits >> 10U & 0x1fU;
  const std::uint32_t fraction = bits & 0x3ffU;
  if (exponent == 0) {  // fraction / 2^24
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255U : exponent + 112U;
  return std::bit_cast<float>(sign | wide << 23U | fraction << 13U);
}

float from_bfloat(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U); }

void read_bytes(const Stored& stored, const std::string& name, void* into) {
  std::ifstream file(stored.file, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(stored.begin));
  file.read(static_cast<char*>(into), static_cast<std::streamsize>(stored.end - stored.begin));
  require(file.good(), stored.file.string(), "{} cannot be read", name);
}

std::vector<float> numbers_of(const Stored& stored, const std::string& name) {
  std::vector<float> numbers((stored.end - stored.begin) / width_of(stored.type));
  if (stored.type == ElementType::f32) {
    read_bytes(stored, name, numbers.data());
  } else {
    std::vector<std::uint16_t> halves(numbers.size());
    read_bytes(stored, name, halves.data());
    std::transform(halves.begin(), halves.end(), numbers.begin(),
                   stored.type == ElementType::f16 ? from_half : from_bfloat);
  }
  const auto bad = std::find_if(numbers.begin(), numbers.end(), [](float v) { return !std::isfinite(v); });
  require(bad == numbers.end(), stored.file.string(), "element {} of {} is {}; weights are finite",
          bad - numbers.begin(), name, bad == numbers.end() ? 0.0F : *bad);
  return numbers;
}

/// The file that stands for a folder.
fs::path file_of(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  const fs::path index = path / "model.safetensors.index.json";
  return fs::exists(index, ignored) ? index : path / "model.safetensors";
}

}  // namespace

NamedTensors open_safetensors(const fs::path& path) {
  const fs::path file = file_of(path);
  std::error_code ignored;
  require<UsageError>(fs::exists(file, ignored), file.string(), "does not exist");
  const auto stored =
      std::make_shared<const StoredTensors>(file.extension() == ".json" ? tensors_of_index(file) : tensors_in(file));
  NamedTensors tensors;
  tensors.file = file.string();
  for (const auto& [name, tensor] : *stored) tensors.shapes.emplace(name, tensor.shape);
  tensors.read = [stored](const std::string& name) { return numbers_of(stored->at(name), name); };
  return tensors;
}

}  // namespace bitstate
