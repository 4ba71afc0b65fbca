// The control protocol: a request is one line of JSON, and so is its answer.
//
//   {"do": "status", "pipeline": "orders"}          pipeline is optional
//   {"do": "start", "pipeline": "orders", "from": "before-upgrade"}
//   {"do": "stop", "pipeline": "orders", "savepoint": "before-upgrade"}
//   {"do": "checkpoint", "pipeline": "orders", "savepoint": "…"}
//
// Answers are {"ok": true, …} or {"ok": false, "error": {"number", "text", "values",
// "retryable"}}.
#pragma once

#include <string>
#include <string_view>

#include "millrace/server/supervisor.h"

namespace millrace::server {

/// A request is no longer than this, in bytes.
inline constexpr size_t kMostRequestBytes = 64 * 1024;

/// Do what `request` asks and answer, without a line end. Waits as long as that takes;
/// whatever stands in the request, the answer is well formed.
std::string Answer(Supervisor& supervisor, std::string_view request);
/// The answer that says that nothing was done.
std::string Refuse(const Status& status);

/// The error that an answer tells, with its number, or OK. Fails with kBadAnswer.
Status StatusOfAnswer(std::string_view answer);

}  // namespace millrace::server
