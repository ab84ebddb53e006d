// libFuzzer's two functions. With $BITSTATE_FUZZ_SEEDS, a folder, it gets the target's valid seeds as files there
// first.
#include "core/error.h"
#include "tests/fuzz/target.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>

using namespace bitstate;

// HDF5 1.10 itself leaks what it had read of a damaged object header. NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5\n"; }

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* const folder = std::getenv("BITSTATE_FUZZ_SEEDS");
  if (folder == nullptr) return 0;
  int number = 0;
  for (const fuzz::Seed& seed : fuzz::target().seeds) {
    if (seed.claim == fuzz::Claim::refused) continue;  // bombs among them, which would slow everything down
    const auto name = std::filesystem::path(folder) / ("seed-" + std::to_string(number++));
    std::ofstream(name, std::ios::binary).write(seed.bytes.data(), static_cast<std::streamsize>(seed.bytes.size()));
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Target target = fuzz::target();
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto read = [](const std::string& bytes) {
    try {
      (void)target.read(bytes);
    } catch (const Error&) {
      return;
    }
  };
  read(input);
  if (target.forge) {
    if (const std::string forged = target.forge(input); forged != input) read(forged);
  }
  return 0;
}
