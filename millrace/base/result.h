// Status and Result: how every fallible call of the engine answers. No exception crosses
// a module boundary.
#pragma once

#include <arrow/result.h>
#include <arrow/status.h>

namespace millrace {

using arrow::Result;
using arrow::Status;

}  // namespace millrace
