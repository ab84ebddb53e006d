#include "datasets/formats/hdf5_arrays.h"

#include "core/error.h"
#include "datasets/formats/mat.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitstate::datasets {

Hdf5Arrays::Hdf5Arrays(const std::filesystem::path& path, bool matlab)
    : reader_(path), matlab_(matlab), max_elements_(reader_.plausible_elements()) {}

std::vector<std::string> Hdf5Arrays::list() const {
  std::vector<std::string> names = reader_.list();
  if (matlab_) std::erase_if(names, [](const std::string& name) { return name.starts_with('#'); });
  return names;
}

std::vector<std::string> Hdf5Arrays::arrays() const {
  constexpr std::size_t deepest = 16, most = 10'000;
  std::vector<std::string> names;
  std::size_t left = most;
  add_arrays("", deepest, left, names);
  return names;
}

void Hdf5Arrays::add_arrays(const std::string& group, std::size_t depth, std::size_t& left,
                            std::vector<std::string>& to) const {
  for (const std::string& name : group.empty() ? list() : reader_.list(group)) {
    const std::string path = group.empty() ? name : group + "/" + name;
    if (left == 0) return;
    --left;
    if (!reader_.is_group(path)) {
      to.push_back(path);
    } else if (depth > 1) {
      add_arrays(path, depth - 1, left, to);
    }
  }
}

std::vector<std::size_t> Hdf5Arrays::shape(std::string_view name) const {
  if (!matlab_) return reader_.shape(name);
  const std::vector<std::size_t> dimensions = matlab_dimensions(name);
  return matlab_class(name) == "char" ? std::vector{dimensions.front()} : mat_shape(dimensions);
}

Stored Hdf5Arrays::stored(std::string_view name) const {
  const std::string of_matlab = matlab_class(name);
  if (of_matlab == "char" || reader_.is_text(name)) return Stored::texts;
  if (of_matlab == "logical" || reader_.is_enum(name)) return Stored::booleans;
  return reader_.is_integer(name) ? Stored::integers : Stored::numbers;
}

std::vector<double> Hdf5Arrays::numbers(std::string_view name) const {
  std::vector<double> numbers = reader_.read<double>(name, max_elements_).values;
  return matlab_ ? row_major(numbers, matlab_dimensions(name)) : numbers;
}

std::vector<std::string> Hdf5Arrays::texts(std::string_view name) const {
  if (matlab_class(name) != "char") return reader_.read_texts(name, max_elements_);
  std::vector<std::string> texts(matlab_dimensions(name).front());
  const std::vector<std::int32_t> letters = reader_.read<std::int32_t>(name, max_elements_).values;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    require(letters[i] >= ' ' && letters[i] <= '~', fmt::format("{}: {}", path().string(), name),
            "holds the character {}, which is not ASCII", letters[i]);
    texts[i % texts.size()] += static_cast<char>(letters[i]);
  }
  for (std::string& text : texts) text.resize(text.find_last_not_of(' ') + 1);
  return texts;
}

std::optional<std::int64_t> Hdf5Arrays::attribute(std::string_view name) const {
  if (!reader_.has_attribute("/", name)) return std::nullopt;
  return reader_.attribute<std::int64_t>("/", name);
}

std::string Hdf5Arrays::matlab_class(std::string_view name) const {
  constexpr std::string_view attribute = "MATLAB_class";
  return matlab_ && reader_.has_attribute(name, attribute) ? reader_.attribute<std::string>(name, attribute) : "";
}

/// MATLAB's dimensions are those of HDF5 from behind.
std::vector<std::size_t> Hdf5Arrays::matlab_dimensions(std::string_view name) const {
  std::vector<std::size_t> dimensions = reader_.shape(name);
  require(dimensions.size() >= 2, fmt::format("{}: {}", path().string(), name), "is no matrix of MATLAB");
  std::reverse(dimensions.begin(), dimensions.end());
  return dimensions;
}

}  // namespace bitstate::datasets
