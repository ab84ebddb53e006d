#include "datasets/own/own_arrays.h"

#include "core/error.h"
#include "datasets/formats/hdf5_arrays.h"
#include "datasets/formats/mat.h"
#include "datasets/formats/npz.h"
#include "datasets/own/own_arrays_part.h"
#include "datasets/own/own_series.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace bitstate::datasets {
namespace {

namespace fs = std::filesystem;

/// The arrays of each part of a file: of training, test and perhaps validation, or, without a name, of all in one.
std::vector<std::pair<std::string, ArrayNames>> parts_in(const ArrayFile& file, const OwnSettings& own) {
  const ArrayNames whole = array_names(file, "", own);
  if (!whole.x.empty()) return {{"", whole}};
  std::vector<std::pair<std::string, ArrayNames>> parts;
  for (const char* const part : {"train", "test"}) parts.emplace_back(part, array_names(file, part, own));
  const std::string x = own.x.empty() ? "x" : own.x;
  const std::string y = own.y.empty() ? "y" : own.y;
  require(!parts[0].second.x.empty() && !parts[1].second.x.empty(), file.path().string(),
          "there are neither arrays {} and {} nor groups train and test with them; it holds {}", x, y,
          fmt::join(file.list(), ", "));
  for (const char* const part : validation_names) {
    ArrayNames names = array_names(file, part, own);
    if (names.x.empty()) continue;
    require(parts.size() == 2, file.path().string(), "the groups {} and {} are the same part", parts.back().first,
            part);
    parts.emplace_back(part, std::move(names));
  }
  return parts;
}

/// What a file holds in its root besides the arrays that are read.
std::vector<std::string> others_in(const ArrayFile& file,
                                   const std::vector<std::pair<std::string, ArrayNames>>& parts) {
  std::set<std::string> known;
  for (const auto& [part, names] : parts) {
    for (const std::string& name : {names.x, names.y, names.length}) {
      const std::size_t begin = name.starts_with('/') ? 1 : 0;
      known.insert(name.substr(begin, name.find('/', begin) - begin));
    }
  }
  std::vector<std::string> others = file.list();
  std::erase_if(others, [&](const std::string& name) { return known.contains(name); });
  return others;
}

/// The number that an attribute of the root is; 0 where it is not there.
std::size_t count_in(const ArrayFile& file, std::string_view attribute) {
  const auto count = file.attribute(attribute);
  if (!count) return 0;
  require(*count > 0 && *count <= std::int64_t{max_id} + 1, file.path().string(),
          "expected the attribute {} to be from 1 to {}, got {}", attribute, max_id + 1, *count);
  return static_cast<std::size_t>(*count);
}

/// HDF5 says whether it is to be standardised; other formats have no place for it, and are.
Notes notes_of(const ArrayFile& file) {
  const bool standardize = is_hdf5(file.path()) ? file.attribute("standardize").value_or(0) != 0 : true;
  return {file.path().filename().string(), count_in(file, "vocabulary"), count_in(file, "classes"), standardize};
}

/// The parts of files of sequences.
class ArrayReader {
 public:
  ArrayReader(const OwnSettings& own, bool windows) : own_(own), windows_(windows), task_(own.task) {}

  /// The sequences of all in a file, or of the parts in it.
  std::vector<Part> read_file(const fs::path& path) {
    return read(path, [&](const ArrayFile& file) {
      const auto found = parts_in(file, own_);
      Read done;
      done.labels = labels_;
      done.task = task_;
      for (const auto& [name, names] : found) done.parts.push_back(read_one(file, names, done));
      if (found.size() == 1) done.parts = split_by_chance(done.parts.front(), own_.folding);
      done.others = others_in(file, found);
      done.notes = notes_of(file);
      return done;
    });
  }

  /// The sequences of the files of a part, of which each holds all in one.
  Part read_part_of(const std::vector<fs::path>& files) {
    std::vector<Part> parts;
    for (const fs::path& path : files) {
      auto found = read(path, [&](const ArrayFile& file) {
        Read done;
        done.labels = labels_;
        done.task = task_;
        const ArrayNames names = array_names(file, "", own_);
        require(!names.x.empty(), path.string(), "there is no array {}; it holds {}", own_.x.empty() ? "x" : own_.x,
                fmt::join(file.list(), ", "));
        done.parts.push_back(read_one(file, names, done));
        done.notes = notes_of(file);
        return done;
      });
      if (parts.empty()) {
        parts = std::move(found);
      } else {
        append(parts.front(), std::move(found.front()));
      }
    }
    return std::move(parts.front());
  }

