#include "datasets/generators/dynamics.h"

#include "core/error.h"
#include "core/io/hdf5.h"
#include "core/random.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

namespace bitstate::datasets {
namespace {

constexpr double points_per_period = 100.0;
constexpr std::size_t half_length = trajectory_points / 2;

// ----------------------------------------------------------------------------------------------------------- Lorenz

using Coordinates = std::array<double, 3>;

constexpr double sigma = 10.0;
constexpr double rho = 28.0;
constexpr double beta = 2.667;
constexpr double lorenz_period = 1.5008;
constexpr Coordinates lorenz_start = {-9.7869288, -15.03852, 20.533978};

/// One step of size h by the Taylor series of the solution. With x(t) = sum x_k t^k and so on, the equations give
///   (k+1) x_{k+1} = sigma (y_k - x_k),  (k+1) y_{k+1} = rho x_k - y_k - sum_j x_j z_{k-j},
///   (k+1) z_{k+1} = sum_j x_j y_{k-j} - beta z_k.
/// The nearest complex singularity of an orbit on the attractor is more than 0.08 away, h is 0.015: the remainder of
/// order 24 is below 1e-16 of the value.
Coordinates lorenz_step(const Coordinates& start, double h) {
  constexpr std::size_t order = 24;
  std::array<double, order + 1> x{start[0]};
  std::array<double, order + 1> y{start[1]};
  std::array<double, order + 1> z{start[2]};
  for (std::size_t k = 0; k < order; ++k) {
    double xz = 0.0;
    double xy = 0.0;
    for (std::size_t j = 0; j <= k; ++j) {
      xz += x[j] * z[k - j];
      xy += x[j] * y[k - j];
    }
    const double scale = 1.0 / static_cast<double>(k + 1);
    x[k + 1] = scale * sigma * (y[k] - x[k]);
    y[k + 1] = scale * (rho * x[k] - y[k] - xz);
    z[k + 1] = scale * (xy - beta * z[k]);
  }
  Coordinates end{};
  for (std::size_t k = order + 1; k-- > 0;) {
    end[0] = end[0] * h + x[k];
    end[1] = end[1] * h + y[k];
    end[2] = end[2] * h + z[k];
  }
  return end;
}

// ----------------------------------------------------------------------------------------------------- Mackey-Glass

constexpr std::size_t delays = 10;
constexpr double mackey_glass_period = 5.9612230962292045;
constexpr double exponent = 9.65;
constexpr double max_step = 0.01;
constexpr double noise_interval = 0.0012027363718948435;  // dysts redraws the noise of the past at its own step

/// What the delayed value adds: 2 x / (1 + x^9.65). The solution is positive; interpolated next to a kink it may come
/// out just below 0, where the power does not exist.
double production(double delayed) {
  const double x = std::max(delayed, 0.0);
  return 2.0 * x / (1.0 + std::pow(x, exponent));
}

/// Cubic Hermite interpolation between a and b, slopes da and db, at fraction s of an interval of length h.
double hermite(double a, double da, double b, double db, double h, double s) {
  const double r = 1.0 - s;
  return r * r * ((1.0 + 2.0 * s) * a + s * h * da) + s * s * ((3.0 - 2.0 * s) * b - r * h * db);
}

/// A solution on the grid k * h, k >= 0, with its slopes.
struct Solution {
  double h = 0.0;
  std::vector<double> x;
  std::vector<double> slope;

