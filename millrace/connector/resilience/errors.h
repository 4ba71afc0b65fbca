// Numbered errors of the resilience policies.
#pragma once

#include "millrace/base/error.h"

namespace millrace::errors {

inline constexpr ErrorSpec kReadTimedOut{
    2500, arrow::StatusCode::IOError, true, "nothing was read for too long",
    "look at the outside system, or raise timeout_read"};
inline constexpr ErrorSpec kWriteTimedOut{
    2501, arrow::StatusCode::IOError, true, "nothing could be written for too long",
    "look at the outside system, or raise timeout_write"};
inline constexpr ErrorSpec kCommitTimedOut{
    2502, arrow::StatusCode::IOError, true, "a commit did not end in time",
    "look at the destination before running it again: the commit may have happened; or "
    "raise timeout_commit"};
inline constexpr ErrorSpec kBreakerOpen{
    2503, arrow::StatusCode::IOError, true,
    "the outside system failed too often in a row, it is left alone for a while",
    "mend what the last error says; breaker_failures and breaker_pause say how often and "
    "how long, retry_deadline how long to go on trying"};
inline constexpr ErrorSpec kTooFewConnections{
    2504, arrow::StatusCode::Invalid, false,
    "max_connections is too small for a source without an end",
    "such a source keeps a connection for each of its splits: allow that many"};

inline constexpr ErrorSpec kConnectTimedOut{
    2505, arrow::StatusCode::IOError, true, "the outside system did not become usable",
    "look at the outside system, or raise timeout_connect"};

inline constexpr const ErrorSpec* kResilienceErrors[] = {
    &kReadTimedOut, &kWriteTimedOut,     &kCommitTimedOut,
    &kBreakerOpen,  &kTooFewConnections, &kConnectTimedOut};

}  // namespace millrace::errors
