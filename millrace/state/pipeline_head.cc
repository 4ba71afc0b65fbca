#include "millrace/state/pipeline_head.h"

#include <algorithm>

#include "millrace/base/calendar.h"
#include "millrace/state/errors.h"
#include "millrace/state/sealed_json.h"

namespace millrace::state {

namespace {

using nlohmann::json;

constexpr int64_t kHeadVersion = 1;

json ToJson(const PipelineHead::Decided& decided) {
  return {{"epoch", decided.epoch.value},
          {"attempt", decided.attempt},
          {"bytes", decided.bytes},
          {"made", decided.made_micros}};
}

PipelineHead::Decided DecidedFrom(const Fields& fields) {
  return {Epoch{fields.Integer("epoch")}, fields.Integer("attempt"),
          fields.Integer("bytes"), fields.Integer("made")};
}

}  // namespace

std::string PipelineHead::Owner::Text() const {
  std::string since;
  AppendTimestamp(since_micros, 1'000'000, &since);
  return fmt::format("by process {} on host {} since {} UTC", process.pid, process.host,
                     since);
}

bool PipelineHead::Names(Epoch epoch, int64_t attempt) const {
  auto same = [&](const Decided& one) {
    return one.epoch == epoch && one.attempt == attempt;
  };
  return std::any_of(manifests.begin(), manifests.end(), same) ||
         std::any_of(savepoints.begin(), savepoints.end(),
                     [&](const auto& savepoint) { return same(savepoint.second); });
}

std::string PipelineHead::Encode() const {
  json out{{"version", kHeadVersion},
           {"attempt", attempt},
           {"beat", beat},
           {"manifests", json::array()},
           {"savepoints", json::array()},
           {"notes", json::array()}};
  if (owner) {
    out["owner"] = {{"process", owner->process.ToJson()},
                    {"since", owner->since_micros},
                    {"run", owner->run}};
  }
  for (const Decided& decided : manifests) out["manifests"].push_back(ToJson(decided));
  for (const auto& [name, decided] : savepoints) {
    json entry = ToJson(decided);
    entry["name"] = Base64(name);
    out["savepoints"].push_back(std::move(entry));
  }
  for (const auto& [name, text] : notes)
    out["notes"].push_back({{"name", Base64(name)}, {"text", Base64(text)}});
  return Sealed(out);
}

Result<PipelineHead> PipelineHead::Decode(const std::string& text,
                                          const std::string& where) {
  ARROW_ASSIGN_OR_RAISE(const json object, Unsealed(text, errors::kHeadDamaged, where));
  bool good = true;
  const Fields fields(object, &good);
  const int64_t version = fields.Integer("version");
  if (good && version != kHeadVersion) {
    return errors::kStateVersion.Make({.file = where}, "format {}, this one reads {}",
                                      version, kHeadVersion);
  }
  PipelineHead out;
  out.attempt = fields.Integer("attempt");
  out.beat = fields.Integer("beat");
  if (fields.Has("owner")) {
    const Fields owner(fields.Get("owner"), &good);
    out.owner = {ProcessMark::From(owner.Get("process"), &good), owner.Integer("since"),
                 owner.Text("run")};
  }
  for (const json& entry : fields.List("manifests"))
    out.manifests.push_back(DecidedFrom(Fields(entry, &good)));
  for (const json& entry : fields.List("savepoints")) {
    const Fields savepoint(entry, &good);
    out.savepoints[savepoint.Bytes("name")] = DecidedFrom(savepoint);
  }
  for (const json& entry : fields.List("notes")) {
    const Fields note(entry, &good);
    out.notes[note.Bytes("name")] = note.Bytes("text");
  }
  if (!good) return errors::kHeadDamaged.Make({.file = where}, "{}", kBadField);
  return out;
}

}  // namespace millrace::state
