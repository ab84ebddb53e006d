// Lorenz and Mackey-Glass forecasting as in Q-S5, generated here: from the first 512 points of a trajectory predict the
// next 512. Systems, time scales and sampling are those of the dysts library (Gilpin 2021, arXiv 2110.05266), which
// Q-S5 used; the integrators are our own.
#pragma once

#include "core/options.h"
#include "datasets/dataset.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace bitstate::datasets {

/// How many trajectories there may be (one for training and one for the test at least), and how long delays: the least
/// is the integrator's longest step, which divides the delay; memory grows with the steps.
inline constexpr std::size_t min_trajectories = 2, max_trajectories = 100'000;
inline constexpr double min_delay = 0.01, max_delay = 1000.0;

struct DynamicsSettings {
  std::size_t trajectories = 1024;  ///< train and test together; Q-S5: 1024 (Lorenz) or 256 (Mackey-Glass)
  double tau = 17.0;                ///< Mackey-Glass: the delay
  // of every run as they are here, for they have no option
  std::uint64_t seed = 0;
  double spread = 1e-7;  ///< Lorenz: relative size of the random shift of the starting point; see lorenz()
};

/// How many of so many trajectories are for training: four fifths.
inline std::size_t training_trajectories(std::size_t all) { return all * 4 / 5; }

/// The options of both systems, and those of Mackey-Glass alone.
OptionTable<DynamicsSettings> dynamics_options();
OptionTable<DynamicsSettings> mackey_glass_options();

/// Points of a trajectory: inputs are the first half, targets the second; the output at step t predicts t + 512.
inline constexpr std::size_t trajectory_points = 1024;

/// Lorenz (1963): x' = 10 (y - x), y' = x (28 - z) - y, z' = x y - 2.667 z; [512, 3] -> [512, 3].
/// The 1024 points span 10.24 dominant periods of 1.5008 (100 points per period, ends included as in dysts).
/// Trajectory i starts at dysts' point (-9.787, -15.039, 20.534) of the attractor, each coordinate multiplied by
/// 1 + spread * u, u uniform in [-1, 1) from (seed, i). No transient is dropped: the point lies on the attractor, and
/// what a shift adds across it decays as exp(-14.6 t), within 20 points.
/// The spread decides what can be learned, for starts that differ by e drift apart as e * exp(0.9 t) and a trajectory
/// lasts 15.4 units of time. With spread 0 all trajectories are equal; that is what dysts returns for Q-S5's call (its
/// random_state does not reach the starting point), and only so can an error of 9 (Q-S5's best) lie that far below the
/// attractor's variance of about 73. Mean squared error of the best forecast that knows the time but not the start:
/// spread 1e-8: 0.003, 1e-7 (the default): 0.28, 1e-6: 17, 1e-5: 36, 1e-2 and above: 70.
/// Integrated by Taylor series of order 24, one step per point: exact to rounding.
/// `cache` is a folder that keeps the generated trajectories; it is created if absent. Empty: they are made anew.
Splits lorenz(const DynamicsSettings& options, const std::filesystem::path& cache = {});

/// Mackey and Glass (1977) with dysts' parameters: x' = 2 x(t-tau) / (1 + x(t-tau)^9.65) - x; [512, 10] -> [512, 10].
/// The ten features are x at delays tau apart, the oldest first: x(t), x(t+tau), ..., x(t+9 tau). The 1024 points are
/// 5.96122/100 units of time apart. As in dysts the past before 0 is a random level with noise, and the first tau units
/// are dropped; levels are uniform in [0, 1), as Q-S5 draws them, from (seed, trajectory).
/// Integrated by Runge-Kutta of order 4 with a step that divides tau, delayed values by cubic Hermite interpolation.
/// `cache`: see lorenz().
Splits mackey_glass(const DynamicsSettings& options, const std::filesystem::path& cache = {});

/// One trajectory, [1024, 3] or [1024, 10] row-major. Depends on seed, index and the system's own options only.
std::vector<float> lorenz_trajectory(std::uint64_t seed, std::size_t index, double spread);
std::vector<float> mackey_glass_trajectory(std::uint64_t seed, std::size_t index, double tau);

}  // namespace bitstate::datasets
