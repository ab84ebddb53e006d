// The main of every test executable. A case that cannot run here (no C compiler) says MESSAGE("skipped: why") and
// returns; a run in which all passed but something was skipped exits with 77, which CTest counts as skipped, never as
// passed.
#define DOCTEST_CONFIG_IMPLEMENT
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS  // its handlers would run in forked children; CTest and the sanitizers report
                                         // crashes
#include <doctest/doctest.h>

#include <string_view>

// HDF5 1.10 itself leaks what it had read of an object header whose checksum is wrong; LeakSanitizer asks for this by
// name. NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5\n"; }

namespace {

/// Listens for messages that begin with "skipped: ".
struct SkipListener : doctest::IReporter {
  static inline bool skipped = false;

  explicit SkipListener(const doctest::ContextOptions&) {}
  void log_message(const doctest::MessageData& message) override {
    if (std::string_view(message.m_string.c_str()).starts_with("skipped: ")) skipped = true;
  }
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

}  // namespace

int main(int argc, char** argv) {
  doctest::registerReporter<SkipListener>("skip", 1, false);
  const int status = doctest::Context(argc, argv).run();
  return status == 0 && SkipListener::skipped ? 77 : status;
}
