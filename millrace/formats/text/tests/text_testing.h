// Reads and writes text formats in memory, for tests.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/api.h>
#include <arrow/io/memory.h>

#include "millrace/base/testing.h"
#include "millrace/formats/format.h"

namespace millrace::formats {

using Options = std::map<std::string, std::string>;
/// A value as text; absent for NULL.
using Cell = std::optional<std::string>;
using Table = std::vector<std::vector<Cell>>;

/// A file in memory.
class MemoryFile final : public io::WritableFile {
 public:
  Status Write(const void* data, int64_t size) override {
    pieces.push_back(size);
    text.append(static_cast<const char*>(data), static_cast<size_t>(size));
    return Status::OK();
  }
  Status Sync() override { return Status::OK(); }
  Status Close() override { return Status::OK(); }
  int64_t position() const override { return static_cast<int64_t>(text.size()); }

  std::string text;
  std::vector<int64_t> pieces;
};

/// A pipe that gives `piece` bytes at a time and says kPending before each.
class PieceStream final : public ByteStream {
 public:
  PieceStream(std::string text, int64_t piece) : text_(std::move(text)), piece_(piece) {}
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

/// `stream_piece`: the bytes that a stream gives at a time; 0: a file.
inline Input TextInput(const std::string& text, std::string name,
                       int64_t stream_piece = 0) {
  if (stream_piece > 0) {
    return {.name = std::move(name),
            .stream = std::make_shared<PieceStream>(text, stream_piece)};
  }
  return {
      .name = std::move(name),
      .file = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(text)),
      .file_size = static_cast<int64_t>(text.size())};
}

/// What is read, and how.
struct TextCase {
  std::string text;
  Options options;
  std::shared_ptr<arrow::Schema> declared;
  data::BadRowPolicy bad_rows = data::BadRowPolicy::kFail;
  Budget budget;
  int64_t range_bytes = int64_t{1} << 40;
  Pushdown pushdown;
  int64_t stream_piece = 0;
  std::string name;
};

struct TextOutcome {
  std::shared_ptr<arrow::Schema> schema;
  Table rows;
  std::vector<data::DeadLetter> dead_letters;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  std::vector<data::Position> positions;  ///< after each batch
  std::vector<int64_t> bytes_of_range;
  int64_t bytes_read = 0;
};

inline Cell N() { return std::nullopt; }

inline Cell CellOf(const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) return std::nullopt;
  if (array.type_id() == arrow::Type::DICTIONARY) {
    const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
    return CellOf(*dictionary.dictionary(), dictionary.GetValueIndex(row));
  }
  return (*array.GetScalar(row))->ToString();
}

inline Context TestContext(data::BadRowPolicy bad_rows = data::BadRowPolicy::kFail) {
  return {.pool = arrow::default_memory_pool(), .bad_rows = bad_rows};
}

inline Result<std::unique_ptr<FileReader>> OpenCase(const Format& format,
                                                    const TextCase& c) {
  ARROW_ASSIGN_OR_RAISE(Config config,
                        format.read_options().Parse(format.name(), c.options, {}));
  return format.OpenReader(TextInput(c.text, c.name, c.stream_piece), config, c.declared,
                           nullptr, TestContext(c.bad_rows));
}

/// Read what `reader` has left.
inline Status Drain(RangeReader& reader, const Budget& budget, TextOutcome* out) {
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
      std::vector<Cell> row;
      for (const auto& column : result.rows->columns()) row.push_back(CellOf(*column, r));
      out->rows.push_back(std::move(row));
    }
  }
}

inline Result<TextOutcome> ReadCase(const Format& format, const TextCase& c) {
  ARROW_ASSIGN_OR_RAISE(auto file, OpenCase(format, c));
  TextOutcome out{.schema = file->schema()};
  ARROW_ASSIGN_OR_RAISE(auto ranges, file->Ranges(c.range_bytes));
  for (size_t i = 0; i < ranges.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto reader,
                          file->Open(i, c.pushdown, TestContext(c.bad_rows)));
    const int64_t before = out.bytes_read;
    ARROW_RETURN_NOT_OK(Drain(*reader, c.budget, &out));
    out.bytes_of_range.push_back(out.bytes_read - before);
  }
  return out;
}

inline std::string TypesOf(const arrow::Schema& schema) {
  std::string out;
  for (const auto& field : schema.fields()) {
    out += (out.empty() ? "" : " ") + field->name() + ":" + field->type()->ToString();
  }
  return out;
}

}  // namespace millrace::formats
