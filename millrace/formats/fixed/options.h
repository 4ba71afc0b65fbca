// The options of fixed-width text after validation.
#pragma once

#include <string>

#include "millrace/base/config/config.h"
#include "millrace/formats/csv/dialect.h"
#include "millrace/formats/fixed/layout.h"

namespace millrace::formats::fixed {

enum class OnShort { kPad, kFail, kDeadLetter };

struct ReadSettings {
  Layout layout;
  csv::Dialect values;  ///< how values are spelled; nothing is quoted
  bool trim = true;     ///< of text; other values have no blanks around them
  bool header = false;
  OnShort on_short = OnShort::kPad;
  int64_t skip_footer = 0;
  int64_t record_length = 0;  ///< in characters; 0: records end at line ends
};

struct WriteSettings {
  Layout layout;
  csv::WriteDialect values;
  bool header = false;
  std::string null;
  std::string line_end;
};

const ConfigSpec& ReadOptions();
const ConfigSpec& WriteOptions();
Result<ReadSettings> MakeReadSettings(const Config& options);
Result<WriteSettings> MakeWriteSettings(const Config& options);

}  // namespace millrace::formats::fixed
