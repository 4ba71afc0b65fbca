// HttpClient: one request, one answer, over connections that are kept.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/base/clock.h"
#include "millrace/base/result.h"

namespace millrace::io {

/// Names in any case; kept in the order given.
using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;  ///< escaped; http or https
  HttpHeaders headers;
  std::string_view body;  ///< outlives the call
  /// A part of the file, from `offset` on; length 0: no range is asked for.
  int64_t range_offset = 0;
  int64_t range_length = 0;
  /// Where the body of a 2xx answer goes, which must not be larger; null:
  /// HttpResponse::body.
  uint8_t* into = nullptr;
  int64_t into_size = 0;
  /// Of HttpResponse::body; a larger answer is errors::kAnswerTooLarge.
  int64_t max_body = 64 << 20;
  bool follow_redirects = false;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;   ///< names in lower case
  std::string body;      ///< of what did not go into HttpRequest::into
  int64_t received = 0;  ///< bytes in `into`
  /// A range was asked for and the server gave the whole (200): nothing was read.
  bool range_ignored = false;

  bool ok() const { return status >= 200 && status < 300; }
  /// The first header of that (lower-case) name, or null.
  const std::string* Header(std::string_view name) const;
};

/// Nanoseconds.
struct HttpSettings {
  int64_t connect_nanos = 10'000'000'000;
  /// In so long at least a KiB has to move, or the answer has to end.
  int64_t stall_nanos = 30'000'000'000;
  int64_t whole_nanos = 600'000'000'000;
  std::string ca_file;  ///< PEM; empty: those of the system
  bool verify = true;
};

/// Fails when what the caller does has been given up; empty: it never is. Thread-safe,
/// asked several times a second.
using GivenUp = std::function<Status()>;

/// Thread-safe. Calls block, so they belong to threads of an Executor or to a
/// coordinator, never to a shard. Connections, names and TLS sessions are kept and
/// shared.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  /// One try. Answers of every status are answers; a status is what kept them from
  /// coming: kNetwork, kNetworkStalled, kNotTrusted, kAnswerTooLarge, or that of
  /// `given_up`. An answer shorter than it says is kNetwork. Errors never hold the query
  /// of an address, headers or bodies.
  virtual Result<HttpResponse> Send(const HttpRequest& request) = 0;
};

/// `clock` outlives the client.
Result<std::shared_ptr<HttpClient>> MakeHttpClient(HttpSettings settings,
                                                   const Clock* clock, GivenUp given_up);

/// `url` for a message: without user, password and query.
std::string ShownUrl(std::string_view url);

/// Everything but letters, digits and -_.~ as %XX; '/' stays where `keep_slash`.
std::string UrlEscaped(std::string_view text, bool keep_slash);
/// %XX decoded; what is no escape stays. `plus`: + is a space.
std::string UrlUnescaped(std::string_view text, bool plus);

}  // namespace millrace::io
