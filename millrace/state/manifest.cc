#include "millrace/state/manifest.h"

#include <charconv>
#include <memory>
#include <utility>

#include <arrow/util/compression.h>
#include <nlohmann/json.hpp>

#include "millrace/state/errors.h"
#include "millrace/state/sealed_json.h"

namespace millrace::state {

namespace {

using nlohmann::json;

uint64_t FromHex(const std::string& text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

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
          {"xxh3", HexDigits(section.checksum)},
          {"rows", section.rows},
          {"part_rows", section.part_rows},
          {"groups", {section.first_group, section.last_group}}};
}

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
  // The first ones that wrote this version did not know it.
  if (fields.Has("part_rows")) out.part_rows = fields.Integer("part_rows");
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

// Texts above this are packed: those below are read by people, too.
constexpr size_t kPackedFrom = 64 * 1024;
constexpr int kPackedLevel = 1;
constexpr int64_t kMostUnpacked = int64_t{1} << 31;

Result<std::unique_ptr<arrow::util::Codec>> NewCodec() {
  return arrow::util::Codec::Create(arrow::Compression::ZSTD, kPackedLevel);
}

Result<std::string> Packed(const std::string& text) {
  ARROW_ASSIGN_OR_RAISE(auto codec, NewCodec());
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int64_t>(text.size());
  std::string out(static_cast<size_t>(codec->MaxCompressedLen(size, bytes)), '\0');
  ARROW_ASSIGN_OR_RAISE(const int64_t packed,
                        codec->Compress(size, bytes, static_cast<int64_t>(out.size()),
                                        reinterpret_cast<uint8_t*>(out.data())));
  out.resize(static_cast<size_t>(packed));
  return Sealed(
      {{"version", kPackedManifestVersion}, {"bytes", size}, {"zstd", Base64(out)}});
}

Result<std::string> Unpacked(const Fields& fields) {
  const std::string packed = fields.Bytes("zstd");
  const int64_t size = fields.Integer("bytes");
  if (size < 0 || size > kMostUnpacked) return Status::Invalid("its size is none");
  ARROW_ASSIGN_OR_RAISE(auto codec, NewCodec());
  std::string out(static_cast<size_t>(size), '\0');
  ARROW_ASSIGN_OR_RAISE(const int64_t unpacked,
                        codec->Decompress(static_cast<int64_t>(packed.size()),
                                          reinterpret_cast<const uint8_t*>(packed.data()),
                                          size, reinterpret_cast<uint8_t*>(out.data())));
  if (unpacked != size) return Status::Invalid("it is shorter than it was");
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
  std::string text = Sealed(out);
  if (text.size() < kPackedFrom) return text;
  auto packed = Packed(text);
  return packed.ok() ? *std::move(packed) : text;
}

Result<Manifest> Manifest::Decode(const std::string& text, const std::string& where) {
  ARROW_ASSIGN_OR_RAISE(const json object,
                        Unsealed(text, errors::kManifestDamaged, where));
  bool good = true;
  const Fields fields(object, &good);
  const int64_t version = fields.Integer("version");
  if (good && version == kPackedManifestVersion) {
    auto unpacked = Unpacked(fields);
    if (!good || !unpacked.ok()) {
      return errors::kManifestDamaged.Make(
          {.file = where}, "{}", good ? unpacked.status().message() : kBadField);
    }
    return Decode(*unpacked, where);
  }
  if (good && version != kManifestVersion) {
    return errors::kStateVersion.Make({.file = where},
                                      "format {}, this one reads {} and {}", version,
                                      kManifestVersion, kPackedManifestVersion);
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
  if (!good) return errors::kManifestDamaged.Make({.file = where}, "{}", kBadField);
  return out;
}

}  // namespace millrace::state