  [[nodiscard]] const Labels& labels() const { return labels_; }
  [[nodiscard]] const std::vector<std::string>& others() const { return others_; }
  [[nodiscard]] Notes notes() const {
    Notes notes = notes_;
    if (files_ > 1) notes.where = fmt::format("{} files", files_);
    return notes;
  }

 private:
  struct Read {
    std::vector<Part> parts;
    Labels labels;
    std::string task;  // what the first part is for, all others are
    Notes notes;
    std::vector<std::string> others;
  };

  /// With a window an array of two dimensions may also be a series.
  [[nodiscard]] Part read_one(const ArrayFile& file, const ArrayNames& names, Read& done) const {
    const std::vector<std::size_t> shape = file.shape(names.x);
    if (shape.size() == 2 && windows_ && own_.rows == "auto") {
      fail<UsageError>("rows",
                       "x [{0}, {1}] may be {0} sequences of {1} steps or a series of {0} steps: say --rows=sequences "
                       "or --rows=steps",
                       shape[0], shape[1]);
    }
    Part part = read_part(file, names, done.task, done.labels);
    done.task = name_of(part.steps->task);
    return part;
  }

  template <class Reads>
  std::vector<Part> read(const fs::path& path, const Reads& reads) {
    Read done = with_arrays(path, reads);
    labels_ = std::move(done.labels);
    task_ = std::move(done.task);
    if (files_++ == 0) notes_ = std::move(done.notes);
    others_.insert(others_.end(), done.others.begin(), done.others.end());
    return std::move(done.parts);
  }

  const OwnSettings& own_;
  bool windows_;
  std::string task_;
  Labels labels_;
  Notes notes_;  // of the first file
  std::size_t files_ = 0;
  std::vector<std::string> others_;
};

constexpr std::string_view array_endings = ".h5, .npz or .mat";

Splits splits_of_sequences(const OwnSource& source, const OwnSettings& own, const SeriesSettings& series,
                           const std::optional<Reading>& reading) {
  require<UsageError>(series.horizon == 0, "horizon", "is for series (--rows=steps), not for sequences");
  std::vector<std::string> ignored = source.ignored;
  const auto files = [&](const fs::path& part) { return data_files(part, is_arrays, array_endings, ignored); };
  ArrayReader reader(own, series.window > 0);
  std::vector<Part> parts;
  std::error_code error;
  if (source.whole.empty()) {
    for (const fs::path& part : {source.parts.train, source.parts.test, source.parts.validation}) {
      if (!part.empty()) parts.push_back(reader.read_part_of(files(part)));
    }
  } else if (fs::is_directory(source.whole, error)) {
    parts = split_by_chance(reader.read_part_of(files(source.whole)), own.folding);
  } else {
    parts = reader.read_file(source.whole);
  }
  Splits splits = splits_of(std::move(parts), reader.labels(), reader.notes(), series, reading, own.folding);
  ignored.insert(ignored.end(), reader.others().begin(), reader.others().end());
  splits.origin += not_read(ignored);
  return splits;
}

/// Series in arrays, and what was read of them.
class ArraySeriesReader {
 public:
  explicit ArraySeriesReader(const OwnSettings& own) : own_(own), task_(series_task(own.task)) {}

  /// The series of the parts of a file, or of the file.
  std::vector<Series> read(const fs::path& path) {
    struct Read {
      std::vector<ArraySeries> series;
      Labels labels;
    };
    Read done = with_arrays(path, [&](const ArrayFile& file) {
      Read found;
      found.labels = labels_;
      for (const auto& [part, names] : parts_in(file, own_)) {
        found.series.push_back(read_array_series(file, names, task_, found.labels));
      }
      return found;
    });
    labels_ = std::move(done.labels);
    std::vector<Series> all;
    for (ArraySeries& one : done.series) {
      require(d_input == 0 || (d_input == one.d_input && d_output == one.d_output), path.string(),
              "x has {} columns and y {}, but before they had {} and {}", one.d_input, one.d_output, d_input, d_output);
      d_input = one.d_input;
      d_output = one.d_output;
      rows_ += one.series.rows;
      all.push_back(std::move(one.series));
    }
    if (files_++ == 0) name_ = path.filename().string();
    return all;
  }

  /// Of files that hold one each.
  std::vector<Series> read_all(const std::vector<fs::path>& files) {
    std::vector<Series> all;
    for (const fs::path& file : files) {
      std::vector<Series> found = read(file);
      require(found.size() == 1, file.string(), "holds {} parts, but is a part itself", found.size());
      all.push_back(std::move(found.front()));
    }
    return all;
  }

