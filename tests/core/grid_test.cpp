#include "core/grid.h"

#include <doctest/doctest.h>

namespace bitstate {
namespace {

TEST_CASE("grid: bounds and scales are those of docs/numerics.md") {
  CHECK(QuantSpec{8}.bound() == 127);
  CHECK(QuantSpec{2}.bound() == 1);
  CHECK(QuantSpec{1}.bound() == 1);
  CHECK(QuantSpec{16}.bound() == 32767);
  QuantSpec half{4};
  half.edge = QuantSpec::Edge::half;
  CHECK(make_grid(half, 7.5F).scale == 1.0F);
  CHECK(make_grid(QuantSpec{4}, 7.0F).scale == 1.0F);
  CHECK(make_grid(QuantSpec{1}, 3.0F).scale == 1.5F);
  CHECK(make_grid(QuantSpec{8}, 0.0F).scale == 1.0F);
  CHECK(make_grid(QuantSpec{8}, 1e-30F).scale == 1.0F);
  CHECK(make_grid(QuantSpec{1}, 0.0F).scale == 0x1.0p-40F);
}

TEST_CASE("grid: an asymmetric one keeps zero a code and has all 2^b codes") {
  QuantSpec spec{8};
  spec.symmetry = QuantSpec::Symmetry::asymmetric;
  const Grid grid = make_grid(spec, 2.0F, 0.55F);
  CHECK(grid.scale == 2.55F / 255.0F);
  CHECK(grid.lo == -55);
  CHECK(grid.hi == 200);
  CHECK(grid.bound() == 200);
}

TEST_CASE("grid: scale=pow2 takes the power of two next above or equal") {
  QuantSpec spec{8};
  spec.scale_kind = QuantSpec::Scale::pow2;
  CHECK(make_grid(spec, 127.0F).scale == 1.0F);
  CHECK(make_grid(spec, 128.0F).scale == 2.0F);
}

}  // namespace
}  // namespace bitstate
