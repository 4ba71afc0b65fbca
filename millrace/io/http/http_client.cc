#include "millrace/io/http/http_client.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <optional>

#include <curl/curl.h>
#include <fmt/format.h>

#include "millrace/io/errors.h"
#include "millrace/io/http/header_text.h"

namespace millrace::io {

namespace {

constexpr int kPollMillis = 100;  // how often a transfer looks whether it is given up
constexpr int64_t kStallBytes = 1024;
constexpr size_t kMaxHeaderBytes = 256 * 1024;
constexpr size_t kMaxIdle = 32;

// libcurl's own state of the process; there is no safe moment to undo it in a library.
Status InitCurl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code == CURLE_OK) return Status::OK();
  return errors::kNetwork.Make({}, "libcurl: {}", curl_easy_strerror(code));
}

// Names and TLS sessions, for all transfers of a client.
class Share {
 public:
  Share() : share_(curl_share_init()) {
    curl_share_setopt(share_, CURLSHOPT_USERDATA, this);
    curl_share_setopt(share_, CURLSHOPT_LOCKFUNC, &Share::Lock);
    curl_share_setopt(share_, CURLSHOPT_UNLOCKFUNC, &Share::Unlock);
    curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  }
  ~Share() { curl_share_cleanup(share_); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  CURLSH* get() const { return share_; }

 private:
  static void Lock(CURL*, curl_lock_data data, curl_lock_access, void* self) {
    static_cast<Share*>(self)->mutexes_[data].lock();
  }
  static void Unlock(CURL*, curl_lock_data data, void* self) {
    static_cast<Share*>(self)->mutexes_[data].unlock();
  }
  std::array<std::mutex, CURL_LOCK_DATA_LAST> mutexes_;
  CURLSH* const share_;
};

// A transfer at a time, over connections that it keeps. The loop of the multi interface
// lets a blocking call end within moments of being given up.
class Session {
 public:
  Session() : easy_(curl_easy_init()), multi_(curl_multi_init()) {}
  ~Session() {
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  CURL* easy() const { return easy_; }
  CURLM* multi() const { return multi_; }

 private:
  CURL* const easy_;
  CURLM* const multi_;
};

class HeaderList {
 public:
  ~HeaderList() { curl_slist_free_all(list_); }
  void Add(const std::string& line) { list_ = curl_slist_append(list_, line.c_str()); }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

// What the callbacks of one transfer fill.
struct Transfer {
  const HttpRequest* request = nullptr;
  HttpResponse response;
  size_t header_bytes = 0;
  int64_t moved = 0;
  Status failure;

  static size_t OnHeader(char* data, size_t size, size_t count, void* self) {
    return static_cast<Transfer*>(self)->Header({data, size * count}) ? size * count : 0;
  }
  static size_t OnBody(char* data, size_t size, size_t count, void* self) {
    return static_cast<Transfer*>(self)->Body({data, size * count}) ? size * count : 0;
  }

  bool Header(std::string_view line) {
    moved += static_cast<int64_t>(line.size());
    header_bytes += line.size();
    if (header_bytes > kMaxHeaderBytes) {
      failure = errors::kAnswerTooLarge.Make({.file = ShownUrl(request->url)}, "headers");
      return false;
    }
    if (line.starts_with("HTTP/")) {  // after 100 or a redirect everything begins again
      response = HttpResponse();
      const size_t space = line.find(' ');
      response.status =
          space == line.npos ? 0 : std::atoi(std::string(line.substr(space + 1)).c_str());
      return true;
    }
    const size_t colon = line.find(':');
    if (colon == line.npos) return true;
    response.headers.emplace_back(Lowered(Trimmed(line.substr(0, colon))),
                                  std::string(Trimmed(line.substr(colon + 1))));
    return true;
  }

  bool Body(std::string_view bytes) {
    moved += static_cast<int64_t>(bytes.size());
    const auto size = static_cast<int64_t>(bytes.size());
    if (request->range_length > 0 && response.status == 200) {
      response.range_ignored = true;
      return false;
    }
    if (request->into != nullptr && response.ok()) {
      if (size > request->into_size - response.received) {
        failure =
            errors::kAnswerTooLarge.Make({.file = ShownUrl(request->url)},
                                         "{} bytes were asked for", request->into_size);
        return false;
      }
      std::memcpy(request->into + response.received, bytes.data(), bytes.size());
      response.received += size;
      return true;
    }
    if (size > request->max_body - static_cast<int64_t>(response.body.size())) {
      failure = errors::kAnswerTooLarge.Make({.file = ShownUrl(request->url)},
                                             "more than {} bytes", request->max_body);
      return false;
    }
    response.body.append(bytes);
    return true;
  }
};

bool IsTrustFailure(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_CERTPROBLEM;
}

class CurlClient final : public HttpClient {
 public:
  CurlClient(HttpSettings settings, const Clock* clock, GivenUp given_up)
      : settings_(std::move(settings)), clock_(clock), given_up_(std::move(given_up)) {}

  Result<HttpResponse> Send(const HttpRequest& request) override {
    if (given_up_) ARROW_RETURN_NOT_OK(given_up_());
    std::unique_ptr<Session> session = Take();
    if (session->easy() == nullptr || session->multi() == nullptr)
      return Status::OutOfMemory("libcurl");
    auto response = SendBy(*session, request);
    curl_easy_reset(session->easy());
    Keep(std::move(session));
    return response;
  }

