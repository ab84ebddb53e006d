#include "models/s5/format_2.h"

#include "core/error.h"

namespace bitstate {

DataSizes sizes_in_format_2(const Hdf5Reader& reader) {
  DataSizes sizes;
  for (const char* const bias : {"parameters/decoder.bias", "parameters/decoder.1.bias"}) {
    if (reader.exists(bias)) sizes.outputs = reader.shape(bias).back();
  }
  const Hdf5Shape encoder = reader.shape("parameters/encoder.weight");
  const Hdf5Shape features = reader.shape("parameters/encoder.bias");
  require(encoder.size() == 2 && features.size() == 2, "checkpoint", "{} holds an encoder that is no matrix",
          reader.path().string());
  sizes.inputs = encoder[0] == features[1] ? encoder[1] : encoder[0];  // else a table: one row per token
  return sizes;
}

}  // namespace bitstate
