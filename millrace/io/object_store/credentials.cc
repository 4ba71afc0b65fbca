#include "millrace/io/object_store/credentials.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/io/errors.h"
#include "millrace/io/object_store/profile_files.h"
#include "millrace/io/object_store/s3_store.h"
#include "millrace/io/object_store/sigv4.h"
#include "millrace/io/object_store/xml.h"

namespace millrace::io {

namespace {

constexpr int64_t kMinute = 60'000'000;
constexpr int64_t kMaxKeysAnswer = 1 << 20;
constexpr int kMaxRoles = 8;  // profiles that lead to profiles
constexpr const char kMachine[] = "http://169.254.169.254/latest/";
constexpr const char kContainer[] = "http://169.254.170.2";

std::string SettingOf(const Profile& settings, const char* name) {
  const auto found = settings.find(name);
  return found == settings.end() ? "" : found->second;
}

Result<std::string> TokenIn(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string token(std::istreambuf_iterator<char>(file), {});
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())) != 0)
    token.pop_back();
  if (token.empty())
    return errors::kNoCredentials.Make({.file = path}, "the file with the token");
  return token;
}

struct Role {
  std::string arn, external_id, session_name;
};

class Provider final : public CredentialsProvider {
 public:
  Provider(CredentialsOptions options, Environment environment,
           std::shared_ptr<RetryingClient> client)
      : options_(std::move(options)),
        environment_(std::move(environment)),
        client_(std::move(client)) {}

  Result<Credentials> Get() override {
    std::lock_guard lock(mutex_);
    const int64_t now = client_->clock().WallMicros();
    if (cached_ && now < renew_at_) return *cached_;
    auto found = Find();
    if (!found.ok()) {
      // What is left of the old ones is better than nothing.
      if (cached_ && now < cached_->expires_micros) return *cached_;
      return found.status();
    }
    cached_ = std::move(*found);
    renew_at_ = cached_->expires_micros;
    if (renew_at_ != std::numeric_limits<int64_t>::max())
      renew_at_ -= std::clamp<int64_t>((renew_at_ - now) / 4, 0, 5 * kMinute);
    return *cached_;
  }

  bool Refused(const Credentials& used) override {
    std::lock_guard lock(mutex_);
    const bool fixed = options_.anonymous || !options_.access_key_id.empty();
    if (fixed && options_.role_arn.empty()) return false;
    // Somebody else may have been refused, too, and have new ones already.
    if (cached_ && cached_->access_key_id == used.access_key_id &&
        cached_->session_token == used.session_token) {
      cached_.reset();
    }
    return true;
  }

 private:
  std::string Variable(const char* name) const {
    return environment_ ? environment_(name).value_or("") : "";
  }

  Result<Credentials> Find() {
    ARROW_ASSIGN_OR_RAISE(Credentials base, FindBase());
    if (options_.role_arn.empty() || base.anonymous) return base;
    return Assume(base, {options_.role_arn, options_.external_id, options_.session_name});
  }

