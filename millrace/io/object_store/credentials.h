// Who we are to an object store: keys, and where they come from.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "millrace/base/result.h"
#include "millrace/io/http/retry.h"

namespace millrace::io {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  ///< empty: none
  int64_t expires_micros = std::numeric_limits<int64_t>::max();
  bool anonymous = false;  ///< requests are not signed
};

/// Thread-safe. Get may block.
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;
  /// Good for some minutes more. Fails with kNoCredentials, kBadCredentials or what the
  /// network says.
  virtual Result<Credentials> Get() = 0;
  /// The store refuses `used` as expired: the next Get gives others where there are any.
  /// Answers whether there can be.
  virtual bool Refused(const Credentials& used) = 0;
};

using Environment = std::function<std::optional<std::string>(const std::string&)>;

/// What was asked for; the first of these that is set decides: anonymous, keys, profile,
/// then what the environment has. With a role, they are what the role is assumed with.
struct CredentialsOptions {
  bool anonymous = false;
  std::string access_key_id, secret_access_key, session_token;
  std::string profile;
  std::string role_arn, external_id, session_name;
  std::string region;        ///< of STS
  std::string sts_endpoint;  ///< empty: AWS_ENDPOINT_URL_STS, or that of the region
};

/// Looks in this order: options; AWS_ACCESS_KEY_ID and its like; a web identity
/// (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN); the profile in the files of AWS
/// (AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE; keys, role_arn with source_profile or a
/// token file); the address of a container (AWS_CONTAINER_CREDENTIALS_…); the machine
/// (IMDSv2), unless AWS_EC2_METADATA_DISABLED. Nothing is asked before the first Get.
std::shared_ptr<CredentialsProvider> MakeCredentials(
    CredentialsOptions options, Environment environment,
    std::shared_ptr<RetryingClient> client);

/// The region that the profile's files tell; empty: none.
std::string RegionOfProfile(const std::string& profile, const Environment& environment);

}  // namespace millrace::io
