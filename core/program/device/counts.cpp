#include "core/program/device/counts.h"

namespace bitstate::program {
namespace {

constexpr std::optional<StepCount> not_measured;

}  // namespace

// per call, element, input and product, in the order of StepKind
// clang-format off
constinit const StepCounts cortex_m3_counts{{
    StepCount{0.00, 3.60, 0.00, 0.00},  // step
    StepCount{0.00, 8.00, 0.00, 0.00},  // input
    StepCount{0.00, 6.15, 10.20, 2.73},  // rows_w8
    StepCount{0.00, 0.00, 11.10, 3.23},  // rows_w4
    StepCount{0.00, 0.00, 14.13, 2.75},  // rows_w2
    StepCount{0.00, 3.71, 0.00, 5.49},  // linear
    StepCount{0.00, 0.00, 42.2, 7.13},  // linear_packed
    StepCount{8.58, 14.64, 0.00, 0.00},  // rescale
    not_measured,  // rescale_wide
    StepCount{0.00, 6.21, 0.00, 0.00},  // product
    StepCount{2.28, 6.04, 0.00, 0.00},  // scale
    StepCount{0.00, 16.09, 0.00, 0.00},  // sum
    StepCount{0.00, 11.92, 0.00, 0.00},  // add_row
    StepCount{674.8, 23.9, 0.00, 0.00},  // layer_norm
    StepCount{0.00, 15.49, 727.4, 0.00},  // rms_norm
    StepCount{0.00, 17.26, 0.00, 4.31},  // conv
    not_measured,  // rotate
    StepCount{2.57, 5.93, 0.00, 0.00},  // table
    not_measured,  // embedding
    StepCount{44.7, 85.9, 0.00, 0.00},  // scan
    StepCount{0.00, 74.9, 0.00, 0.00},  // scan_narrow
    StepCount{0.00, 87.4, 0.00, 0.00},  // scan_shear
    StepCount{0.00, 108.4, 49.3, 52.8},  // selective_scan
    StepCount{0.00, 8.19, 0.00, 0.00},  // mean_pool
    not_measured,  // last
    not_measured,  // sign
    not_measured,  // concatenate
}};
constinit const StepCounts cortex_m4_counts{{
    StepCount{0.00, 3.44, 0.00, 0.00},  // step
    StepCount{0.00, 7.33, 0.00, 0.00},  // input
    StepCount{0.00, 5.81, 12.05, 1.67},  // rows_w8
    StepCount{0.00, 5.56, 3.75, 1.58},  // rows_w4
    StepCount{0.00, 0.00, 12.43, 1.28},  // rows_w2
    StepCount{0.00, 3.96, 0.00, 5.44},  // linear
    StepCount{0.00, 0.00, 42.1, 7.14},  // linear_packed
    StepCount{8.11, 14.64, 0.00, 0.00},  // rescale
    not_measured,  // rescale_wide
    StepCount{0.00, 6.22, 0.00, 0.00},  // product
    StepCount{2.97, 6.04, 0.00, 0.00},  // scale
    StepCount{0.00, 16.11, 0.00, 0.00},  // sum
    StepCount{0.00, 11.96, 0.00, 0.00},  // add_row
    StepCount{674.8, 23.9, 0.00, 0.00},  // layer_norm
    StepCount{0.00, 15.84, 715.0, 0.00},  // rms_norm
    StepCount{0.00, 17.30, 0.00, 4.33},  // conv
    not_measured,  // rotate
    StepCount{0.00, 6.11, 0.00, 0.00},  // table
    not_measured,  // embedding
    StepCount{49.2, 86.7, 0.00, 0.00},  // scan
    StepCount{0.00, 72.7, 0.00, 0.00},  // scan_narrow
    StepCount{0.00, 83.2, 0.00, 0.00},  // scan_shear
    StepCount{167.5, 81.7, 49.9, 55.1},  // selective_scan
    StepCount{0.00, 8.19, 0.00, 0.00},  // mean_pool
    not_measured,  // last
    not_measured,  // sign
    not_measured,  // concatenate
}};
constinit const StepCounts cortex_m55_counts{{
    StepCount{0.00, 3.61, 0.00, 0.00},  // step
    StepCount{0.00, 8.00, 0.00, 0.00},  // input
    StepCount{0.00, 4.80, 12.69, 0.84},  // rows_w8
    StepCount{0.00, 0.00, 11.31, 0.70},  // rows_w4
    StepCount{0.00, 49.5, 1.45, 0.00},  // rows_w2
    StepCount{0.00, 4.83, 0.00, 4.67},  // linear
    StepCount{0.00, 0.00, 34.8, 7.25},  // linear_packed
    StepCount{12.76, 13.72, 0.00, 0.00},  // rescale
    not_measured,  // rescale_wide
    StepCount{1.81, 5.00, 0.00, 0.00},  // product
    StepCount{60.2, 0.00, 0.00, 0.00},  // scale
    StepCount{0.00, 15.13, 0.00, 0.00},  // sum
    StepCount{0.00, 10.94, 0.00, 0.00},  // add_row
    StepCount{554.4, 21.0, 0.00, 0.00},  // layer_norm
    StepCount{0.00, 13.20, 596.4, 0.00},  // rms_norm
    StepCount{0.00, 17.00, 0.00, 4.25},  // conv
    not_measured,  // rotate
    StepCount{0.33, 4.98, 0.00, 0.00},  // table
    not_measured,  // embedding
    StepCount{43.9, 94.3, 0.00, 0.00},  // scan
    StepCount{0.00, 77.0, 0.00, 0.00},  // scan_narrow
    StepCount{0.00, 88.7, 0.00, 0.00},  // scan_shear
    StepCount{350.2, 74.4, 55.7, 47.3},  // selective_scan
    StepCount{0.00, 7.19, 0.00, 0.00},  // mean_pool
    not_measured,  // last
    not_measured,  // sign
    not_measured,  // concatenate
}};
constinit const StepCounts rv32im_counts{{
    StepCount{0.00, 4.39, 0.00, 0.00},  // step
    StepCount{0.00, 8.33, 0.00, 0.00},  // input
    StepCount{0.00, 8.52, 17.05, 3.73},  // rows_w8
    StepCount{0.00, 0.00, 17.15, 4.13},  // rows_w4
    StepCount{0.00, 0.00, 19.24, 5.21},  // rows_w2
    StepCount{0.00, 4.96, 0.00, 7.56},  // linear
    StepCount{0.00, 0.00, 43.0, 8.80},  // linear_packed
    StepCount{10.36, 12.64, 0.00, 0.00},  // rescale
    not_measured,  // rescale_wide
    StepCount{1.57, 7.00, 0.00, 0.00},  // product
    StepCount{8.12, 7.69, 0.00, 0.00},  // scale
    StepCount{0.00, 20.2, 0.00, 0.00},  // sum
    StepCount{0.00, 16.82, 0.00, 0.00},  // add_row
    StepCount{869.7, 38.4, 0.00, 0.00},  // layer_norm
    StepCount{0.00, 24.3, 939.6, 0.00},  // rms_norm
    StepCount{5.92, 20.5, 0.00, 5.12},  // conv
    not_measured,  // rotate
    StepCount{5.47, 6.51, 0.00, 0.00},  // table
    not_measured,  // embedding
    StepCount{33.4, 112.5, 0.00, 0.00},  // scan
    StepCount{0.00, 70.2, 0.00, 0.00},  // scan_narrow
    StepCount{0.00, 85.6, 0.00, 0.00},  // scan_shear
    StepCount{344.5, 87.6, 60.4, 52.6},  // selective_scan
    StepCount{0.00, 13.06, 0.00, 0.00},  // mean_pool
    not_measured,  // last
    not_measured,  // sign
    not_measured,  // concatenate
}};
// clang-format on

}  // namespace bitstate::program
