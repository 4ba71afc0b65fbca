// Time zones by name.
#pragma once

#include <string_view>

#include "millrace/base/result.h"

namespace date {
class time_zone;
}

namespace millrace::functions {

/// The IANA time zone `name`, from the system's database; never null, lives for ever.
/// Fails with kUnknownTimeZone. Thread-safe.
Result<const date::time_zone*> LocateTimeZone(std::string_view name);

}  // namespace millrace::functions
