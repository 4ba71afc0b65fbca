#include <algorithm>
#include <numeric>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/formats/input.h"
#include "millrace/formats/protobuf/decoder.h"
#include "millrace/formats/protobuf/errors.h"
#include "millrace/formats/protobuf/messages.h"
#include "millrace/formats/protobuf/protobuf_internal.h"
#include "millrace/formats/range_list.h"
#include "millrace/formats/stored_columns.h"
#include "millrace/io/errors.h"

namespace millrace::formats::protobuf_format {

namespace {

constexpr int64_t kMaxBatchRows = 64 * 1024;
// With the largest message behind it, a batch stays below what offsets can count.
constexpr int64_t kMaxBatchBytes = 512 << 20;
constexpr int64_t kMostMessageBytes = 1 << 30;
constexpr size_t kDeadLetterBytes = 64 * 1024;

struct File {
  Input input;
  std::shared_ptr<const MessageType> message;
  StoredColumns columns;
  int64_t max_message_bytes = 0;
};

class ProtobufRange final : public RangeReader {
 public:
  ProtobufRange(std::shared_ptr<const File> file, const Range& range,
                std::vector<int> wanted, const Pushdown& pushdown, const Context& context)
      : file_(std::move(file)),
        range_(range),
        wanted_(std::move(wanted)),
        limit_(pushdown.limit),
        context_(context),
        messages_(file_->input, range.begin, range.end, file_->max_message_bytes,
                  context.pool),
        told_to_(range.begin) {}

  Status Make() {
    std::vector<int> fields;
    std::vector<bool> text_as_bytes;
    for (const int column : wanted_) {
      fields.push_back(file_->columns.fields[static_cast<size_t>(column)]);
      const auto type = file_->columns.schema->field(column)->type()->id();
      text_as_bytes.push_back(type == arrow::Type::BINARY ||
                              type == arrow::Type::LARGE_BINARY);
    }
    ARROW_ASSIGN_OR_RAISE(decoder_, Decoder::Make(*file_->message, fields, text_as_bytes,
                                                  file_->input.name, context_.pool));
    return Status::OK();
  }

  Status Seek(const data::Position& position) override {
    if (position.empty()) return Status::OK();
    int64_t offset = 0;
    if (!OffsetOf(position, &offset) || offset < range_.begin || offset > range_.end) {
      return errors::kInternal.Make({.file = file_->input.name},
                                    "a position that this range never gave");
    }
    if (!file_->input.file && offset != 0) {
      return errors::kFileUnreadable.Make({.file = file_->input.name, .byte = offset},
                                          "a stream can't be read again");
    }
    messages_.StartAt(offset);
    told_to_ = offset;
    return Status::OK();
  }

  Result<ReadResult> Next(const Budget& budget, const Waker& waker) override {
    ReadResult out;
    if (limit_ && rows_ >= *limit_) return out;
    const int64_t most_rows = std::clamp<int64_t>(
        std::min(budget.rows, budget.bytes / decoder_->row_bytes()), 1, kMaxBatchRows);
    const int64_t stop =
        messages_.at() + std::clamp<int64_t>(budget.bytes, 1, kMaxBatchBytes);
    while (decoder_->rows() < most_rows && messages_.at() < stop) {
      Message message;
      ARROW_ASSIGN_OR_RAISE(const auto state, messages_.Next(&message, waker));
      if (state == ByteStream::State::kBytes) {
        const uint8_t* const end = message.bytes + (message.end - message.bytes_at);
        Status added = decoder_->Add(message.bytes, end, message.bytes_at);
        if (!added.ok()) {
          ARROW_RETURN_NOT_OK(Reject(std::move(added), message, &out));
        }
        continue;
      }
      if (decoder_->rows() > 0) break;
      if (state == ByteStream::State::kPending) out.state = ReadResult::State::kPending;
      Tell(&out);
      return out;
    }
    ARROW_ASSIGN_OR_RAISE(auto rows, decoder_->Finish());
    ARROW_ASSIGN_OR_RAISE(out.rows,
                          file_->columns.Fit(std::move(rows), wanted_, context_.pool));
    rows_ += out.rows->num_rows();
    out.state = ReadResult::State::kBatch;
    Tell(&out);
    return out;
  }

