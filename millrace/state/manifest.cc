#include "millrace/state/manifest.h"

#include <charconv>

#include <arrow/util/base64.h>
#include <xxhash.h>
#include <nlohmann/json.hpp>

#include "millrace/state/errors.h"

namespace millrace::state {

namespace {

using nlohmann::json;

std::string Base64(const std::string& bytes) { return arrow::util::base64_encode(bytes); }

std::string Hex(uint64_t value) { return fmt::format("{:016x}", value); }

uint64_t FromHex(const std::string& text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

uint64_t Checksum(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

json ToJson(const connector::SplitState& state) {
  json out{{"id", state.split.id.value},
           {"name", Base64(state.split.name)},
           {"description", Base64(state.split.description)},
           {"bytes", state.split.approximate_bytes},
           {"rows", state.split.approximate_rows},
           {"min_event_time", state.split.min_event_time}};
  if (!state.position.empty()) {
    out["position"] = Base64(state.position.bytes());
    out["watermark"] = state.watermark;
  }
  return out;
}

json ToJson(const Section& section) {
  return {{"task", section.task},
          {"part", section.part},
          {"extent", section.extent == Extent::kWhole ? "whole" : "changes"},
          {"file", section.file},
          {"offset", section.offset},
          {"length", section.length},
          {"xxh3", Hex(section.checksum)},
          {"rows", section.rows},
          {"groups", {section.first_group, section.last_group}}};
}

// What reading met first that is not as it must be. Fields are asked for one by one, so
// that a damaged manifest is an error and no exception.
class Fields {
 public:
  explicit Fields(const json& object, bool* good) : object_(object), good_(good) {
    if (!object.is_object()) *good_ = false;
  }
  const json& Get(const char* name) const {
    static const json kNothing;
    if (!object_.is_object()) return kNothing;
    const auto found = object_.find(name);
    return found == object_.end() ? kNothing : *found;
  }
  int64_t Integer(const char* name) const {
    const json& value = Get(name);
    if (value.is_number_integer()) return value.get<int64_t>();
    *good_ = false;
    return 0;
  }
  std::string Text(const char* name) const {
    const json& value = Get(name);
    if (value.is_string()) return value.get<std::string>();
    *good_ = false;
    return {};
  }
  std::string Bytes(const char* name) const {
    auto decoded = arrow::util::base64_decode(Text(name));
    if (decoded.ok()) return std::move(*decoded);
    *good_ = false;
    return {};
  }
  bool Has(const char* name) const { return !Get(name).is_null(); }
  const json& List(const char* name) const {
    const json& value = Get(name);
    if (!value.is_array()) *good_ = false;
    return value;
  }
  std::map<std::string, int64_t> Numbers(const char* name) const {
    std::map<std::string, int64_t> out;
    const json& object = Get(name);
    if (!object.is_object()) *good_ = false;
    for (const auto& [key, value] : object.items()) {
      if (value.is_number_integer()) {
        out[key] = value.get<int64_t>();
      } else {
        *good_ = false;
      }
    }
    return out;
  }

 private:
  const json& object_;
  bool* const good_;
};

connector::SplitState SplitFrom(const json& object, bool* good) {
  const Fields fields(object, good);
  connector::SplitState out;
  out.split.id = SplitId{fields.Integer("id")};
  out.split.name = fields.Bytes("name");
  out.split.description = fields.Bytes("description");
  out.split.approximate_bytes = fields.Integer("bytes");
  out.split.approximate_rows = fields.Integer("rows");
  out.split.min_event_time = fields.Integer("min_event_time");
  if (fields.Has("position")) {
    out.position = data::Position(fields.Bytes("position"));
    out.watermark = fields.Integer("watermark");
  }
  return out;
}

Section SectionFrom(const json& object, bool* good) {
  const Fields fields(object, good);
  Section out;
  out.task = static_cast<int>(fields.Integer("task"));
  out.part = fields.Text("part");
  out.extent = fields.Text("extent") == "whole" ? Extent::kWhole : Extent::kChanges;
  out.file = fields.Text("file");
  out.offset = fields.Integer("offset");
  out.length = fields.Integer("length");
  out.checksum = FromHex(fields.Text("xxh3"));
  out.rows = fields.Integer("rows");
  const json& groups = fields.List("groups");
  if (groups.size() == 2 && groups[0].is_number_integer() &&
      groups[1].is_number_integer()) {
    out.first_group = groups[0].get<int>();
    out.last_group = groups[1].get<int>();
  } else {
    *good = false;
  }
  return out;
}

}  // namespace

std::string Manifest::Encode() const {
  json out{{"version", kManifestVersion}, {"pipeline", Base64(pipeline)},
           {"epoch", epoch.value},        {"attempt", attempt},
           {"created", created_micros},   {"final", final},
           {"plan", Base64(plan)},        {"sink", Base64(sink)},
           {"scans", json::array()},      {"operators", json::array()},
           {"tokens", json::array()},     {"counters", counters}};
  for (const ScanEntry& scan : scans) {
    json splits = json::array();
    for (const auto& split : scan.unfinished) splits.push_back(ToJson(split));
    out["scans"].push_back({{"table", Base64(scan.table)},
                            {"discovery", Base64(scan.discovery_state)},
                            {"splits", std::move(splits)}});
  }
  for (const OperatorEntry& entry : operators) {
    json sections = json::array();
    for (const Section& section : entry.sections) sections.push_back(ToJson(section));
    out["operators"].push_back({{"fingerprint", entry.fingerprint},
                                {"description", Base64(entry.description)},
                                {"tasks", entry.tasks},
                                {"facts", entry.facts},
                                {"sections", std::move(sections)}});
  }
  for (const connector::CommitToken& token : tokens) {
    out["tokens"].push_back(
        {{"bytes", Base64(token.bytes)}, {"rows", token.rows}, {"size", token.size}});
  }
  std::string text = out.dump() + "\n";
  text += "xxh3 " + Hex(Checksum(text)) + "\n";
  return text;
}

Result<Manifest> Manifest::Decode(const std::string& text, const std::string& where) {
  auto damaged = [&where](const char* what) {
    return errors::kManifestDamaged.Make({.file = where}, "{}", what);
  };
  const size_t line = text.find('\n');
  if (line == std::string::npos) return damaged("it ends too early");
  const std::string expected = "xxh3 " + Hex(Checksum({text.data(), line + 1})) + "\n";
  if (text.compare(line + 1, std::string::npos, expected) != 0) {
    return damaged("its checksum does not fit");
  }
  const json object = json::parse(text.data(), text.data() + line, nullptr, false);
  bool good = true;
  const Fields fields(object, &good);
  const int64_t version = fields.Integer("version");
  if (good && version != kManifestVersion) {
    return errors::kStateVersion.Make({.file = where}, "format {}, this one reads {}",
                                      version, kManifestVersion);
  }
  Manifest out;
  out.pipeline = fields.Bytes("pipeline");
  out.epoch = Epoch{fields.Integer("epoch")};
  out.attempt = fields.Integer("attempt");
  out.created_micros = fields.Integer("created");
  out.final = fields.Get("final").is_boolean() && fields.Get("final").get<bool>();
  out.plan = fields.Bytes("plan");
  out.sink = fields.Bytes("sink");
  out.counters = fields.Numbers("counters");
  for (const json& entry : fields.List("scans")) {
    const Fields scan(entry, &good);
    ScanEntry made;
    made.table = scan.Bytes("table");
    made.discovery_state = scan.Bytes("discovery");
    for (const json& split : scan.List("splits"))
      made.unfinished.push_back(SplitFrom(split, &good));
    out.scans.push_back(std::move(made));
  }
  for (const json& entry : fields.List("operators")) {
    const Fields op(entry, &good);
    OperatorEntry made;
    made.fingerprint = op.Text("fingerprint");
    made.description = op.Bytes("description");
    made.tasks = static_cast<int>(op.Integer("tasks"));
    made.facts = op.Numbers("facts");
    for (const json& section : op.List("sections"))
      made.sections.push_back(SectionFrom(section, &good));
    out.operators.push_back(std::move(made));
  }
  for (const json& entry : fields.List("tokens")) {
    const Fields token(entry, &good);
    out.tokens.push_back(
        {token.Bytes("bytes"), token.Integer("rows"), token.Integer("size")});
  }
  if (!good) return damaged("a field is missing or of another kind");
  return out;
}

}  // namespace millrace::state
