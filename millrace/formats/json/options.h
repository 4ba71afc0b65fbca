// The options of JSON after validation.
#pragma once

#include <cstdint>
#include <optional>

#include "millrace/base/config/config.h"
#include "millrace/base/result.h"

namespace millrace::formats::json {

/// How records stand in a file.
enum class Layout {
  kLines,    ///< one object a line
  kArray,    ///< the elements of one array
  kObjects,  ///< one object after another, with spaces and line ends anywhere
};

struct ReadSettings {
  std::optional<Layout> layout;  ///< absent: as the first bytes tell
  int64_t sample_rows = 0;
  int64_t sample_bytes = 0;
  int64_t max_record_bytes = 0;
  bool unknown_fails = false;  ///< a field that is no column ends the read
};

enum class NonFinite { kFail, kNull, kText };

struct WriteSettings {
  Layout layout = Layout::kLines;  ///< kLines or kArray
  bool omit_nulls = false;
  NonFinite non_finite = NonFinite::kFail;
  char timestamp_separator = 'T';
};

const ConfigSpec& ReadOptions();
const ConfigSpec& WriteOptions();
Result<ReadSettings> MakeReadSettings(const Config& options);
WriteSettings MakeWriteSettings(const Config& options);

}  // namespace millrace::formats::json
