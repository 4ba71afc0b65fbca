// Dialect: the options of CSV after validation, in the form that inner loops want.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/config/config.h"
#include "millrace/base/result.h"
#include "millrace/formats/csv/number_form.h"

namespace millrace::formats::csv {

enum class Header { kAuto, kPresent, kAbsent };
enum class Ragged { kFail, kNull, kDeadLetter };

/// How bytes become fields. Immutable once made.
struct Dialect {
  char delimiter = ',';
  bool delimiter_given = false;  ///< by the user: a first line `sep=;` is a record
  int quote = '"';               ///< byte, or -1: quotes have no meaning
  int escape = -1;               ///< byte, or -1: none beyond the doubled quote
  int comment = -1;              ///< byte that begins a comment line, or -1
  char newline = '\n';  ///< last byte of a line end; '\r' in files with lone ones
  Header header = Header::kAuto;
  Ragged on_ragged = Ragged::kFail;
  std::vector<std::string> nulls;  ///< spellings other than the empty one
  bool empty_is_null = true;       ///< an unquoted empty field
  bool quoted_empty_is_null = false;
  bool trim = false;
  bool all_varchar = false;
  int64_t skip_rows = 0;
  int64_t sample_rows = 0;
  int64_t sample_bytes = 0;
  int64_t max_record_bytes = 0;
  std::string timestamp_format;  ///< empty: ISO 8601
  NumberForm numbers;

  /// Structure is found byte by byte: an escaped or commented-out quote does not count.
  bool sequential() const { return escape >= 0 || comment >= 0; }
  /// Fields must be looked at before they can be parsed, quotes apart.
  bool plain_fields() const { return nulls.empty() && !trim && escape < 0; }
  /// A text that has digits where its type wants them is the value, quotes apart: no
  /// spelling of NULL is like that.
  bool plain_digits() const {
    if (escape >= 0) return false;
    for (const std::string& spelling : nulls) {
      if (spelling.find_first_of("0123456789") != std::string::npos) return false;
    }
    return true;
  }
  bool IsNullSpelling(std::string_view field) const {
    for (const std::string& spelling : nulls) {
      if (spelling == field) return true;
    }
    return false;
  }
};

/// From the options `decimal` and `thousands`.
Result<NumberForm> MakeNumberForm(const Config& options);

const ConfigSpec& ReadOptions();
const ConfigSpec& WriteOptions();

/// `name` is the file's: a .tsv is split at tabs when no delimiter was given. The line
/// end is left for the caller to detect.
Result<Dialect> MakeDialect(const Config& options, std::string_view name);

enum class Quoting { kMinimal, kAll, kNonNumeric, kNone };

/// How a writer turns values into bytes.
struct WriteDialect {
  char delimiter = ',';
  char quote = '"';
  int escape = -1;  ///< -1: quotes are doubled
  Quoting quoting = Quoting::kMinimal;
  bool header = true;
  std::string null;
  std::string line_end = "\n";
  char decimal = '.';
  bool iso_t = false;  ///< 'T' between date and time instead of a space
};

Result<WriteDialect> MakeWriteDialect(const Config& options);

}  // namespace millrace::formats::csv
