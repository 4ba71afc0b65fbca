// Reads and writes NDJSON in memory, for tests.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/api.h>
#include <arrow/io/memory.h>

#include "millrace/base/testing.h"
#include "millrace/formats/format.h"
#include "millrace/formats/json/errors.h"

namespace millrace::formats::json {

using Options = std::map<std::string, std::string>;

/// A file in memory.
class JsonMemoryFile final : public io::WritableFile {
 public:
  Status Write(const void* data, int64_t size) override {
    text.append(static_cast<const char*>(data), static_cast<size_t>(size));
    return Status::OK();
  }
  Status Sync() override { return Status::OK(); }
  Status Close() override { return Status::OK(); }
  int64_t position() const override { return static_cast<int64_t>(text.size()); }

  std::string text;
};

/// A pipe that gives `piece` bytes at a time and says kPending before each.
class JsonPieceStream final : public ByteStream {
 public:
  JsonPieceStream(std::string text, int64_t piece)
      : text_(std::move(text)), piece_(piece) {}
  Result<State> Read(uint8_t* out, int64_t capacity, int64_t* size,
                     const Waker& waker) override {
    pending_ = !pending_;
    if (pending_) {
      waker.Wake();
      return State::kPending;
    }
    *size = std::min({capacity, piece_, static_cast<int64_t>(text_.size()) - at_});
    memcpy(out, text_.data() + at_, static_cast<size_t>(*size));
    at_ += *size;
    return *size == 0 ? State::kEnd : State::kBytes;
  }

 private:
  std::string text_;
  int64_t piece_;
  int64_t at_ = 0;
  bool pending_ = false;
};

struct JsonCase {
  std::string text;
  Options options;
  std::shared_ptr<arrow::Schema> declared;
  data::BadRowPolicy bad_rows = data::BadRowPolicy::kFail;
  Budget budget;
  int64_t range_bytes = int64_t{1} << 40;
  Pushdown pushdown;
  int64_t stream_piece = 0;  ///< 0: a file
};

struct JsonOutcome {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::string> rows;  ///< cells as Arrow prints them, parted by '|'
  std::vector<data::DeadLetter> dead_letters;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  std::vector<data::Position> positions;  ///< after each batch
  int64_t bytes_read = 0;
};

inline std::string JsonCell(const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) return "NULL";
  if (array.type_id() == arrow::Type::DICTIONARY) {
    const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
    return JsonCell(*dictionary.dictionary(), dictionary.GetValueIndex(row));
  }
  return (*array.GetScalar(row))->ToString();
}

inline Result<std::unique_ptr<FileReader>> OpenJson(const JsonCase& c) {
  auto format = MakeJsonFormat();
  ARROW_ASSIGN_OR_RAISE(Config config,
                        format->read_options().Parse("json", c.options, {}));
  Input input{.name = "t.json"};
  if (c.stream_piece > 0) {
    input.stream = std::make_shared<JsonPieceStream>(c.text, c.stream_piece);
  } else {
    input.file =
        std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(c.text));
    input.file_size = static_cast<int64_t>(c.text.size());
  }
  return format->OpenReader(
      std::move(input), config, c.declared,
      {.pool = arrow::default_memory_pool(), .bad_rows = c.bad_rows});
}

/// Read what `reader` has left.
inline Status Drain(RangeReader& reader, const Budget& budget, JsonOutcome* out) {
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(ReadResult result, reader.Next(budget, Waker()));
    for (auto& letter : result.dead_letters) {
      out->dead_letters.push_back(std::move(letter));
    }
    out->bytes_read += result.bytes_read;
    if (result.state == ReadResult::State::kPending) continue;
    if (result.state == ReadResult::State::kEnd) return Status::OK();
    ARROW_RETURN_NOT_OK(result.rows->ValidateFull());
    out->batches.push_back(result.rows);
    out->positions.push_back(result.position);
    for (int64_t r = 0; r < result.rows->num_rows(); ++r) {
      std::string row;
      for (const auto& column : result.rows->columns()) {
        row += (row.empty() ? "" : "|") + JsonCell(*column, r);
      }
      out->rows.push_back(std::move(row));
    }
  }
}

inline Result<JsonOutcome> ReadJson(const JsonCase& c) {
  ARROW_ASSIGN_OR_RAISE(auto file, OpenJson(c));
  JsonOutcome out{.schema = file->schema()};
  ARROW_ASSIGN_OR_RAISE(auto ranges, file->Ranges(c.range_bytes));
  for (size_t i = 0; i < ranges.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto reader, file->Open(i, c.pushdown,
                                                  {.pool = arrow::default_memory_pool(),
                                                   .bad_rows = c.bad_rows}));
    ARROW_RETURN_NOT_OK(Drain(*reader, c.budget, &out));
  }
  return out;
}

inline std::string JsonTypes(const arrow::Schema& schema) {
  std::string out;
  for (const auto& field : schema.fields()) {
    out += (out.empty() ? "" : " ") + field->name() + ":" + field->type()->ToString();
  }
  return out;
}

inline Result<std::string> WriteJson(const std::shared_ptr<arrow::RecordBatch>& rows,
                                     const Options& options = {}) {
  auto format = MakeJsonFormat();
  ARROW_ASSIGN_OR_RAISE(Config config,
                        format->write_options().Parse("json", options, {}));
  JsonMemoryFile file;
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
