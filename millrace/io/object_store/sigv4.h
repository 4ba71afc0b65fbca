// Signature Version 4 of AWS, in the headers of a request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/io/http/http_client.h"
#include "millrace/io/object_store/credentials.h"

namespace millrace::io {

using QueryItems = std::vector<std::pair<std::string, std::string>>;

/// What is signed. `headers` holds those that count, "host" among them.
struct SignedRequest {
  std::string method;
  std::string path;  ///< escaped, as it is sent
  QueryItems query;  ///< not escaped
  HttpHeaders headers;
  std::string payload_hash;  ///< hexadecimal SHA-256, or UNSIGNED-PAYLOAD
};

struct SigningScope {
  std::string region;
  std::string service;  ///< "s3", "sts"
};

/// Add x-amz-date, x-amz-security-token and authorization to the headers. Nothing for
/// anonymous ones. `wall_micros`: now.
void Sign(const Credentials& credentials, const SigningScope& scope, int64_t wall_micros,
          SignedRequest* request);

/// Escaped and in order of names: as it is sent and as it is signed.
std::string QueryText(const QueryItems& query);

std::string Sha256Hex(std::string_view bytes);
/// 32 bytes.
std::string HmacSha256(std::string_view key, std::string_view bytes);
/// 16 bytes.
std::string Md5(std::string_view bytes);
std::string Hex(std::string_view bytes);
std::string Base64(std::string_view bytes);

}  // namespace millrace::io
