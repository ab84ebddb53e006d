// WAV files.
#include "datasets/formats/wav.h"
#include "tests/datasets/formats/wav_files.h"
#include "tests/fuzz/target.h"

namespace bitstate::fuzz {

Target target() {
  using namespace tests;
  constexpr std::size_t max_samples = 16000;
  const std::string format = wav_format(16000);
  const std::string samples = wav_samples({0, 1, -1, 32767, -32768});
  const auto claims = [](const std::string& name) { return name + "\xff\xff\xff\xff"; };
  return {{{riff(format + samples), Claim::cuts_show},
           {riff(samples + wav_chunk("LIST", "odd") + format), Claim::cuts_show},
           {riff(format + claims("data") + "xx"), Claim::refused},
           {riff(format + samples + claims("LIST")), Claim::refused},
           {"RIFF\xff\xff\xff\xffWAVE" + format + samples, Claim::refused},
           {riff(format + format + samples), Claim::refused},
           {riff(format), Claim::refused},
           {riff(format + wav_samples(std::vector<std::int16_t>(max_samples + 1))), Claim::refused}},
          [](std::string_view input) {
            const datasets::Wav wav = datasets::read_wav(in_file(input), max_samples);
            promise(wav.rate > 0 && !wav.samples.empty() && wav.samples.size() <= max_samples, "samples");
            std::string content = std::to_string(wav.rate) + ' ';
            append(content, wav.samples);
            return content;
          }};
}

}  // namespace bitstate::fuzz
