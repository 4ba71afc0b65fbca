// DeadLetter: a row that could not be used, kept with everything needed to understand and
// replay it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/base/error.h"

namespace millrace::data {

/// What a reader does with a row that it can't decode.
enum class BadRowPolicy {
  kFail,        ///< end the pipeline with the row's error
  kDeadLetter,  ///< set the row aside, count it, go on
};

/// One row set aside.
struct DeadLetter {
  std::string raw;   ///< the row's bytes as read; cut to 64 KiB
  Where where;       ///< file, row, column, byte
  int32_t code = 0;  ///< number of the error
  std::string reason;
  /// Where the row begins in its split, in the words of the connector: an offset, an LSN.
  /// The engine takes byte or row of `where` when it is empty.
  std::string position;
  /// The names of the record's fields in their order, where the record does not hold
  /// them itself: without them it can't be read again.
  std::vector<std::string> fields;
  // Filled in by the engine.
  std::string source;     ///< table
  std::string connector;  ///< of the table
  std::string split;
  std::string sink;  ///< table that refused the row; `source` is empty then
};

}  // namespace millrace::data
