#include "millrace/connectors/files/upload_token.h"

#include <random>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/base/error.h"
#include "millrace/connectors/files/pieces.h"
#include "millrace/io/path.h"

namespace millrace::files {

namespace {

std::string Dumped(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::vector<io::UploadedPart> UploadToken::Object::parts() const {
  std::vector<io::UploadedPart> out;
  for (const std::string& etag : etags) {
    out.push_back({static_cast<int>(out.size()) + 1, etag});
  }
  return out;
}

std::string UploadToken::Encode() const {
  nlohmann::json out;
  auto& list = out["objects"] = nlohmann::json::array();
  for (const Object& object : objects) {
    list.push_back({object.key, object.upload_id, object.size, object.etags});
  }
  out["last"] = last;
  return Dumped(out);
}

Result<UploadToken> UploadToken::Decode(const std::string& bytes) {
  UploadToken out;
  try {
    const auto in = nlohmann::json::parse(bytes);
    for (const auto& object : in.at("objects")) {
      out.objects.push_back({object.at(0), object.at(1), object.at(2), object.at(3)});
    }
    out.last = in.at("last");
  } catch (const nlohmann::json::exception& error) {
    return errors::kInternal.Make({}, "commit token can't be read: {}", error.what());
  }
  return out;
}

std::string ObjectBeginning::Encode() const {
  nlohmann::json out;
  out["incarnation"] = incarnation;
  out["published"] = published;
  auto& list = out["replaced"] = nlohmann::json::array();
  for (const Replaced& object : replaced) list.push_back({object.key, object.etag});
  return Dumped(out);
}

Result<ObjectBeginning> ObjectBeginning::Decode(const std::string& bytes) {
  ObjectBeginning out;
  try {
    const auto in = nlohmann::json::parse(bytes);
    out.incarnation = in.at("incarnation");
    out.published = in.at("published");
    for (const auto& object : in.at("replaced")) {
      out.replaced.push_back({object.at(0), object.at(1)});
    }
  } catch (const nlohmann::json::exception& error) {
    return errors::kInternal.Make({}, "how the first run began can't be read: {}",
                                  error.what());
  }
  return out;
}

std::string ObjectNames::Stem(const std::string& incarnation) const {
  return pipeline.empty()
             ? fmt::format("part-{}-", incarnation)
             : fmt::format("part-{}-{}-", EscapedName(pipeline), incarnation);
}

std::string ObjectNames::Key(const std::string& folder, const std::string& incarnation,
                             int64_t attempt, int32_t writer, int64_t epoch,
                             int64_t ordinal) const {
  return fmt::format("{}{}{}{}{}-{}-{}-{}{}", prefix, folder, folder.empty() ? "" : "/",
                     Stem(incarnation), attempt, writer, epoch, ordinal, extension);
}

bool ObjectNames::IsOf(const std::string& incarnation, std::string_view key) const {
  return key.starts_with(prefix) && key.ends_with(extension) &&
         io::NameOf(std::string(key)).starts_with(Stem(incarnation));
}

std::string ObjectNames::BeginningKey() const {
  return fmt::format("{}_millrace/{}{}.begun", prefix, EscapedName(pipeline), extension);
}

std::string NewIncarnation() {
  std::random_device source;
  return fmt::format("{:08x}{:08x}", source(), source());
}

}  // namespace millrace::files