  Result<Credentials> FindBase() {
    if (options_.anonymous) return Credentials{.anonymous = true};
    if (!options_.access_key_id.empty()) {
      return Credentials{options_.access_key_id, options_.secret_access_key,
                         options_.session_token};
    }
    if (!options_.profile.empty()) return FromProfile(options_.profile, 0);
    if (const std::string key = Variable("AWS_ACCESS_KEY_ID"); !key.empty()) {
      return Credentials{key, Variable("AWS_SECRET_ACCESS_KEY"),
                         Variable("AWS_SESSION_TOKEN")};
    }
    if (const std::string file = Variable("AWS_WEB_IDENTITY_TOKEN_FILE"); !file.empty()) {
      return AssumeByToken(
          file, {Variable("AWS_ROLE_ARN"), "", Variable("AWS_ROLE_SESSION_NAME")});
    }
    const std::string named = Variable("AWS_PROFILE");
    if (!named.empty()) return FromProfile(named, 0);
    if (environment_ && ReadProfiles(environment_).contains("default"))
      return FromProfile("default", 0);
    std::string container = Variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    if (!container.empty()) return FromContainer(kContainer + container);
    container = Variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!container.empty()) return FromContainer(container);
    if (Variable("AWS_EC2_METADATA_DISABLED") == "true")
      return errors::kNoCredentials.Make({}, "");
    return FromMachine();
  }

  Result<Credentials> FromProfile(const std::string& name, int depth) {
    const auto profiles = ReadProfiles(environment_);
    const auto found = profiles.find(name);
    if (found == profiles.end())
      return errors::kNoCredentials.Make({}, "there is no profile '{}'", name);
    const Profile& profile = found->second;
    const Role role{SettingOf(profile, "role_arn"), SettingOf(profile, "external_id"),
                    SettingOf(profile, "role_session_name")};
    const std::string source = SettingOf(profile, "source_profile");
    if (!role.arn.empty() && !source.empty() && (source != name || depth > 0)) {
      if (depth == kMaxRoles)
        return errors::kNoCredentials.Make({}, "profile '{}' leads in a circle", name);
      ARROW_ASSIGN_OR_RAISE(const Credentials base, FromProfile(source, depth + 1));
      return Assume(base, role);
    }
    if (const std::string file = SettingOf(profile, "web_identity_token_file");
        !file.empty())
      return AssumeByToken(file, role);
    Credentials keys{SettingOf(profile, "aws_access_key_id"),
                     SettingOf(profile, "aws_secret_access_key"),
                     SettingOf(profile, "aws_session_token")};
    if (keys.access_key_id.empty() || keys.secret_access_key.empty())
      return errors::kNoCredentials.Make({}, "profile '{}' has no keys", name);
    if (!role.arn.empty() && source == name) return Assume(keys, role);
    if (!role.arn.empty())
      return errors::kNoCredentials.Make(
          {}, "profile '{}' has a role_arn without source_profile", name);
    return keys;
  }

  std::string SessionName(const Role& role) const {
    return role.session_name.empty() ? "millrace" : role.session_name;
  }

  Result<Credentials> Assume(const Credentials& base, const Role& role) {
    QueryItems form = {{"Action", "AssumeRole"},
                       {"Version", "2011-06-15"},
                       {"RoleArn", role.arn},
                       {"RoleSessionName", SessionName(role)}};
    if (!role.external_id.empty()) form.emplace_back("ExternalId", role.external_id);
    return AskSts(&base, form, "AssumeRoleResult");
  }

  Result<Credentials> AssumeByToken(const std::string& file, const Role& role) {
    // Read anew each time: whoever gives the token renews the file.
    ARROW_ASSIGN_OR_RAISE(const std::string token, TokenIn(file));
    if (role.arn.empty())
      return errors::kNoCredentials.Make({.file = file}, "a token needs a role_arn");
    return AskSts(nullptr,
                  {{"Action", "AssumeRoleWithWebIdentity"},
                   {"Version", "2011-06-15"},
                   {"RoleArn", role.arn},
                   {"RoleSessionName", SessionName(role)},
                   {"WebIdentityToken", token}},
                  "AssumeRoleWithWebIdentityResult");
  }

  Result<Credentials> AskSts(const Credentials* base, const QueryItems& form,
                             std::string_view result) {
    std::string endpoint = options_.sts_endpoint;
    if (endpoint.empty()) endpoint = Variable("AWS_ENDPOINT_URL_STS");
    if (endpoint.empty()) endpoint = "https://sts." + options_.region + ".amazonaws.com";
    while (endpoint.ends_with('/')) endpoint.pop_back();
    const size_t scheme = endpoint.find("://");
    if (scheme == endpoint.npos)
      return errors::kBadAddress.Make({.file = endpoint}, "of STS");
    const std::string body = QueryText(form);
    auto make = [&]() -> Result<HttpRequest> {
      SignedRequest to_sign;
      to_sign.method = "POST";
      to_sign.path = "/";
      to_sign.headers = {{"host", endpoint.substr(scheme + 3)},
                         {"content-type", "application/x-www-form-urlencoded"}};
      to_sign.payload_hash = Sha256Hex(body);
      if (base != nullptr) {
        Sign(*base, {options_.region, "sts"}, client_->clock().WallMicros(), &to_sign);
      }
      HttpRequest request;
      request.method = "POST";
      request.url = endpoint + "/";
      request.headers = std::move(to_sign.headers);
      request.headers.erase(request.headers.begin());
      request.body = body;
      request.max_body = kMaxKeysAnswer;
      return request;
    };
    ARROW_ASSIGN_OR_RAISE(const HttpResponse response, client_->Send(make));
    ARROW_ASSIGN_OR_RAISE(const XmlElement root, Answer(endpoint, response));
    const XmlElement* found = root.Child(result);
    const XmlElement* keys = found == nullptr ? nullptr : found->Child("Credentials");
    if (keys == nullptr)
      return errors::kUnknownAnswer.Make({.file = endpoint}, "no credentials");
    return Checked(
        endpoint,
        {keys->TextOf("AccessKeyId"), keys->TextOf("SecretAccessKey"),
         keys->TextOf("SessionToken"), ParseIsoSeconds(keys->TextOf("Expiration"))});
  }

  static Result<XmlElement> Answer(const std::string& endpoint,
                                   const HttpResponse& response) {
    auto root = ParseXml(response.body);
    if (response.ok()) return root;
    std::string code;
    if (root.ok()) {
      const XmlElement* error = root->Child("Error");
      if (error != nullptr)
        code = error->TextOf("Code") + ": " + error->TextOf("Message").substr(0, 300);
    }
    const Where where{.file = endpoint};
    if (response.status >= 500)
      return errors::kServerBusy.Make(where, "status {} {}", response.status, code);
    return errors::kBadCredentials.Make(where, "status {} {}", response.status, code);
  }

  static Result<Credentials> Checked(const std::string& place, Credentials keys) {
    if (keys.access_key_id.empty() || keys.secret_access_key.empty())
      return errors::kUnknownAnswer.Make({.file = place}, "no credentials");
    if (keys.expires_micros <= 0)
      keys.expires_micros = std::numeric_limits<int64_t>::max();
    return keys;
  }

  Result<Credentials> FromJson(const std::string& place, const HttpResponse& response) {
    if (!response.ok())
      return errors::kNoCredentials.Make({.file = place}, "status {}", response.status);
    const auto json = nlohmann::json::parse(response.body, nullptr, false);
    auto text = [&](const char* name) {
      return json.is_object() && json.contains(name) && json[name].is_string()
                 ? json[name].get<std::string>()
                 : std::string();
    };
    return Checked(place, {text("AccessKeyId"), text("SecretAccessKey"), text("Token"),
                           ParseIsoSeconds(text("Expiration"))});
  }

  Result<Credentials> FromContainer(const std::string& url) {
    std::string token = Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    const std::string file = Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    if (!file.empty()) {
      ARROW_ASSIGN_OR_RAISE(token, TokenIn(file));
    }
    HttpRequest request{.url = url, .max_body = kMaxKeysAnswer};
    if (!token.empty()) request.headers.emplace_back("authorization", token);
    ARROW_ASSIGN_OR_RAISE(const HttpResponse response,
                          client_->Send([&] { return Result<HttpRequest>(request); }));
    return FromJson(ShownUrl(url), response);
  }

  Result<HttpResponse> AskMachine(const std::string& path, const std::string& token) {
    HttpRequest request{.url = path, .max_body = kMaxKeysAnswer};
    if (token.empty()) {
      request.method = "PUT";
      request.headers.emplace_back("x-aws-ec2-metadata-token-ttl-seconds", "21600");
    } else {
      request.headers.emplace_back("x-aws-ec2-metadata-token", token);
    }
    return client_->Once(request);
  }

  Result<Credentials> FromMachine() {
    std::string base = Variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    base = base.empty() ? kMachine : base + (base.ends_with('/') ? "" : "/") + "latest/";
    // Outside of EC2 nobody is there: that is no fault of the network.
    const auto token = AskMachine(base + "api/token", "");
    if (!token.ok() || !token->ok()) return errors::kNoCredentials.Make({}, "");
    const std::string place = base + "meta-data/iam/security-credentials/";
    ARROW_ASSIGN_OR_RAISE(const HttpResponse role, AskMachine(place, token->body));
    if (!role.ok() || role.body.empty())
      return errors::kNoCredentials.Make({}, "the machine has no role");
    const std::string name = role.body.substr(0, role.body.find('\n'));
    ARROW_ASSIGN_OR_RAISE(const HttpResponse keys, AskMachine(place + name, token->body));
    return FromJson(place, keys);
  }

  const CredentialsOptions options_;
  const Environment environment_;
  const std::shared_ptr<RetryingClient> client_;
  std::mutex mutex_;
  std::optional<Credentials> cached_;
  int64_t renew_at_ = 0;
};

}  // namespace

std::shared_ptr<CredentialsProvider> MakeCredentials(
    CredentialsOptions options, Environment environment,
    std::shared_ptr<RetryingClient> client) {
  return std::make_shared<Provider>(std::move(options), std::move(environment),
                                    std::move(client));
}

std::string RegionOfProfile(const std::string& profile, const Environment& environment) {
  if (!environment) return "";
  const auto profiles = ReadProfiles(environment);
  const auto found = profiles.find(profile.empty() ? "default" : profile);
  return found == profiles.end() ? "" : SettingOf(found->second, "region");
}

}  // namespace millrace::io
