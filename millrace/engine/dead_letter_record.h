// DeadLetterRecord: a row set aside, with what is known of how it came to that; and its
// form as a line of JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/error.h"
#include "millrace/io/file_system.h"

namespace millrace::engine {

struct DeadLetterRecord {
  std::string code;    ///< "MR-2103"
  std::string reason;  ///< the whole message
  Where where;
  std::string source;     ///< the table that it was read for
  std::string connector;  ///< of that table
  std::string split;      ///< the part of the source
  std::string position;   ///< where in the split: "byte 17", "row 3", an LSN, an offset
  /// The table whose rules the row broke; `raw` is the row as JSON then.
  std::string sink;
  std::string time;  ///< when it was set aside, UTC
  std::string pipeline;
  int64_t attempt = 1;  ///< how often the row has failed: more than 1 after a replay
  /// Names of the record's fields, in order; empty where the record names them itself.
  std::vector<std::string> fields;
  std::string raw;   ///< the row's bytes, exactly
  bool cut = false;  ///< `raw` is only the beginning
};

/// One object and a line end. Raw bytes that are no UTF-8 are there a second time, in
/// base64: the text alone could not give them back.
std::string DeadLetterLine(const DeadLetterRecord& record);

/// The names of the record's fields as a JSON array; empty without names.
std::string FieldsText(const DeadLetterRecord& record);

/// Is it UTF-8?
bool IsText(std::string_view bytes);

/// The letters of a file. A last line that a kill cut short is left out; any other line
/// that is no dead letter fails with errors::kNotADeadLetter.
Result<std::vector<DeadLetterRecord>> ReadDeadLetters(io::FileSystem& files,
                                                      const std::string& path);

/// Letters whose raw text is at least so long have been cut by the reader that met them.
inline constexpr size_t kLongestRaw = 64 * 1024;

}  // namespace millrace::engine
