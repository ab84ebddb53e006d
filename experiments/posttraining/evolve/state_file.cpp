#include "experiments/posttraining/evolve/state_file.h"

#include "core/error.h"
#include "core/io/hdf5.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace bitstate {
namespace {

constexpr std::size_t columns = 6;

std::vector<double> joined(const std::vector<std::vector<double>>& blocks) {
  std::vector<double> all;
  for (const auto& block : blocks) all.insert(all.end(), block.begin(), block.end());
  return all;
}

/// Parted as `like` is.
std::vector<std::vector<double>> parted(const std::vector<double>& all, const std::vector<std::vector<double>>& like) {
  std::vector<std::vector<double>> blocks;
  auto from = all.begin();
  for (const auto& block : like) {
    const auto to = from + static_cast<std::ptrdiff_t>(block.size());
    blocks.emplace_back(from, to);
    from = to;
  }
  return blocks;
}

}  // namespace

void save_search(const std::filesystem::path& file, const std::string& identity, const SearchState& state) {
  Hdf5Writer writer(file);
  writer.write_text("identity", identity);
  writer.write("ranges", joined(state.ranges));
  writer.write("best", joined(state.best));
  writer.write_scalar("best_held_out", state.best_held_out);
  std::vector<double> visits;
  for (const VisitRecord& v : state.visits) {
    for (const double x :
         {static_cast<double>(v.pass), static_cast<double>(v.block), v.evaluations, v.loss, v.held_out, v.seconds}) {
      visits.push_back(x);
    }
  }
  writer.write("visits", visits, {state.visits.size(), columns});
  writer.commit();
}

void check_search(const std::filesystem::path& file, const std::string& identity) {
  require(Hdf5Reader(file).read_text("identity") == identity, file.string(),
          "is of a search with other settings, weights, rules or data; another --out begins a new one");
}

SearchState load_search(const std::filesystem::path& file, const std::string& identity, const SearchState& state) {
  check_search(file, identity);
  const Hdf5Reader reader(file);
  const std::size_t knobs = joined(state.ranges).size();
  const auto read = [&](const char* name) {
    auto values = reader.read<double>(name, knobs).values;
    const auto usable = [](double r) { return r > 0.0 && r <= std::numeric_limits<float>::max(); };
    require(values.size() == knobs && std::all_of(values.begin(), values.end(), usable), file.string(),
            "{} does not hold {} ranges", name, knobs);
    return parted(values, state.ranges);
  };
  SearchState found{read("ranges"), read("best"), reader.read_scalar<double>("best_held_out"), {}};
  require(std::isfinite(found.best_held_out), file.string(), "best_held_out is not finite");
  const auto visits = reader.read<double>("visits");
  require(visits.shape.size() == 2 && visits.shape[1] == columns && visits.shape[0] > 0, file.string(),
          "visits does not have {} columns", columns);
  const std::size_t blocks = state.ranges.size();
  for (std::size_t i = 0; i < visits.values.size(); i += columns) {
    const double* const v = &visits.values[i];
    const std::size_t row = i / columns;
    require(v[0] == static_cast<double>(row / blocks) && v[1] >= 0.0 && v[1] < static_cast<double>(blocks) &&
                std::isfinite(v[2] + v[3] + v[5]) && !std::isinf(v[4]),
            file.string(), "row {} of visits is not that of a visit", row + 1);
    found.visits.push_back({static_cast<std::size_t>(v[0]), static_cast<std::size_t>(v[1]), v[2], v[3], v[4], v[5]});
  }
  return found;
}

std::string search_csv(const SearchState& state) {
  std::string text = "pass,block,evaluations,loss,held_out,seconds\n";
  for (const VisitRecord& v : state.visits) {
    text += fmt::format("{},{},{},{},{},{:.3f}\n", v.pass + 1, v.block + 1, v.evaluations, v.loss,
                        std::isnan(v.held_out) ? "" : fmt::format("{}", v.held_out), v.seconds);
  }
  return text;
}

}  // namespace bitstate
