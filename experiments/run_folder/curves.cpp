#include "experiments/run_folder/curves.h"

#include "core/error.h"
#include "core/io/atomic_file.h"
#include "core/text.h"
#include "experiments/run_folder/event_file.h"
#include "experiments/training/metric.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <system_error>
#include <utility>

namespace bitstate::experiments {
namespace {

/// Rows of a training, besides those of its epochs.
constexpr std::uint64_t most_rows = 1000;

/// The fields of a line of numbers, which has no quotes.
std::vector<std::string_view> fields_of(std::string_view row) {
  std::vector<std::string_view> fields;
  for (std::size_t begin = 0; begin <= row.size();) {
    const std::size_t end = std::min(row.find(',', begin), row.size());
    fields.push_back(row.substr(begin, end - begin));
    begin = end + 1;
  }
  return fields;
}

template <class T>
bool read_number(std::string_view text, T& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stop == text.data() + text.size();
}

/// The whole file; nothing where there is none that can be read.
std::string text_of(const std::filesystem::path& file) {
  try {
    return read_file(file, std::size_t{1} << 26);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

std::vector<NamedRate> named_rates(const Optimizer& optimizer, double lr, double second_lr) {
  std::vector<NamedRate> rates;
  for (const Rate rate : {Rate::first, Rate::second}) {
    for (const ParameterRule& rule : optimizer.rules()) {
      const auto same = [&](const NamedRate& known) { return known.name == rule.group.rate_name; };
      if (rule.group.rate != rate || std::any_of(rates.begin(), rates.end(), same)) continue;
      rates.push_back({std::string(rule.group.rate_name), rate == Rate::first ? lr : second_lr});
    }
  }
  return rates;
}

RunCurves read_curves(const std::filesystem::path& folder) {
  const std::string text = text_of(folder / "curves.csv");
  RunCurves curves;
  std::size_t epoch = 0, loss = 0, seconds = 0, columns = 0;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
    const auto fields = fields_of(std::string_view(text).substr(begin, end - begin));
    if (begin == 0) {
      const auto column = [&](std::string_view name) {
        return static_cast<std::size_t>(std::find(fields.begin(), fields.end(), name) - fields.begin());
      };
      epoch = column("epoch"), loss = column("loss"), seconds = column("seconds"), columns = fields.size();
      if (std::max({epoch, loss, seconds}) >= columns) return curves;
      curves.metric = fields.back();
      continue;
    }
    CurvePoint point;
    double metric = 0.0;
    if (fields.size() != columns || !read_number(fields[epoch], point.epoch) ||
        !read_number(fields[loss], point.loss) || !read_number(fields[seconds], point.seconds)) {
      break;
    }
    const double before = curves.points.empty() ? 0.0 : curves.points.back().epoch;
    if (!(point.epoch > before) || !std::isfinite(point.epoch + point.loss + point.seconds)) continue;
    if (read_number(fields.back(), metric) && std::isfinite(metric)) point.metric = metric;
    curves.points.push_back(point);
  }
  return curves;
}

CurvesFile::CurvesFile(std::filesystem::path folder, const Schedule& schedule, std::vector<NamedRate> rates,
                       std::string_view metric, bool tensorboard, AppendedFile::Warn warn)
    : file_(std::move(folder) / "curves.csv"),
      schedule_(schedule),
      rates_(std::move(rates)),
      in_bits_(is_in_bits(metric)),
      interval_((schedule.epochs * schedule.steps_per_epoch + most_rows - 1) / most_rows),
      warn_(std::move(warn)),
      has_events_(tensorboard) {
  header_ = "epoch,step,loss,train_loss,";
  for (const NamedRate& rate : rates_) header_ += rate.name + ",";
  header_ += fmt::format("seconds,val_loss,{}val_{}\n", in_bits_ ? "val_perplexity," : "", metric);
}

void CurvesFile::begin(const Progress& progress, double seconds) {
  // the row of an epoch whose validation is still to come is written behind it
  const bool is_whole = progress.step == schedule_.steps_per_epoch;
  const std::uint64_t done = step_of({progress.epoch, progress.step, 0.0});
  const std::string text = text_of(file_);
  const std::size_t kept = keep(text, is_whole ? done - 1 : done);
  rows_.emplace(file_, kept, warn_);
  if (kept == 0) rows_->append(header_);
  if (last_.epochs != progress.epoch) last_ = {progress.epoch, 0, 0.0};
  if (has_events_) begin_events(std::string_view(text).substr(0, kept), seconds);
}

/// A file with a time of its own takes the place of the former one: TensorBoard reads it from its start.
void CurvesFile::begin_events(std::string_view rows, double seconds) {
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  began_ = now - seconds;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(file_.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("events.out.tfevents.") && name.ends_with(".bitstate")) {
      std::filesystem::remove(entry.path(), ignored);
    }
  }
  const auto name = fmt::format("events.out.tfevents.{:010}.bitstate", static_cast<std::uint64_t>(now));
  std::string records = version_record(now);
  for (const std::string& row : split(rows.substr(std::min(header_.size(), rows.size())), "\n")) {
    records += event_of(row);
  }
  events_.emplace(file_.parent_path() / name, 0, warn_);
  events_->append(records);
}

/// The figures of a row under the names of their columns, at the time at which the row was written.
std::string CurvesFile::event_of(std::string_view row) const {
  const auto names = fields_of(std::string_view(header_).substr(0, header_.size() - 1));
  const auto fields = fields_of(row);
  std::vector<std::pair<std::string_view, float>> values;
  std::uint64_t step = 0;
  double seconds = 0.0;
  for (std::size_t i = 1; i < fields.size(); ++i) {
    float value = 0.0F;
    if (names[i] == "step") {
      read_number(fields[i], step);
    } else if (names[i] == "seconds") {
      read_number(fields[i], seconds);
    } else if (read_number(fields[i], value)) {
      values.emplace_back(names[i], value);
    }
  }
  return scalar_record(began_ + seconds, step, values);
}

/// Nothing where it is no row of these curves.
std::optional<CurvesFile::Place> CurvesFile::place_of(std::string_view row) const {
  const auto fields = fields_of(row);
  std::uint64_t step = 0;
  double train_loss = 0.0;
  if (fields.size() != static_cast<std::size_t>(std::count(header_.begin(), header_.end(), ',')) + 1) return {};
  if (!read_number(fields[1], step) || !read_number(fields[3], train_loss)) return {};
  return Place{step / schedule_.steps_per_epoch, step % schedule_.steps_per_epoch, train_loss};
}

/// How many bytes of `text` are the header and rows up to `last_step`, in order and whole.
std::size_t CurvesFile::keep(const std::string& text, std::uint64_t last_step) {
  last_ = {};
  if (!text.starts_with(header_)) return 0;
  std::size_t begin = header_.size();
  for (std::size_t end = 0; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
    const auto place = place_of(std::string_view(text).substr(begin, end - begin));
    if (!place || step_of(*place) <= step_of(last_) || step_of(*place) > last_step) break;
    last_ = *place;
  }
  return begin;
}

void CurvesFile::end_step(const Progress& progress, double seconds) {
  const Place place{progress.epoch, progress.step, progress.loss_sum / static_cast<double>(progress.step)};
  if (progress.step < schedule_.steps_per_epoch && step_of(place) % interval_ == 0) add(place, seconds, nullptr);
}

void CurvesFile::end_epoch(const EpochResult& epoch, double seconds) {
  add({epoch.epoch - 1, schedule_.steps_per_epoch, epoch.train_loss}, seconds, &epoch.validation);
  last_ = {epoch.epoch, 0, 0.0};
}

void CurvesFile::add(const Place& place, double seconds, const Evaluation* validation) {
  const auto sum = [](const Place& p) { return p.train_loss * static_cast<double>(p.step); };
  const double loss = (sum(place) - sum(last_)) / static_cast<double>(place.step - last_.step);
  const std::uint64_t step = step_of(place);
  const double epoch = static_cast<double>(step) / static_cast<double>(schedule_.steps_per_epoch);
  std::string row = fmt::format("{:.7g},{},{:.6g},{},", epoch, step, loss, place.train_loss);
  for (const NamedRate& rate : rates_) row += fmt::format("{:.6g},", schedule_.rate(rate.base, step - 1));
  row += fmt::format("{:.3f},", seconds);
  if (validation != nullptr) row += fmt::format("{}", validation->loss);
  if (in_bits_) row += validation == nullptr ? "," : fmt::format(",{}", std::exp2(validation->metric));
  row += validation == nullptr ? ",\n" : fmt::format(",{}\n", validation->metric);
  rows_->append(row);
  if (events_) events_->append(event_of(std::string_view(row).substr(0, row.size() - 1)));
  last_ = place;
}

}  // namespace bitstate::experiments
