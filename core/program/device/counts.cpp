// Made by bench/fit_device.mjs from exact counts under QEMU (docs/results/device.md).
#include "core/program/device/counts.h"

namespace bitstate::program {
namespace {

constexpr std::optional<StepCount> not_measured;

}  // namespace

// per call, element, input and product, in the order of StepKind
// clang-format off
constinit const StepCounts cortex_m3_counts{{
    StepCount{0.0, 3.34, 0.0, 0.0},  // step
    StepCount{0.0, 7.46, 0.0, 0.0},  // input
    StepCount{0.0, 11.0, 0.842, 2.87},  // rows_w8
    StepCount{5.97, 0.0, 9.83, 3.27},  // rows_w4
    StepCount{0.0, 0.165, 4.21, 3.05},  // rows_w2
    StepCount{6.96, 6.15, 0.0, 5.02},  // linear
    StepCount{0.0, 0.0, 63.3, 6.89},  // linear_packed
    StepCount{2.42, 14.6, 0.0, 0.0},  // rescale
    not_measured,  // rescale_wide
    StepCount{2.01, 6.01, 0.0, 0.0},  // product
    StepCount{5.23, 5.96, 0.0, 0.0},  // scale
    StepCount{0.0, 15.4, 0.0, 0.0},  // sum
    StepCount{1.13, 12.0, 0.0, 0.0},  // add_row
    StepCount{692.0, 23.8, 0.0, 0.0},  // layer_norm
    StepCount{733.0, 15.2, 0.0, 0.0},  // rms_norm
    StepCount{17.6, 32.9, 0.0, 0.0},  // conv
    StepCount{0.0, 10.3, 0.0, 5.00},  // rotate
    StepCount{12.8, 5.84, 0.0, 0.0},  // table
    StepCount{1.26, 1.04, 0.0, 0.0},  // embedding
    StepCount{40.7, 85.4, 0.0, 0.0},  // scan
    StepCount{64.8, 66.7, 0.0, 0.0},  // scan_narrow
    StepCount{0.0, 85.4, 0.0, 0.0},  // scan_shear
    StepCount{0.0, 83.5, 49.5, 56.1},  // selective_scan
    StepCount{2.33, 8.04, 0.0, 0.0},  // mean_pool
    StepCount{2.00, 1.25, 0.0, 0.0},  // last
    not_measured,  // sign
    not_measured,  // concatenate
}};
constinit const StepCounts cortex_m4_counts{{
    StepCount{0.0, 3.12, 0.0, 0.0},  // step
    StepCount{0.0, 7.61, 0.0, 0.0},  // input
    StepCount{0.0, 14.2, 0.0, 1.79},  // rows_w8
    StepCount{41.8, 0.0, 8.17, 1.52},  // rows_w4
    StepCount{0.0, 1.71, 2.19, 1.51},  // rows_w2
    StepCount{4.94, 6.22, 0.0, 5.03},  // linear
    StepCount{0.0, 0.0, 61.5, 7.03},  // linear_packed
    StepCount{2.73, 14.6, 0.0, 0.0},  // rescale
    not_measured,  // rescale_wide
    StepCount{3.56, 6.00, 0.0, 0.0},  // product
    StepCount{7.13, 5.95, 0.0, 0.0},  // scale
    StepCount{0.0, 15.5, 0.0, 0.0},  // sum
    StepCount{1.80, 12.0, 0.0, 0.0},  // add_row
    StepCount{691.0, 23.8, 0.0, 0.0},  // layer_norm
    StepCount{726.0, 15.4, 0.0, 0.0},  // rms_norm
    StepCount{20.3, 32.9, 0.0, 0.0},  // conv
    StepCount{0.0, 10.5, 0.0, 5.01},  // rotate
    StepCount{17.7, 5.87, 0.0, 0.0},  // table
    StepCount{8.18, 0.920, 0.0, 0.0},  // embedding
    StepCount{46.9, 85.8, 0.0, 0.0},  // scan
    StepCount{32.1, 68.6, 0.0, 0.0},  // scan_narrow
    StepCount{0.0, 82.9, 0.0, 0.0},  // scan_shear
    StepCount{0.0, 78.7, 49.5, 56.1},  // selective_scan
    StepCount{2.33, 8.04, 0.0, 0.0},  // mean_pool
    StepCount{2.00, 1.25, 0.0, 0.0},  // last
    not_measured,  // sign
    not_measured,  // concatenate
}};
constinit const StepCounts cortex_m55_counts{{
    StepCount{0.0, 3.28, 0.0, 0.0},  // step
    StepCount{0.0, 7.46, 0.0, 0.0},  // input
    StepCount{0.0, 12.7, 0.0, 0.981},  // rows_w8
    StepCount{53.4, 0.0, 12.7, 0.714},  // rows_w4
    StepCount{474.0, 0.0, 0.0, 0.979},  // rows_w2
    StepCount{0.0, 8.86, 0.0, 4.03},  // linear
    StepCount{0.0, 0.0, 48.3, 7.24},  // linear_packed
    StepCount{6.06, 13.7, 0.0, 0.0},  // rescale
    not_measured,  // rescale_wide
    StepCount{2.52, 4.99, 0.0, 0.0},  // product
    StepCount{10.5, 4.35, 0.0, 0.0},  // scale
    StepCount{0.0, 14.5, 0.0, 0.0},  // sum
    StepCount{0.815, 11.0, 0.0, 0.0},  // add_row
    StepCount{572.0, 20.8, 0.0, 0.0},  // layer_norm
    StepCount{600.0, 13.1, 0.0, 0.0},  // rms_norm
    StepCount{1.51, 33.0, 0.0, 0.0},  // conv
    StepCount{0.0, 19.4, 0.0, 3.84},  // rotate
    StepCount{1.66, 5.01, 0.0, 0.0},  // table
    StepCount{22.5, 0.0, 0.0, 0.0},  // embedding
    StepCount{47.8, 92.6, 0.0, 0.0},  // scan
    StepCount{56.0, 70.5, 0.0, 0.0},  // scan_narrow
    StepCount{0.0, 89.0, 0.0, 0.0},  // scan_shear
    StepCount{0.0, 65.4, 58.5, 51.1},  // selective_scan
    StepCount{4.67, 6.96, 0.0, 0.0},  // mean_pool
    StepCount{20.6, 0.100, 0.0, 0.0},  // last
    not_measured,  // sign
    not_measured,  // concatenate
}};
constinit const StepCounts rv32im_counts{{
    StepCount{0.0, 3.97, 0.0, 0.0},  // step
    StepCount{0.0, 9.95, 0.0, 0.0},  // input
    StepCount{0.0, 15.9, 0.0, 4.01},  // rows_w8
    StepCount{37.3, 0.0, 11.6, 4.32},  // rows_w4
    StepCount{0.0, 0.0, 5.04, 5.72},  // rows_w2
    StepCount{8.18, 8.87, 0.0, 6.90},  // linear
    StepCount{0.0, 0.0, 75.1, 7.88},  // linear_packed
    StepCount{0.0, 12.7, 0.0, 0.0},  // rescale
    not_measured,  // rescale_wide
    StepCount{2.03, 7.00, 0.0, 0.0},  // product
    StepCount{4.68, 7.90, 0.0, 0.0},  // scale
    StepCount{0.0, 19.4, 0.0, 0.0},  // sum
    StepCount{1.20, 17.0, 0.0, 0.0},  // add_row
    StepCount{902.0, 38.4, 0.0, 0.0},  // layer_norm
    StepCount{943.0, 24.2, 0.0, 0.0},  // rms_norm
    StepCount{6.87, 41.0, 0.0, 0.0},  // conv
    StepCount{0.0, 0.0, 0.0, 7.19},  // rotate
    StepCount{1.09, 6.19, 0.0, 0.0},  // table
    StepCount{3.68, 5.09, 0.0, 0.0},  // embedding
    StepCount{26.3, 113.0, 0.0, 0.0},  // scan
    StepCount{2.82, 70.0, 0.0, 0.0},  // scan_narrow
    StepCount{0.0, 83.6, 0.0, 0.0},  // scan_shear
    StepCount{201.0, 84.7, 61.3, 54.5},  // selective_scan
    StepCount{1.00, 13.0, 0.0, 0.0},  // mean_pool
    StepCount{1.00, 4.00, 0.0, 0.0},  // last
    not_measured,  // sign
    not_measured,  // concatenate
}};
// clang-format on

}  // namespace bitstate::program
