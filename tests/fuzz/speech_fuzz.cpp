// Lists of Speech Commands' clips.
#include "datasets/sets/speech.h"
#include "tests/fuzz/target.h"

#include <algorithm>

namespace bitstate::fuzz {
namespace {

std::string read(std::string_view input) {
  const std::vector<datasets::SpeechClip> clips = datasets::read_speech_list(in_file(input));
  std::string content;
  for (const datasets::SpeechClip& clip : clips) {
    promise(clip.word < datasets::speech_words.size(), "a word");
    promise(clip.file.ends_with(".wav") && input.find(clip.path()) != input.npos, "a clip that is listed");
    content += clip.path() + '\n';
  }
  const auto at_least = [](const auto& a, const auto& b) { return a >= b; };
  promise(std::adjacent_find(clips.begin(), clips.end(), at_least) == clips.end(), "an order without equals");
  promise(std::count(content.begin(), content.end(), '\n') >= std::count(input.begin(), input.end(), '\n'),
          "a clip of each line");
  return content;
}

}  // namespace

Target target() {
  return {{{"bed/0a7c2a8d_nohash_0.wav\nzero/0a7c2a8d_nohash_0.wav\nbed/0a7c2a8d_nohash_1.wav\n"},
           {"yes/1.wav"},
           {"wow/.wav\n"},
           {""},
           {"bed/1.wav\nbed/1.wav\n", Claim::refused},
           {"bed/1.wav\r\n", Claim::refused},
           {"bed/1.wav\n\n", Claim::refused},
           {"table/1.wav\n", Claim::refused},
           {"bed\n", Claim::refused},
           {"bed/1.mp3\n", Claim::refused},
           {"/bed/1.wav\n", Claim::refused},
           {std::string(std::size_t{1} << 20, 'x'), Claim::refused}},
          read};
}

}  // namespace bitstate::fuzz
