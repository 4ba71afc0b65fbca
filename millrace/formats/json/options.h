// The options of JSON after validation.
#pragma once

#include <cstdint>

#include "millrace/base/config/config.h"
#include "millrace/base/result.h"

namespace millrace::formats::json {

struct ReadSettings {
  int64_t sample_rows = 0;
  int64_t sample_bytes = 0;
  int64_t max_record_bytes = 0;
  bool unknown_fails = false;  ///< a field that is no column ends the read
};

enum class NonFinite { kFail, kNull, kText };

struct WriteSettings {
  bool omit_nulls = false;
  NonFinite non_finite = NonFinite::kFail;
  char timestamp_separator = 'T';
};

const ConfigSpec& ReadOptions();
const ConfigSpec& WriteOptions();
Result<ReadSettings> MakeReadSettings(const Config& options);
WriteSettings MakeWriteSettings(const Config& options);

}  // namespace millrace::formats::json
