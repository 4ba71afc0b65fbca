// Numbered errors.
//
// Every error that a user can meet is one row: a number, a fixed text, whether trying
// again can help, and the remedy. A module keeps its rows in its own errors.h as `inline
// constexpr ErrorSpec`, inside the range of numbers below, and lists them once, so that
// docs/reference/errors.md is generated and a duplicate number fails a test.
//
//   1000  usage, configuration, options        3000  SQL: syntax, names, types
//   2000  files and file systems               3500  evaluation of expressions
//   2100  CSV     2200  JSON    2300  Parquet   4000  planning and guarantees
//   2400  files connector, bad rows            4500  checkpoints and state
//   2500  resilience   2600  Arrow   2700  Avro  5000  runtime, memory, interruption
//   5100  the server of many pipelines          9000  faults of Millrace itself
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "millrace/base/result.h"

namespace millrace {

/// Where an error was met. Unset parts are left out of the text.
struct Where {
  std::string file;
  int64_t row = -1;            ///< 1-based record number, header not counted
  std::string column;          ///< column name
  int64_t byte = -1;           ///< offset in the file, uncompressed
  int32_t line = -1;           ///< 1-based line of a SQL or YAML text
  int32_t column_number = -1;  ///< 1-based column in that line

  std::string ToString() const;
};

/// One numbered error. Specs are constants; an error is made from one with Make.
struct ErrorSpec {
  int32_t number;
  arrow::StatusCode code;
  bool retryable;         ///< trying the same again later can succeed
  std::string_view text;  ///< fixed part of the message
  std::string_view
      remedy;  ///< what the reader can do, for the reference page and the message

  /// Render "MR-<number> <text>: <where>: <values>" and attach an ErrorDetail.
  template <typename... Args>
  Status Make(Where where, fmt::format_string<Args...> format, Args&&... args) const {
    return MakeText(std::move(where), fmt::format(format, std::forward<Args>(args)...));
  }
  Status MakeText(Where where, std::string values) const;
};

/// What a Status made by ErrorSpec::Make carries.
class ErrorDetail : public arrow::StatusDetail {
 public:
  ErrorDetail(const ErrorSpec& spec, Where where, std::string values);
  const char* type_id() const override;
  std::string ToString() const override;

  int32_t number() const { return spec_->number; }
  bool retryable() const { return spec_->retryable; }
  const ErrorSpec& spec() const { return *spec_; }
  const Where& where() const { return where_; }
  const std::string& values() const { return values_; }

  /// The detail of `status`, or null when it carries none.
  static const ErrorDetail* Of(const Status& status);

 private:
  const ErrorSpec* spec_;
  Where where_;
  std::string values_;
};

/// One line for a person: the numbered message, or "MR-9000 …" around an error that
/// carries no number.
std::string ErrorText(const Status& status);

/// The number of `status`, 9000 when it carries none, 0 when it is OK.
int32_t ErrorNumber(const Status& status);

/// A copy of `status` whose Where has the unset parts filled from `outer` (a reader knows
/// the byte, its caller the file).
Status WithWhere(const Status& status, const Where& outer);

/// A list of specs that a module offers to the reference page.
using ErrorList = std::span<const ErrorSpec* const>;

/// Error rows of module `base`.
namespace errors {

inline constexpr ErrorSpec kInternal{9000, arrow::StatusCode::UnknownError, false,
                                     "internal error",
                                     "report it, with the text of the message"};
inline constexpr ErrorSpec kUnknownOption{
    1001, arrow::StatusCode::Invalid, false, "unknown option",
    "see `millrace connectors NAME` for the options there are"};
inline constexpr ErrorSpec kMissingOption{1002, arrow::StatusCode::Invalid, false,
                                          "a required option is missing",
                                          "set it, or set its environment variable"};
inline constexpr ErrorSpec kBadOption{1003, arrow::StatusCode::Invalid, false,
                                      "an option has a value that it can't have",
                                      "see `millrace connectors NAME` for what it takes"};
inline constexpr ErrorSpec kMemoryExceeded{
    5001, arrow::StatusCode::OutOfMemory, false, "memory budget exceeded",
    "raise --memory, or lower batch sizes or parallelism"};
inline constexpr ErrorSpec kCancelled{
    5002, arrow::StatusCode::Cancelled, false, "interrupted",
    "run it again; nothing was left under a final name"};

inline constexpr ErrorSpec kNullNotAllowed{
    5003, arrow::StatusCode::Invalid, false, "NULL in a column that is NOT NULL",
    "filter such rows with WHERE … IS NOT NULL, or declare the column without NOT NULL"};

inline constexpr ErrorSpec kFailpoint{5004, arrow::StatusCode::IOError, true,
                                      "a failpoint let this step fail",
                                      "unset MILLRACE_FAILPOINT: it is for tests"};

inline constexpr const ErrorSpec* kBaseErrors[] = {
    &kInternal,       &kUnknownOption, &kMissingOption,  &kBadOption,
    &kMemoryExceeded, &kCancelled,     &kNullNotAllowed, &kFailpoint};

}  // namespace errors

/// The name in `candidates` nearest to `name` by edit distance, or empty when none is
/// near enough to offer.
std::string NearestName(std::string_view name, std::span<const std::string> candidates);

}  // namespace millrace
