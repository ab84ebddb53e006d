// Ordered name = value lists, and the .ini text they are read from and written to. No file is opened here.
#pragma once

#include "core/text.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bitstate::experiments {

/// Names and values in the order in which they were given; a name may stand more than once.
using Settings = std::vector<std::pair<std::string, std::string>>;

/// The value that counts, which is the last; null where none is given.
const std::string* last_value(const Settings& settings, std::string_view name);

/// The same; "" where none is given.
std::string value_of(const Settings& settings, std::string_view name);

/// Reads lines `name = value`, `# comment` and `[section]` (which prefixes the names that follow by "section."). A
/// value stands as it is, without white space at its ends, or in double quotes, in which \\ \" \n \r \t stand for
/// backslash, quote, line feed, carriage return and tab, and # begins no comment. Lines end with LF, CR LF or CR; the
/// text may begin with the mark of UTF-8. The lists axis.NAME of a sweep keep their quotes, since each of their values
/// may have some. Throws UsageError naming `where` and the line; naming both lines for a name that is given twice,
/// unless it is `bits`, whose rules add up.
Settings parse_ini(std::string_view text, std::string_view where);

/// The text that parse_ini reads back to the same list, whatever the values are, but for a NUL (lists: as
/// they were read).
std::string format_ini(const Settings& settings);

}  // namespace bitstate::experiments
