#include "millrace/functions/time_zone.h"

#include <stdexcept>
#include <string>

#include <date/tz.h>

#include "millrace/expr/errors.h"

namespace millrace::functions {

Result<const date::time_zone*> LocateTimeZone(std::string_view name) {
  try {
    const date::time_zone* zone = date::locate_zone(std::string(name));
    if (zone != nullptr) return zone;
  } catch (const std::runtime_error&) {
    // Said below.
  }
  return errors::kUnknownTimeZone.Make({}, "'{}'", name);
}

}  // namespace millrace::functions
