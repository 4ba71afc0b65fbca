#include "millrace/connector/resilience/policies.h"

#include <algorithm>
#include <string>
#include <vector>

#include "millrace/base/error.h"

namespace millrace::connector::resilience {

namespace {

OptionSpec Duration(const char* name, const char* value, const char* doc) {
  return {
      .name = name, .type = OptionType::kDuration, .default_value = value, .doc = doc};
}

OptionSpec Count(const char* name, const char* value, const char* doc) {
  return {.name = name, .type = OptionType::kInt, .default_value = value, .doc = doc};
}

// Of event time; plan/time_options.h reads them.
std::vector<OptionSpec> TimeOptions() {
  return {
      {.name = "event.time.field",
       .doc = "The declared TIMESTAMP column with the time of each row, as WATERMARK FOR "
              "names it."},
      {.name = "watermark.strategy",
       .type = OptionType::kEnum,
       .choices = {"bounded_out_of_orderness", "ascending"},
       .doc = "With event.time.field: rows come out of order by no more than "
              "watermark.max_out_of_orderness (which is so when absent), or in order."},
      {.name = "watermark.max_out_of_orderness",
       .type = OptionType::kDuration,
       .doc = "How far behind the newest time a row may come without being late; 0s when "
              "absent."},
      {.name = "late.data.strategy",
       .type = OptionType::kEnum,
       .choices = {"drop", "dead_letter", "include_in_next_window", "update_previous"},
       .doc = "What becomes of rows that come to a window when it has closed: left out "
              "and counted (so when absent), set aside as dead letters, counted in the "
              "first window that is still open, or put right in their own one, whose "
              "result then changes."},
      {.name = "late.data.retention",
       .type = OptionType::kDuration,
       .doc = "With update_previous: how much event time after its end a window is kept; "
              "1d when absent. A GRACE PERIOD of the query counts more."},
  };
}

std::vector<OptionSpec> PolicyOptions(bool source) {
  std::vector<OptionSpec> out = {
      Count("retry_attempts", "3",
            source
                ? "How often something is tried that fails for a passing reason; 1 for "
                  "once. A reader goes on at the last position it gave."
                : "How often connecting and committing are tried when they fail for a "
                  "passing reason; 1 for once. A write that failed is never repeated."),
      Duration("retry_backoff", "1s", "Pause after the first failure."),
      {.name = "retry_multiplier",
       .type = OptionType::kDouble,
       .default_value = "2",
       .doc = "Each pause is this many times the one before."},
      Duration("retry_backoff_max", "60s", "Longest pause between two tries."),
      {.name = "retry_jitter",
       .type = OptionType::kBool,
       .default_value = "true",
       .doc = "Shorten each pause by chance, so that many do not come back together."},
      Duration("retry_deadline", "0s",
               "Give up when the next try would begin later than this after the first "
               "failure; 0s for no limit."),
      Count("breaker_failures", "5",
            "Failures in a row after which all readers or writers leave the outside "
            "system alone for breaker_pause; 0 for never."),
      Duration("breaker_pause", "30s",
               "How long it is left alone before one call finds out how it is."),
      Count("rate_limit_rows", "0", "Rows a second at the most; 0 for no limit."),
      {.name = "rate_limit_bytes",
       .type = OptionType::kBytes,
       .default_value = "0",
       .doc = source ? "Bytes read a second at the most; 0 for no limit."
                     : "Bytes a second handed to the sink at the most, in memory or "
                       "encoded; 0 for no limit."}};
  out.push_back(Duration(
      "timeout_connect", "0s",
      source ? "Longest wait from opening a reader to its first rows, or its word that "
               "there are none yet; then it is opened anew. Also of the first bytes from "
               "which the columns are learnt. 0s: as timeout_read."
             : "Longest wait from the first rows that a writer is given until it takes "
               "some; then the pipeline fails. 0s: as timeout_write."));
  if (source) {
    out.push_back(Duration("timeout_read", "0s",
                           "Longest wait for rows; then the reader is opened anew, "
                           "which a pipe can't be once something was read. 0s for no "
                           "limit."));
    out.push_back(Count("max_connections", "0",
                        "Readers open at the same time, others wait; 0 for no limit."));
    const std::vector<OptionSpec> time = TimeOptions();
    out.insert(out.end(), time.begin(), time.end());
  } else {
    out.push_back({.name = "on_invalid",
                   .type = OptionType::kEnum,
                   .default_value = "fail",
                   .choices = {"fail", "dead_letter", "drop"},
                   .doc = "What a row does that breaks a rule of the table (CHECK, NOT "
                          "NULL, validate): end the pipeline, be set aside, or be left "
                          "out and counted."});
    out.push_back({.name = "changes_column",
                   .doc = "For rows that change later (EMIT CHANGES): write each change "
                          "as a row, with this column behind the others, a VARCHAR that "
                          "says what it does: +I a new row, -U and +U an old and its new "
                          "one, -D a row that is gone."});
    out.push_back(Duration("timeout_write", "0s",
                           "Longest time in which the sink takes no rows; then the "
                           "pipeline fails. 0s for no limit."));
    out.push_back(Duration("timeout_commit", "0s",
                           "Longest time to prepare or to commit what was written; then "
                           "the pipeline fails. 0s for no limit."));
    out.push_back(Count("max_connections", "0",
                        "Writers at the same time at the most; 0 for no limit."));
  }
  return out;
}

}  // namespace

const ConfigSpec& SourcePolicyOptions() {
  static const ConfigSpec spec(PolicyOptions(true));
  return spec;
}

const ConfigSpec& SinkPolicyOptions() {
  static const ConfigSpec spec(PolicyOptions(false));
  return spec;
}

Result<Policies> PoliciesOf(const Config& config) {
  auto least = [&config](const char* name, int64_t low) -> Result<int64_t> {
    const int64_t value = config.GetInt(name);
    if (value >= low) return value;
    return errors::kBadOption.Make({}, "option '{}': it has to be {} or more", name, low);
  };
  Policies out;
  ARROW_ASSIGN_OR_RAISE(const int64_t attempts, least("retry_attempts", 1));
  out.retry_attempts = static_cast<int>(std::min<int64_t>(attempts, 1'000'000));
  ARROW_ASSIGN_OR_RAISE(out.backoff.first_nanos, least("retry_backoff", 0));
  ARROW_ASSIGN_OR_RAISE(out.backoff.max_nanos, least("retry_backoff_max", 0));
  out.backoff.multiplier = config.GetDouble("retry_multiplier");
  if (!(out.backoff.multiplier >= 1)) {
    return errors::kBadOption.Make({},
                                   "option 'retry_multiplier': it has to be 1 or more");
  }
  out.backoff.jitter = config.GetBool("retry_jitter");
  ARROW_ASSIGN_OR_RAISE(out.retry_deadline, least("retry_deadline", 0));
  ARROW_ASSIGN_OR_RAISE(out.breaker_failures, least("breaker_failures", 0));
  ARROW_ASSIGN_OR_RAISE(out.breaker_pause, least("breaker_pause", 0));
  ARROW_ASSIGN_OR_RAISE(out.rate_limit_rows, least("rate_limit_rows", 0));
  ARROW_ASSIGN_OR_RAISE(out.rate_limit_bytes, least("rate_limit_bytes", 0));
  ARROW_ASSIGN_OR_RAISE(out.max_connections, least("max_connections", 0));
  ARROW_ASSIGN_OR_RAISE(out.timeout_connect, least("timeout_connect", 0));
  if (config.has("timeout_read")) {
    ARROW_ASSIGN_OR_RAISE(out.timeout, least("timeout_read", 0));
  } else {
    ARROW_ASSIGN_OR_RAISE(out.timeout, least("timeout_write", 0));
    ARROW_ASSIGN_OR_RAISE(out.timeout_commit, least("timeout_commit", 0));
  }
  return out;
}

}  // namespace millrace::connector::resilience
