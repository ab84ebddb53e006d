// Names that other programs have for an option, so that an error can say what it is called here.
#pragma once

#include <string>
#include <string_view>

namespace bitstate::experiments {

/// What to use here instead of the option `name` of other programs, as the end of a sentence ("here it is --bsz"); ""
/// for a name that is not known. Letter case, dashes and underscores do not matter.
std::string here_called(std::string_view name);

}  // namespace bitstate::experiments
