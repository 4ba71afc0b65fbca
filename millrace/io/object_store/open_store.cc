#include "millrace/io/object_store/open_store.h"

#include "millrace/io/errors.h"
#include "millrace/io/http/retry.h"
#include "millrace/io/object_store/credentials.h"
#include "millrace/io/object_store/http_store.h"
#include "millrace/io/object_store/s3_store.h"

namespace millrace::io {

namespace {

std::string Given(const Config& options, std::string_view name) {
  return options.has(name) ? options.GetString(name) : std::string();
}

// The region: the option (or AWS_REGION), AWS_DEFAULT_REGION, the profile's.
std::string RegionOf(const Config& options, const ConfigSpec::Lookup& environment) {
  std::string region = Given(options, "region");
  if (region.empty() && environment)
    region = environment("AWS_DEFAULT_REGION").value_or("");
  if (region.empty()) region = RegionOfProfile(Given(options, "profile"), environment);
  return region.empty() ? "us-east-1" : region;
}

Result<CredentialsOptions> CredentialsOf(const Config& options,
                                         const ConfigSpec::Lookup& environment) {
  CredentialsOptions out;
  out.anonymous = options.GetBool("anonymous");
  out.access_key_id = Given(options, "access_key_id");
  out.secret_access_key = Given(options, "secret_access_key");
  out.session_token = Given(options, "session_token");
  out.profile = Given(options, "profile");
  out.role_arn = Given(options, "role_arn");
  out.external_id = Given(options, "external_id");
  auto from_environment = [&](const std::string& value, const char* variable) {
    return environment && environment(variable).value_or("") == value;
  };
  // A profile that was asked for counts more than keys that happen to be there.
  if (!out.profile.empty() && !from_environment(out.profile, "AWS_PROFILE") &&
      from_environment(out.access_key_id, "AWS_ACCESS_KEY_ID")) {
    out.access_key_id.clear();
  }
  // Keys of different places don't belong together.
  if (out.access_key_id.empty() ||
      (!from_environment(out.access_key_id, "AWS_ACCESS_KEY_ID") &&
       from_environment(out.session_token, "AWS_SESSION_TOKEN"))) {
    out.session_token.clear();
  }
  if (!out.access_key_id.empty() && out.secret_access_key.empty())
    return errors::kStoreOptions.Make({}, "access_key_id needs secret_access_key");
  if (!out.external_id.empty() && out.role_arn.empty())
    return errors::kStoreOptions.Make({}, "external_id goes with role_arn");
  return out;
}

}  // namespace

const ConfigSpec& ObjectStoreSpec() {
  static const ConfigSpec spec({
      {.name = "endpoint",
       .environment = "AWS_ENDPOINT_URL_S3",
       .doc = "Address of a store that speaks S3, https://host:port; when absent, AWS's "
              "own of the region."},
      {.name = "region",
       .environment = "AWS_REGION",
       .doc = "Region of the bucket; when absent, AWS_DEFAULT_REGION, that of the "
              "profile, or us-east-1. AWS's answers correct it."},
      {.name = "path_style",
       .type = OptionType::kBool,
       .doc = "Address objects as host/bucket/key instead of bucket.host/key. When "
              "absent, true with an endpoint."},
      {.name = "profile",
       .environment = "AWS_PROFILE",
       .doc = "Profile in ~/.aws/config and ~/.aws/credentials."},
      {.name = "access_key_id",
       .environment = "AWS_ACCESS_KEY_ID",
       .doc = "Key to sign with. When absent: the profile, a web identity, the "
              "container or the machine, as AWS's own tools do."},
      {.name = "secret_access_key",
       .secret = true,
       .environment = "AWS_SECRET_ACCESS_KEY",
       .doc = "Its secret."},
      {.name = "session_token",
       .secret = true,
       .environment = "AWS_SESSION_TOKEN",
       .doc = "Token of temporary keys."},
      {.name = "role_arn",
       .doc = "Role to assume with these credentials; renewed before it expires."},
      {.name = "external_id", .doc = "What the role's owner asks for besides."},
      {.name = "anonymous",
       .type = OptionType::kBool,
       .default_value = "false",
       .doc = "Don't sign: for what is public."},
      {.name = "ca_file",
       .environment = "AWS_CA_BUNDLE",
       .doc = "File of the authorities (PEM) that servers' certificates are checked "
              "with, instead of the system's."},
  });
  return spec;
}

const ConfigSpec& ObjectStoreWriteSpec() {
  static const ConfigSpec spec({
      {.name = "sse",
       .type = OptionType::kEnum,
       .choices = {"aes256", "aws:kms"},
       .doc = "How the store encrypts what is written; when absent, as the bucket says."},
      {.name = "kms_key_id",
       .doc = "Key of KMS, with sse = 'aws:kms'; when absent, the account's own."},
  });
  return spec;
}

bool IsObjectAddress(std::string_view path) {
  return path.starts_with("s3://") || path.starts_with("http://") ||
         path.starts_with("https://");
}

Result<std::shared_ptr<ObjectStore>> OpenObjectStore(
    const std::string& address, const Config& options,
    const StoreSurroundings& surroundings) {
  HttpSettings http;
  if (surroundings.connect_nanos > 0) http.connect_nanos = surroundings.connect_nanos;
  if (surroundings.stall_nanos > 0) http.stall_nanos = surroundings.stall_nanos;
  http.ca_file = Given(options, "ca_file");
  const Clock* clock = surroundings.clock;
  ARROW_ASSIGN_OR_RAISE(auto connection,
                        MakeHttpClient(http, clock, surroundings.given_up));
  auto client = std::make_shared<RetryingClient>(
      std::move(connection), RetryPolicy(), clock, surroundings.timers,
      surroundings.given_up, static_cast<uint64_t>(clock->MonotonicNanos()));
  const size_t host = address.find("://") + 3;
  const size_t slash = std::min(address.find('/', host), address.size());
  if (slash == host)
    return errors::kBadAddress.Make({.file = ShownUrl(address)}, "it names no host");
  if (!address.starts_with("s3://"))
    return MakeHttpStore(address.substr(0, slash) + "/", std::move(client));
  S3Settings settings;
  settings.bucket = address.substr(host, slash - host);
  settings.endpoint = Given(options, "endpoint");
  settings.region = RegionOf(options, surroundings.environment);
  settings.path_style = options.has("path_style") ? options.GetBool("path_style")
                                                  : !settings.endpoint.empty();
  settings.sse = Given(options, "sse");
  if (settings.sse == "aes256") settings.sse = "AES256";
  settings.kms_key_id = Given(options, "kms_key_id");
  ARROW_ASSIGN_OR_RAISE(CredentialsOptions who,
                        CredentialsOf(options, surroundings.environment));
  who.region = settings.region;
  return MakeS3Store(std::move(settings), client,
                     MakeCredentials(std::move(who), surroundings.environment, client));
}

}  // namespace millrace::io