 private:
  // The length was good: what follows can still be read.
  Status Reject(Status status, const Message& message, ReadResult* out) const {
    const ErrorDetail* const detail = ErrorDetail::Of(status);
    if (context_.bad_rows == data::BadRowPolicy::kFail || detail == nullptr ||
        status.IsOutOfMemory()) {
      return status;
    }
    const auto bytes = static_cast<size_t>(message.end - message.bytes_at);
    out->dead_letters.push_back(
        {.raw = std::string(reinterpret_cast<const char*>(message.bytes),
                            std::min(bytes, kDeadLetterBytes)),
         .where = {.file = file_->input.name,
                   .column = detail->where().column,
                   .byte = message.offset},
         .code = detail->number(),
         .reason = ErrorText(status)});
    return Status::OK();
  }

  void Tell(ReadResult* out) {
    out->position = OffsetPosition(messages_.at());
    out->bytes_read = messages_.at() - std::exchange(told_to_, messages_.at());
  }

  const std::shared_ptr<const File> file_;
  const Range range_;
  const std::vector<int> wanted_;
  const std::optional<int64_t> limit_;
  const Context context_;
  std::unique_ptr<Decoder> decoder_;
  MessageReader messages_;
  int64_t rows_ = 0;
  int64_t told_to_;
};

class ProtobufFile final : public FileReader {
 public:
  ProtobufFile(std::shared_ptr<const File> file, arrow::MemoryPool* pool)
      : file_(std::move(file)), pool_(pool) {}

  const std::shared_ptr<arrow::Schema>& schema() const override {
    return file_->columns.schema;
  }
  const File& file() const { return *file_; }

  Result<std::vector<Range>> Ranges(int64_t target_bytes) override {
    Status status;
    auto ranges = ranges_.Once([&] {
      auto cut = CutByMessages(file_->input, target_bytes, pool_);
      if (cut.ok()) return *std::move(cut);
      status = cut.status();
      return std::vector<Range>();
    });
    ARROW_RETURN_NOT_OK(status);
    return ranges;
  }

  Result<std::unique_ptr<RangeReader>> Open(size_t ordinal, const Pushdown& pushdown,
                                            const Context& context) override {
    ARROW_ASSIGN_OR_RAISE(const Range range, ranges_.At(ordinal, file_->input.name));
    std::vector<int> wanted;
    if (pushdown.columns) {
      wanted = *pushdown.columns;
    } else {
      wanted.resize(static_cast<size_t>(schema()->num_fields()));
      std::iota(wanted.begin(), wanted.end(), 0);
    }
    auto out = std::make_unique<ProtobufRange>(file_, range, std::move(wanted), pushdown,
                                               context);
    ARROW_RETURN_NOT_OK(out->Make());
    return out;
  }

 private:
  const std::shared_ptr<const File> file_;
  arrow::MemoryPool* const pool_;
  RangeList ranges_;
};

}  // namespace

Result<std::unique_ptr<FileReader>> OpenProtobufReader(
    Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
    const FileReader* first, const Context& context) {
  auto file = std::make_shared<File>();
  file->max_message_bytes =
      std::clamp<int64_t>(options.GetInt("max_message_bytes"), 1, kMostMessageBytes);
  const File* const of_first =
      first != nullptr ? &static_cast<const ProtobufFile*>(first)->file() : nullptr;
  if (of_first != nullptr) {
    file->message = of_first->message;
  } else {
    ARROW_ASSIGN_OR_RAISE(file->message,
                          MessageOf(options, options.GetString("times") == "nanos"));
  }
  ARROW_ASSIGN_OR_RAISE(
      file->columns, MapStoredColumns(*ColumnsOf(*file->message), declared,
                                      of_first != nullptr ? &of_first->columns : nullptr,
                                      input.name, errors::kProtobufSchema));
  file->input = std::move(input);
  return std::make_unique<ProtobufFile>(std::move(file), context.pool);
}

}  // namespace millrace::formats::protobuf_format