 private:
  std::unique_ptr<Session> Take() {
    std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Session>();
    auto session = std::move(idle_.back());
    idle_.pop_back();
    return session;
  }
  void Keep(std::unique_ptr<Session> session) {
    std::lock_guard lock(mutex_);
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(session));
  }

  Result<HttpResponse> SendBy(Session& session, const HttpRequest& request) {
    CURL* const easy = session.easy();
    Transfer transfer;
    transfer.request = &request;
    HeaderList headers;
    for (const auto& [name, value] : request.headers) {
      // A line end inside would be another header.
      if ((name + value).find_first_of(std::string_view("\r\n\0", 3)) !=
          std::string::npos)
        return errors::kBadAddress.Make({.file = ShownUrl(request.url)},
                                        "header '{}' holds a line end", name);
      headers.Add(value.empty() ? name + ";" : name + ": " + value);
    }
    headers.Add("Expect:");  // no waiting for 100 before each body
    const auto has_type = std::any_of(
        request.headers.begin(), request.headers.end(),
        [](const auto& header) { return Lowered(header.first) == "content-type"; });
    if (!has_type) headers.Add("Content-Type:");
    char error[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_SHARE, share_.get());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "millrace");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request.follow_redirects ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 10L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 512L * 1024);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(settings_.connect_nanos / 1'000'000));
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, settings_.verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, settings_.verify ? 2L : 0L);
    if (!settings_.ca_file.empty())
      curl_easy_setopt(easy, CURLOPT_CAINFO, settings_.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    std::string range;
    if (request.range_length > 0) {
      range = fmt::format("{}-{}", request.range_offset,
                          request.range_offset + request.range_length - 1);
      curl_easy_setopt(easy, CURLOPT_RANGE, range.c_str());
    }
    if (request.method == "HEAD") {
      curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (request.method != "GET") {
      if (!request.body.empty() || request.method != "DELETE") {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         static_cast<curl_off_t>(request.body.size()));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
                         request.body.empty() ? "" : request.body.data());
      }
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    Status waited;
    const CURLcode code = Run(session, transfer, &waited);
    ARROW_RETURN_NOT_OK(waited);
    ARROW_RETURN_NOT_OK(transfer.failure);
    if (transfer.response.range_ignored || code == CURLE_OK)
      return std::move(transfer.response);
    const Where where{.file = ShownUrl(request.url)};
    const char* text = error[0] != '\0' ? error : curl_easy_strerror(code);
    if (IsTrustFailure(code)) return errors::kNotTrusted.Make(where, "{}", text);
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
      return errors::kBadAddress.Make(where, "{}", text);
    if (code == CURLE_OPERATION_TIMEDOUT)
      return errors::kNetworkStalled.Make(where, "{}", text);
    return errors::kNetwork.Make(where, "{}", text);
  }

  CURLcode Run(Session& session, const Transfer& transfer, Status* waited) {
    CURL* const easy = session.easy();
    CURLM* const multi = session.multi();
    curl_multi_add_handle(multi, easy);
    const int64_t begun = clock_->MonotonicNanos();
    int64_t window = begun, window_moved = 0;
    CURLcode code = CURLE_OK;
    for (;;) {
      int running = 0;
      if (curl_multi_perform(multi, &running) != CURLM_OK) {
        code = CURLE_FAILED_INIT;
        break;
      }
      if (running == 0) {
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
          if (message->msg == CURLMSG_DONE) code = message->data.result;
        }
        break;
      }
      (void)curl_multi_poll(multi, nullptr, 0, kPollMillis, nullptr);
      if (given_up_) *waited = given_up_();
      const int64_t now = clock_->MonotonicNanos();
      curl_off_t sent = 0;
      curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
      const int64_t moved = transfer.moved + sent;
      if (moved - window_moved >= kStallBytes) {
        window = now;
        window_moved = moved;
      }
      const bool stalled = now - window > settings_.stall_nanos;
      if (waited->ok() && (stalled || now - begun > settings_.whole_nanos)) {
        *waited = errors::kNetworkStalled.Make({.file = ShownUrl(transfer.request->url)},
                                               "{} bytes in {} s", moved,
                                               (now - begun) / 1'000'000'000);
      }
      if (!waited->ok()) break;
    }
    curl_multi_remove_handle(multi, easy);
    return code;
  }

  const HttpSettings settings_;
  const Clock* const clock_;
  const GivenUp given_up_;
  Share share_;  // outlives the sessions
  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_;
};

}  // namespace

const std::string* HttpResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

Result<std::shared_ptr<HttpClient>> MakeHttpClient(HttpSettings settings,
                                                   const Clock* clock, GivenUp given_up) {
  ARROW_RETURN_NOT_OK(InitCurl());
  return std::make_shared<CurlClient>(std::move(settings), clock, std::move(given_up));
}

std::string ShownUrl(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const size_t scheme = url.find("://");
  if (scheme == url.npos) return std::string(url);
  const size_t host = scheme + 3;
  const size_t slash = std::min(url.find('/', host), url.size());
  const size_t at = url.substr(0, slash).rfind('@');
  const size_t shown = at == url.npos || at < host ? host : at + 1;
  return std::string(url.substr(0, host)) + std::string(url.substr(shown));
}

std::string UrlEscaped(std::string_view text, bool keep_slash) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
                       c == '~' || (c == '/' && keep_slash);
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::string UrlUnescaped(std::string_view text, bool plus) {
  auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus) {
      out += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
               digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace millrace::io