  [[nodiscard]] Task task() const { return task_; }
  [[nodiscard]] const Labels& labels() const { return labels_; }
  [[nodiscard]] std::string origin() const {
    return fmt::format("{} steps of {}, x of {} columns, y of {}, standardised", rows_,
                       files_ == 1 ? name_ : fmt::format("{} files", files_), d_input, d_output);
  }

  std::size_t d_input = 0, d_output = 0;

 private:
  const OwnSettings& own_;
  Task task_;
  Labels labels_;
  std::size_t rows_ = 0, files_ = 0;
  std::string name_;  // of the first file
};

Splits splits_of_series(const OwnSource& source, const OwnSettings& own, const SeriesSettings& series,
                        const std::optional<Reading>& reading) {
  check_windows(series);
  std::vector<std::string> ignored = source.ignored;
  const auto files = [&](const fs::path& part) { return data_files(part, is_arrays, array_endings, ignored); };
  ArraySeriesReader reader(own);
  SeriesParts parts;
  std::error_code error;
  if (source.whole.empty()) {
    for (const auto& [path, part] : {std::pair{&source.parts.train, &parts.train},
                                     {&source.parts.validation, &parts.validation},
                                     {&source.parts.test, &parts.test}}) {
      if (!path->empty()) *part = reader.read_all(files(*path));
    }
  } else if (fs::is_directory(source.whole, error)) {
    parts = split_files(reader.read_all(files(source.whole)), reader.task(), source.whole.string(), own.folding);
  } else {
    std::vector<Series> found = reader.read(source.whole);
    if (found.size() == 1) {
      parts = cut_in_time(found.front(), reader.d_input, reader.d_output, own.folding);
    } else {
      parts = {{found[0]}, {found.begin() + 2, found.end()}, {found[1]}};
    }
  }
  Splits splits = cut_own_series(std::move(parts), reader.d_input, reader.d_output, reader.task(), reader.labels(),
                                 series, reading, own.folding);
  splits.origin = reader.origin() + not_read(ignored);
  return splits;
}

}  // namespace

std::unique_ptr<ArrayFile> open_arrays(const fs::path& path) {
  if (has_ending(path, {".npz"})) return std::make_unique<ArraysInMemory>(read_npz_arrays(path));
  const bool matlab = has_ending(path, {".mat"});
  if (matlab && !is_mat_73(path)) return std::make_unique<ArraysInMemory>(read_mat(path));
  return std::make_unique<Hdf5Arrays>(path, matlab);
}

Splits own_arrays(const OwnSource& source, const OwnSettings& own, const SeriesSettings& series,
                  const std::optional<Reading>& reading) {
  require<UsageError>(own.input.empty() && own.target.empty(), "data",
                      "input and target are columns of tables; arrays are named by --x and --y");
  return own.rows == "steps" ? splits_of_series(source, own, series, reading)
                             : splits_of_sequences(source, own, series, reading);
}

LabelledSequences read_array_inputs(const fs::path& path, const OwnSettings& own) {
  return with_arrays(path, [&](const ArrayFile& file) {
    const ArrayNames names = array_names(file, "", own);
    require(!names.x.empty(), path.string(), "there is no array {}; it holds {}", own.x.empty() ? "x" : own.x,
            fmt::join(file.list(), ", "));
    const std::vector<std::size_t> shape = file.shape(names.x);
    require(!shape.empty() && shape.size() <= 3, fmt::format("{}: {}", path.string(), names.x),
            "expected the shape [sequences, steps, columns] or less, got [{}]", fmt::join(shape, ", "));
    LabelledSequences read;
    const bool series = shape.size() == 1 || (shape.size() == 2 && own.rows == "steps");
    const std::size_t sequences = series ? 1 : shape[0];
    const std::size_t steps = series ? shape[0] : shape[1];
    read.columns = shape.size() == 3 || (series && shape.size() == 2) ? shape.back() : 1;
    read.lengths = read_lengths(file, series ? "" : names.length, sequences, steps);
    const std::vector<double> x = file.numbers(names.x);
    for (std::size_t n = 0; n < sequences; ++n) {
      const auto first = x.begin() + static_cast<std::ptrdiff_t>(n * steps * read.columns);
      read.x.insert(read.x.end(), first, first + static_cast<std::ptrdiff_t>(read.lengths[n] * read.columns));
    }
    return read;
  });
}

}  // namespace bitstate::datasets
