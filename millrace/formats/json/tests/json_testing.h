// Reads and writes NDJSON in memory, for tests.
#pragma once

#include "millrace/formats/json/errors.h"
#include "millrace/formats/text/tests/text_testing.h"

namespace millrace::formats::json {

using JsonCase = TextCase;
using Rows = std::vector<std::string>;
inline constexpr auto kDead = data::BadRowPolicy::kDeadLetter;

/// Rows as one text each: their cells parted by '|'.
struct JsonOutcome : TextOutcome {
  std::vector<std::string> rows;
};

inline JsonOutcome Joined(TextOutcome text) {
  JsonOutcome out;
  for (const auto& cells : text.rows) {
    std::string row;
    for (const Cell& cell : cells)
      row += (row.empty() ? "" : "|") + cell.value_or("NULL");
    out.rows.push_back(std::move(row));
  }
  static_cast<TextOutcome&>(out) = std::move(text);
  return out;
}

inline TextCase Named(TextCase c) {
  if (c.name.empty()) c.name = "t.json";
  return c;
}

inline Result<std::unique_ptr<FileReader>> OpenJson(const JsonCase& c) {
  return OpenCase(*MakeJsonFormat(), Named(c));
}

/// Read what `reader` has left.
inline Result<JsonOutcome> ReadRest(RangeReader& reader, const Budget& budget) {
  TextOutcome out;
  ARROW_RETURN_NOT_OK(Drain(reader, budget, &out));
  return Joined(std::move(out));
}

inline Result<JsonOutcome> ReadJson(const JsonCase& c) {
  ARROW_ASSIGN_OR_RAISE(TextOutcome out, ReadCase(*MakeJsonFormat(), Named(c)));
  return Joined(std::move(out));
}

/// The number of the error that reading ends with.
inline int32_t NumberOf(const JsonCase& c) {
  const auto outcome = ReadJson(c);
  return ErrorNumber(outcome.status());
}

inline Result<std::string> WriteJson(const std::shared_ptr<arrow::RecordBatch>& rows,
                                     const Options& options = {}) {
  auto format = MakeJsonFormat();
  ARROW_ASSIGN_OR_RAISE(Config config,
                        format->write_options().Parse("json", options, {}));
  MemoryFile file;
  arrow::FieldVector fields;
  for (const auto& field : rows->schema()->fields()) {
    const auto& type = field->type();
    fields.push_back(
        type->id() == arrow::Type::DICTIONARY
            ? field->WithType(
                  static_cast<const arrow::DictionaryType&>(*type).value_type())
            : field);
  }
  ARROW_ASSIGN_OR_RAISE(auto writer,
                        format->OpenWriter(file, config, arrow::schema(fields), false,
                                           {.pool = arrow::default_memory_pool()}));
  ARROW_RETURN_NOT_OK(writer->Write(rows));
  ARROW_RETURN_NOT_OK(writer->Finish());
  return file.text;
}

}  // namespace millrace::formats::json