  [[nodiscard]] double at(double t) const {
    const double position = t / h;
    const auto k = std::min(static_cast<std::size_t>(position), x.size() - 2);
    return hermite(x[k], slope[k], x[k + 1], slope[k + 1], h, position - static_cast<double>(k));
  }
};

/// Solves from 0 to at least `duration` with m steps per delay. Delayed values on the grid are values of m steps ago;
/// those of the middle of a step are interpolated. The past is linear between its grid values.
Solution solve_mackey_glass(const Random& random, double tau, double duration) {
  const auto m = static_cast<std::size_t>(std::ceil(tau / max_step));
  const double h = tau / static_cast<double>(m);
  const auto steps = static_cast<std::size_t>(std::ceil(duration / h)) + 1;

  // level * (1 + 0.2 u): mean 1.1, and noise of the strength that dysts' finer noise has after averaging
  const double level = random.uniform(0);
  const double noise = 0.2 * std::min(1.0, std::sqrt(noise_interval / h));
  std::vector<double> past(m + 1);
  for (std::size_t k = 0; k <= m; ++k) past[k] = level * (1.1 + noise * (random.uniform(2 + k) - 0.5));

  Solution s{h, std::vector<double>(steps + 1), std::vector<double>(steps + 1)};
  s.x[0] = random.uniform(1);
  double gain = production(past[0]);  // production(x(t - tau)) at the start of the step
  s.slope[0] = gain - s.x[0];
  for (std::size_t k = 0; k < steps; ++k) {
    double middle = 0.0;
    double end = 0.0;
    if (k < m) {
      middle = 0.5 * (past[k] + past[k + 1]);
      end = past[k + 1];
    } else {
      const std::size_t j = k - m;
      middle = hermite(s.x[j], s.slope[j], s.x[j + 1], s.slope[j + 1], h, 0.5);
      end = s.x[j + 1];
    }
    const double gain_middle = production(middle);
    const double gain_end = production(end);
    const double x = s.x[k];
    const double k1 = gain - x;
    const double k2 = gain_middle - (x + 0.5 * h * k1);
    const double k3 = gain_middle - (x + 0.5 * h * k2);
    const double k4 = gain_end - (x + h * k3);
    s.x[k + 1] = x + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
    // x jumps at 0, so its production jumps at tau: the step from there begins on the solution's side
    gain = k + 1 == m ? production(s.x[0]) : gain_end;
    s.slope[k + 1] = gain - s.x[k + 1];
  }
  return s;
}

// ------------------------------------------------------------------------------------------------- data set and cache

/// All trajectories of a system.
struct Trajectories {
  std::size_t features = 0;
  std::vector<float> values;  // [n, 1024, features]

  [[nodiscard]] std::size_t count() const { return values.size() / (trajectory_points * features); }
};

/// Trajectories first .. first + size - 1: the first half is x, the second half the target.
class Forecast final : public Dataset {
 public:
  Forecast(std::shared_ptr<const Trajectories> all, std::size_t first, std::size_t size)
      : all_(std::move(all)), first_(first), size_(size) {}

  [[nodiscard]] std::size_t size() const override { return size_; }

  void read(std::size_t index, Example& out) const override {
    require(index < size_, "dynamics", "example {} of {} does not exist", index, size_);
    const std::size_t part = half_length * all_->features;
    const float* start = all_->values.data() + (first_ + index) * 2 * part;
    out.length = half_length;
    out.x.assign(start, start + part);
    out.target.assign(start + part, start + 2 * part);
    out.tokens.clear();
    out.label = 0;
  }

 private:
  std::shared_ptr<const Trajectories> all_;
  std::size_t first_;
  std::size_t size_;
};

/// What a set of trajectories depends on; `version` changes when the generator's results do.
struct Recipe {
  static constexpr std::int64_t version = 1;
  std::string system;
  std::size_t features = 0;
  std::size_t trajectories = 0;
  std::uint64_t seed = 0;
  std::string parameter;  // name of the system's own option
  double value = 0.0;

