#include "millrace/engine/dead_letter_record.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/base64.h>
#include <arrow/util/utf8.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/errors.h"

namespace millrace::engine {

bool IsText(std::string_view bytes) {
  // Fills tables once; without them every byte counts as text.
  arrow::util::InitializeUTF8();
  return arrow::util::ValidateUTF8(bytes);
}

std::string FieldsText(const DeadLetterRecord& record) {
  if (record.fields.empty()) return "";
  return nlohmann::json(record.fields)
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string DeadLetterLine(const DeadLetterRecord& record) {
  nlohmann::ordered_json line;
  // First, so that a file of dead letters is known by its first bytes.
  line["code"] = record.code;
  line["reason"] = record.reason;
  const Where& where = record.where;
  if (!where.file.empty()) line["file"] = where.file;
  if (where.row >= 0) line["row"] = where.row;
  if (!where.column.empty()) line["column"] = where.column;
  if (where.byte >= 0) line["byte"] = where.byte;
  if (!record.source.empty()) line["source"] = record.source;
  if (!record.connector.empty()) line["connector"] = record.connector;
  if (!record.split.empty()) line["split"] = record.split;
  if (!record.position.empty()) line["position"] = record.position;
  if (!record.sink.empty()) line["sink"] = record.sink;
  line["time"] = record.time;
  line["pipeline"] = record.pipeline;
  line["attempt"] = record.attempt;
  if (!record.fields.empty()) line["fields"] = record.fields;
  line["raw"] = record.raw;
  if (!IsText(record.raw)) {
    line["raw_base64"] = arrow::util::base64_encode(record.raw);
  }
  if (record.cut) line["cut"] = true;
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

namespace {

// False when `text` is none.
bool ParseLetter(std::string_view text, DeadLetterRecord* out) {
  const auto line = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!line.is_object()) return false;
  auto string = [&line](const char* name) {
    const auto found = line.find(name);
    return found != line.end() && found->is_string() ? found->get<std::string>()
                                                     : std::string();
  };
  auto number = [&line](const char* name, int64_t otherwise) {
    const auto found = line.find(name);
    return found != line.end() && found->is_number_integer() ? found->get<int64_t>()
                                                             : otherwise;
  };
  out->code = string("code");
  if (!out->code.starts_with("MR-") || !line.contains("raw")) return false;
  out->reason = string("reason");
  out->where.file = string("file");
  out->where.row = number("row", -1);
  out->where.column = string("column");
  out->where.byte = number("byte", -1);
  out->source = string("source");
  out->connector = string("connector");
  out->split = string("split");
  out->position = string("position");
  out->sink = string("sink");
  out->time = string("time");
  out->pipeline = string("pipeline");
  out->attempt = number("attempt", 1);
  if (const auto fields = line.find("fields");
      fields != line.end() && fields->is_array()) {
    for (const auto& name : *fields) {
      if (name.is_string()) out->fields.push_back(name.get<std::string>());
    }
  }
  out->raw = string("raw");
  if (line.contains("raw_base64")) {
    auto exact = arrow::util::base64_decode(string("raw_base64"));
    if (!exact.ok()) return false;
    out->raw = std::move(*exact);
  }
  const auto cut = line.find("cut");
  out->cut = cut != line.end() && cut->is_boolean() && cut->get<bool>();
  return true;
}

}  // namespace

Result<std::vector<DeadLetterRecord>> ReadDeadLetters(io::FileSystem& files,
                                                      const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto file, files.OpenRead(path));
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
  ARROW_ASSIGN_OR_RAISE(const auto bytes, file->ReadAt(0, size));
  std::vector<DeadLetterRecord> out;
  std::string_view rest(*bytes);
  for (int64_t row = 1; !rest.empty(); ++row) {
    const size_t end = rest.find('\n');
    DeadLetterRecord record;
    if (ParseLetter(rest.substr(0, end), &record)) {
      out.push_back(std::move(record));
    } else if (end != std::string_view::npos) {
      return errors::kNotADeadLetter.Make({.file = path, .row = row}, "");
    }
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace millrace::engine
