#include "core/io/units_file.h"

#include <utility>
#include <vector>

namespace bitstate {

void write_units(Hdf5Writer& writer, const std::string& prefix, const Units& units) {
  for (const auto& [name, numbers] : {std::pair{"mean", &units.mean}, {"deviation", &units.deviation}}) {
    if (units.single) {
      writer.write(prefix + name, std::vector<float>(numbers->begin(), numbers->end()));
    } else {
      writer.write(prefix + name, *numbers);
    }
  }
}

Units read_units(const Hdf5Reader& reader, const std::string& prefix, std::size_t max_columns) {
  Units units;
  units.mean = reader.read<double>(prefix + "mean", max_columns).values;
  units.deviation = reader.read<double>(prefix + "deviation", max_columns).values;
  units.single = !units.mean.empty() && reader.is_single(prefix + "mean");
  return units;
}

}  // namespace bitstate