  [[nodiscard]] std::string file_name() const {
    return fmt::format("{}-n{}-seed{}-{}{}-v{}.h5", system, trajectories, seed, parameter, value, version);
  }
};

/// The cached trajectories; false if there are none that fit, for whatever reason.
bool read_cache(const std::filesystem::path& file, const Recipe& recipe, Trajectories& out) {
  try {
    const Hdf5Reader reader(file);
    const bool fits = reader.attribute<std::int64_t>("/", "version") == Recipe::version &&
                      reader.attribute<std::string>("/", "system") == recipe.system &&
                      reader.attribute<std::uint64_t>("/", "seed") == recipe.seed &&
                      reader.attribute<double>("/", recipe.parameter) == recipe.value;
    if (!fits) return false;
    const Hdf5Shape shape = {recipe.trajectories, trajectory_points, recipe.features};
    if (reader.shape("trajectories") != shape) return false;
    out.values = reader.read<float>("trajectories").values;
    return true;
  } catch (const Error&) {
    return false;  // absent, truncated or damaged: it is generated again
  }
}

void write_cache(const std::filesystem::path& file, const Recipe& recipe, const Trajectories& all) {
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  require(!error, file.parent_path().string(), "the cache folder cannot be created: {}", error.message());
  Hdf5Writer writer(file);
  writer.set_attribute("/", "version", Recipe::version);
  writer.set_attribute("/", "system", recipe.system);
  writer.set_attribute("/", "seed", recipe.seed);
  writer.set_attribute("/", recipe.parameter, recipe.value);
  writer.write("trajectories", all.values, {recipe.trajectories, trajectory_points, recipe.features});
  writer.commit();
}

template <class Generate>
Splits forecasting(const Recipe& recipe, const std::filesystem::path& cache, Generate generate) {
  require<UsageError>(recipe.trajectories >= min_trajectories && recipe.trajectories <= max_trajectories, recipe.system,
                      "expected {1} to {2} trajectories, got {0}", recipe.trajectories, min_trajectories,
                      max_trajectories);
  auto all = std::make_shared<Trajectories>();
  all->features = recipe.features;
  const std::filesystem::path file = cache.empty() ? cache : cache / recipe.file_name();
  if (file.empty() || !read_cache(file, recipe, *all)) {
    all->values.clear();
    all->values.reserve(recipe.trajectories * trajectory_points * recipe.features);
    for (std::size_t i = 0; i < recipe.trajectories; ++i) {
      const std::vector<float> one = generate(i);
      all->values.insert(all->values.end(), one.begin(), one.end());
    }
    if (!file.empty()) write_cache(file, recipe, *all);
  }

  const std::size_t n = recipe.trajectories;
  const std::size_t n_train = training_trajectories(n);
  Splits splits;
  splits.name = recipe.system;
  splits.task = Task::regression;
  splits.d_input = recipe.features;
  splits.d_output = recipe.features;
  splits.max_length = half_length;
  splits.train = std::make_shared<Forecast>(all, 0, n_train);
  splits.test = std::make_shared<Forecast>(all, n_train, n - n_train);
  return splits;
}

}  // namespace

std::vector<float> lorenz_trajectory(std::uint64_t seed, std::size_t index, double spread) {
  const Random random{seed, random_stream("lorenz", index)};
  Coordinates point = lorenz_start;
  for (std::size_t i = 0; i < point.size(); ++i) point[i] *= 1.0 + spread * (2.0 * random.uniform(i) - 1.0);

  constexpr double span = lorenz_period * static_cast<double>(trajectory_points) / points_per_period;
  constexpr double h = span / static_cast<double>(trajectory_points - 1);
  std::vector<float> values;
  values.reserve(trajectory_points * point.size());
  for (std::size_t t = 0; t < trajectory_points; ++t) {
    for (const double coordinate : point) values.push_back(static_cast<float>(coordinate));
    point = lorenz_step(point, h);
  }
  return values;
}

std::vector<float> mackey_glass_trajectory(std::uint64_t seed, std::size_t index, double tau) {
  constexpr double interval = mackey_glass_period / points_per_period;
  constexpr double span = interval * static_cast<double>(trajectory_points);
  const Random random{seed, random_stream("mackey-glass", index)};
  const Solution solution = solve_mackey_glass(random, tau, span + static_cast<double>(delays) * tau);
  std::vector<float> values;
  values.reserve(trajectory_points * delays);
  for (std::size_t t = 0; t < trajectory_points; ++t) {
    const double time = tau + interval * static_cast<double>(t);
    for (std::size_t i = 0; i < delays; ++i) {
      values.push_back(static_cast<float>(solution.at(time + static_cast<double>(i) * tau)));
    }
  }
  return values;
}

OptionTable<DynamicsSettings> dynamics_options() {
  OptionTable<DynamicsSettings> table("data");
  auto& count = table.whole("trajectories", "TRAJECTORIES", &DynamicsSettings::trajectories, min_trajectories,
                            max_trajectories, "generated in all, for training and test");
  count.decides_test = true;
  return table;
}

OptionTable<DynamicsSettings> mackey_glass_options() {
  OptionTable<DynamicsSettings> table("data");
  auto& tau = table.real("tau", "TIME", &DynamicsSettings::tau, {min_delay, max_delay}, "delay of Mackey-Glass");
  tau.decides_test = true;
  tau.checked_alone = true;
  return table;
}

Splits lorenz(const DynamicsSettings& options, const std::filesystem::path& cache) {
  require<UsageError>(options.spread >= 0.0 && options.spread <= 1.0, "lorenz", "expected a spread from 0 to 1, got {}",
                      options.spread);
  return forecasting({"lorenz", 3, options.trajectories, options.seed, "spread", options.spread}, cache,
                     [&](std::size_t i) { return lorenz_trajectory(options.seed, i, options.spread); });
}

Splits mackey_glass(const DynamicsSettings& options, const std::filesystem::path& cache) {
  require<UsageError>(options.tau >= min_delay && options.tau <= max_delay, "mackey-glass",
                      "expected a tau from {1} to {2}, got {0}", options.tau, min_delay, max_delay);
  return forecasting({"mackey-glass", delays, options.trajectories, options.seed, "tau", options.tau}, cache,
                     [&](std::size_t i) { return mackey_glass_trajectory(options.seed, i, options.tau); });
}

}  // namespace bitstate::datasets
