#include "millrace/io/object_store/sigv4.h"

#include <ctime>

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "millrace/io/http/header_text.h"

namespace millrace::io {

namespace {

std::string Digest(const EVP_MD* kind, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out;
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, kind, nullptr);
  return std::string(reinterpret_cast<const char*>(out.data()), size);
}

// Spaces at the ends go, several become one.
std::string Folded(const std::string& value) {
  std::string out;
  for (const char c : value) {
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string Base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3), '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  return out;
}

std::string Sha256Hex(std::string_view bytes) { return Hex(Digest(EVP_sha256(), bytes)); }
std::string Md5(std::string_view bytes) { return Digest(EVP_md5(), bytes); }

std::string HmacSha256(std::string_view key, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out;
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), out.data(),
       &size);
  return std::string(reinterpret_cast<const char*>(out.data()), size);
}

std::string QueryText(const QueryItems& query) {
  std::vector<std::string> items;
  for (const auto& [name, value] : query)
    items.push_back(UrlEscaped(name, false) + "=" + UrlEscaped(value, false));
  std::sort(items.begin(), items.end());
  return fmt::format("{}", fmt::join(items, "&"));
}

void Sign(const Credentials& credentials, const SigningScope& scope, int64_t wall_micros,
          SignedRequest* request) {
  if (credentials.anonymous) return;
  const std::time_t seconds = wall_micros / 1'000'000;
  std::tm time{};
  ::gmtime_r(&seconds, &time);
  char stamp[32];
  std::strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &time);
  const std::string day(stamp, 8);
  request->headers.emplace_back("x-amz-date", stamp);
  if (!credentials.session_token.empty())
    request->headers.emplace_back("x-amz-security-token", credentials.session_token);

  HttpHeaders headers;
  for (const auto& [name, value] : request->headers)
    headers.emplace_back(Lowered(name), Folded(value));
  std::sort(headers.begin(), headers.end());
  std::string lines, names;
  for (const auto& [name, value] : headers) {
    lines += name + ":" + value + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string canonical = request->method + "\n" + request->path + "\n" +
                                QueryText(request->query) + "\n" + lines + "\n" + names +
                                "\n" + request->payload_hash;
  const std::string place =
      day + "/" + scope.region + "/" + scope.service + "/aws4_request";
  const std::string to_sign = std::string("AWS4-HMAC-SHA256\n") + stamp + "\n" + place +
                              "\n" + Sha256Hex(canonical);
  std::string key = HmacSha256("AWS4" + credentials.secret_access_key, day);
  key = HmacSha256(key, scope.region);
  key = HmacSha256(key, scope.service);
  key = HmacSha256(key, "aws4_request");
  request->headers.emplace_back(
      "authorization",
      fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                  credentials.access_key_id, place, names,
                  Hex(HmacSha256(key, to_sign))));
}

}  // namespace millrace::io
