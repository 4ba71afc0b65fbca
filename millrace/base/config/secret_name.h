// Which options may be secret, as far as their names tell.
#pragma once

#include <string_view>

namespace millrace {

/// Can options of that name be secret? Texts that may hold options are shown without the
/// values of such names, so every secret option has to have one.
bool IsSecretName(std::string_view name);

}  // namespace millrace
