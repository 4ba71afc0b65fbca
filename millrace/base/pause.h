// Pause: waiting on a thread that may wait, until a moment or until it is given up.
#pragma once

#include <cstdint>
#include <functional>

#include "millrace/base/clock.h"
#include "millrace/base/result.h"
#include "millrace/base/timers.h"

namespace millrace {

/// Wait until `clock` has moved on by `nanos`. `given_up` (may be empty) is asked several
/// times a second; its error ends the wait. `timers` may be null: then only those looks
/// end it.
Status Pause(const Clock& clock, Timers* timers, int64_t nanos,
             const std::function<Status()>& given_up);

}  // namespace millrace
