// Which names a model can have in C.
#include "core/error.h"
#include "core/program/c/source.h"
#include "core/suggest.h"

#include <algorithm>
#include <array>

namespace bitstate::program {
namespace {

constexpr std::size_t max_letters = 40;

// of C23 and C++20
constexpr auto keywords = std::to_array<std::string_view>({"alignas",
                                                           "alignof",
                                                           "and",
                                                           "and_eq",
                                                           "asm",
                                                           "auto",
                                                           "bitand",
                                                           "bitor",
                                                           "bool",
                                                           "break",
                                                           "case",
                                                           "catch",
                                                           "char",
                                                           "char16_t",
                                                           "char32_t",
                                                           "char8_t",
                                                           "class",
                                                           "co_await",
                                                           "co_return",
                                                           "co_yield",
                                                           "compl",
                                                           "concept",
                                                           "const",
                                                           "const_cast",
                                                           "consteval",
                                                           "constexpr",
                                                           "constinit",
                                                           "continue",
                                                           "decltype",
                                                           "default",
                                                           "delete",
                                                           "do",
                                                           "double",
                                                           "dynamic_cast",
                                                           "else",
                                                           "enum",
                                                           "explicit",
                                                           "export",
                                                           "extern",
                                                           "false",
                                                           "float",
                                                           "for",
                                                           "friend",
                                                           "goto",
                                                           "if",
                                                           "inline",
                                                           "int",
                                                           "long",
                                                           "mutable",
                                                           "namespace",
                                                           "new",
                                                           "noexcept",
                                                           "not",
                                                           "not_eq",
                                                           "nullptr",
                                                           "operator",
                                                           "or",
                                                           "or_eq",
                                                           "private",
                                                           "protected",
                                                           "public",
                                                           "register",
                                                           "reinterpret_cast",
                                                           "requires",
                                                           "restrict",
                                                           "return",
                                                           "short",
                                                           "signed",
                                                           "sizeof",
                                                           "static",
                                                           "static_assert",
                                                           "static_cast",
                                                           "struct",
                                                           "switch",
                                                           "template",
                                                           "this",
                                                           "thread_local",
                                                           "throw",
                                                           "true",
                                                           "try",
                                                           "typedef",
                                                           "typeid",
                                                           "typename",
                                                           "typeof",
                                                           "typeof_unqual",
                                                           "union",
                                                           "unsigned",
                                                           "using",
                                                           "virtual",
                                                           "void",
                                                           "volatile",
                                                           "wchar_t",
                                                           "while",
                                                           "xor",
                                                           "xor_eq"});

// NAME.h in an include path would stand before these
constexpr auto headers = std::to_array<std::string_view>(
    {"assert",  "complex",   "ctype",  "errno",  "fenv",     "inttypes", "iso646",      "limits",
     "locale",  "math",      "setjmp", "signal", "stdalign", "stdarg",   "stdatomic",   "stdbit",
     "stdbool", "stdckdint", "stddef", "stdint", "stdio",    "stdlib",   "stdnoreturn", "string",
     "tgmath",  "threads",   "time",   "uchar",  "wchar",    "wctype"});

}  // namespace

void check_c_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto allowed = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  require<UsageError>(!name.empty() && name.size() <= max_letters && letter(name.front()) &&
                          std::all_of(name.begin(), name.end(), allowed),
                      "name",
                      "expected a name for C (a letter, then letters, digits and underscores, at most {} in all), got "
                      "\"{}\"",
                      max_letters, name);
  require<UsageError>(!is_one_of(name, keywords), "name", "\"{}\" is a keyword of C or C++", name);
  require<UsageError>(!is_one_of(name, headers), "name", "\"{0}\" would make a header {0}.h, which the C library has",
                      name);
  require<UsageError>(!name.ends_with("_test"), "name",
                      "expected a name that does not end with _test, as the self-test's file does, got \"{}\"", name);
}

}  // namespace bitstate::program
