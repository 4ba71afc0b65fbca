// Formats of times: strftime's specifiers, as DATE_FORMAT and STRPTIME take them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/result.h"

namespace millrace::functions {

/// A format read once, for many times.
class TimeFormat {
 public:
  /// Fails with errors::kBadPattern, naming the specifier that is not known.
  static Result<TimeFormat> Make(std::string_view pattern);

  const std::string& pattern() const { return pattern_; }
  /// Append the wall-clock time `micros` since 1970.
  void Format(int64_t micros, std::string* out) const;
  /// Read a whole text; parts that the format does not have are those of 1900-01-01
  /// 00:00:00. False where the text has another format or names no time.
  bool Parse(std::string_view text, int64_t* micros) const;

 private:
  struct Piece {
    char specifier = 0;  ///< 0: `text` stands literally
    bool padded = true;  ///< not %-d
    std::string text;
  };
  Status Add(std::string_view pattern);

  std::string pattern_;
  std::vector<Piece> pieces_;
};

}  // namespace millrace::functions
