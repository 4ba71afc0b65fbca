// Windows that tests use.
#pragma once

#include "millrace/plan/window.h"

namespace millrace::operators {

/// Tumbling windows over the first column.
inline plan::Window TumblingOf(int64_t size_micros, int64_t offset_micros) {
  plan::Window out;
  out.time_column = 0;
  out.size.micros = size_micros;
  out.step = out.size;
  out.offset_micros = offset_micros;
  return out;
}

}  // namespace millrace::operators
