// The stream form, from a pipe or a file: messages in order, to the mark of the end or
// the end itself.
#include <algorithm>
#include <cstring>
#include <deque>
#include <mutex>

#include <arrow/array.h>
#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/formats/arrow_ipc/columns.h"
#include "millrace/formats/arrow_ipc/reader_internal.h"

namespace millrace::formats::arrow_ipc {

namespace {

// A message is read in pieces of this size, so that a damaged length costs no more memory
// than there are bytes.
constexpr int64_t kPieceBytes = 8 << 20;
constexpr int64_t kMaxSchemaBytes = 256 << 20;

class Decoded final : public arrow::ipc::Listener {
 public:
  Status OnSchemaDecoded(std::shared_ptr<arrow::Schema> schema) override {
    this->schema = std::move(schema);
    return Status::OK();
  }
  Status OnRecordBatchDecoded(std::shared_ptr<arrow::RecordBatch> rows) override {
    batches.push_back(std::move(rows));
    return Status::OK();
  }
  Status OnEOS() override {
    ended = true;
    return Status::OK();
  }

  std::shared_ptr<arrow::Schema> schema;
  std::deque<std::shared_ptr<arrow::RecordBatch>> batches;
  bool ended = false;
};

// Knows where messages begin, which Arrow's decoder does not tell.
class MessageBounds {
 public:
  // `piece`: exactly as many bytes as the decoder asked for, or a part of them.
  void Take(const uint8_t* piece, int64_t size, bool all) {
    static constexpr uint8_t kContinuation[4] = {0xFF, 0xFF, 0xFF, 0xFF};
    inside_ = !all || (size == 4 && memcmp(piece, kContinuation, 4) == 0);
  }
  // May the input end here, where the decoder asks for `required` bytes?
  bool MayEnd(int64_t required) const { return !inside_ && required == 4; }

 private:
  bool inside_ = false;
};

struct Stream {
  Input input;
  std::string head;      // bytes read before the first range was opened
  int64_t begin = 0;     // of the stream in head
  bool is_file = false;  // a file form that can't be sought: a footer follows
  std::shared_ptr<arrow::Schema> stored;
  StoredColumns columns;
};

arrow::ipc::IpcReadOptions ReadOptionsOf(std::vector<int> included,
                                         arrow::MemoryPool* pool) {
  arrow::ipc::IpcReadOptions options;
  options.memory_pool = pool;
  options.use_threads = false;
  options.included_fields = std::move(included);
  return options;
}

class StreamRange final : public RangeReader {
 public:
  StreamRange(std::shared_ptr<const Stream> stream, const Pushdown& pushdown,
              const Context& context)
      : stream_(std::move(stream)),
        projection_(*stream_->stored, stream_->columns, pushdown),
        limit_(pushdown.limit),
        context_(context),
        decoded_(std::make_shared<Decoded>()),
        decoder_(decoded_, ReadOptionsOf(projection_.included(), context.pool)),
        at_(stream_->begin) {}

  Status Seek(const data::Position& position) override {
    if (position.empty()) return Status::OK();
    if (!OffsetOf(position, &skip_) || skip_ < 0) {
      return errors::kInternal.Make({.file = stream_->input.name},
                                    "a position that this range never gave");
    }
    rows_ = skip_;
    return Status::OK();
  }

  Result<ReadResult> Next(const Budget& budget, const Waker& waker) override {
    return Caught(errors::kIpcBroken, stream_->input.name,
                  [&] { return NextRows(budget, waker); });
  }

 private:
  Result<ReadResult> NextRows(const Budget& budget, const Waker& waker) {
    ReadResult out;
    if (limit_ && rows_ >= *limit_) return out;
    while (slices_.empty()) {
      if (!decoded_->batches.empty()) {
        auto rows = std::move(decoded_->batches.front());
        decoded_->batches.pop_front();
        if (skip_ >= rows->num_rows()) {
          skip_ -= rows->num_rows();
          continue;
        }
        ARROW_ASSIGN_OR_RAISE(
            rows, projection_.Apply(std::move(rows), rows_, stream_->input.name,
                                    context_.pool));
        slices_.Begin(std::move(rows), 0);
        slices_.Skip(std::exchange(skip_, 0));
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const ByteStream::State state, ReadOn(waker));
      if (state == ByteStream::State::kBytes) continue;
      out.bytes_read = std::exchange(unreported_, 0);
      if (state == ByteStream::State::kPending) out.state = ReadResult::State::kPending;
      return out;
    }
    int64_t bytes = 0;
    out.state = ReadResult::State::kBatch;
    out.rows = slices_.Next(budget, &bytes);
    out.bytes_read = std::exchange(unreported_, 0);
    rows_ += out.rows->num_rows();
    out.position = OffsetPosition(rows_);
    return out;
  }

  // Decodes some more bytes. kEnd: there are no more rows.
  Result<ByteStream::State> ReadOn(const Waker& waker) {
    if (decoded_->ended) {
      // The writer of a pipe may still have a footer to write.
      if (!stream_->is_file) return ByteStream::State::kEnd;
      uint8_t rest[4096];
      int64_t got = 0;
      for (;;) {
        ARROW_ASSIGN_OR_RAISE(const auto state, Read(rest, sizeof(rest), &got, waker));
        if (state != ByteStream::State::kBytes) return state;
      }
    }
    const int64_t required = decoder_.next_required_size();
    if (!piece_) {
      const int64_t size = std::clamp<int64_t>(required, 1, kPieceBytes);
      ARROW_ASSIGN_OR_RAISE(piece_, arrow::AllocateResizableBuffer(size, context_.pool));
      filled_ = 0;
    }
    while (filled_ < piece_->size()) {
      int64_t got = 0;
      ARROW_ASSIGN_OR_RAISE(
          const auto state,
          Read(piece_->mutable_data() + filled_, piece_->size() - filled_, &got, waker));
      if (state == ByteStream::State::kPending) return state;
      if (state == ByteStream::State::kEnd) {
        if (filled_ == 0 && bounds_.MayEnd(required)) return state;
        return errors::kIpcBroken.Make({.file = stream_->input.name, .byte = at_},
                                       "it ends inside a message");
      }
      filled_ += got;
    }
    const std::shared_ptr<arrow::Buffer> piece = std::move(piece_);
    bounds_.Take(piece->data(), piece->size(), piece->size() == required);
    ARROW_RETURN_NOT_OK(decoder_.Consume(piece));
    return ByteStream::State::kBytes;
  }

  Result<ByteStream::State> Read(uint8_t* out, int64_t size, int64_t* got,
                                 const Waker& waker) {
    const int64_t in_head = static_cast<int64_t>(stream_->head.size()) - at_;
    if (in_head > 0) {
      *got = std::min(size, in_head);
      memcpy(out, stream_->head.data() + at_, static_cast<size_t>(*got));
    } else if (stream_->input.file) {
      ARROW_ASSIGN_OR_RAISE(*got, ReadAt(stream_->input, at_, size, out));
      if (*got == 0) return ByteStream::State::kEnd;
    } else {
      ARROW_ASSIGN_OR_RAISE(const auto state,
                            stream_->input.stream->Read(out, size, got, waker));
      if (state != ByteStream::State::kBytes) return state;
    }
    at_ += *got;
    unreported_ += *got;
    return ByteStream::State::kBytes;
  }

  const std::shared_ptr<const Stream> stream_;
  const Projection projection_;
  const std::optional<int64_t> limit_;
  const Context context_;
  const std::shared_ptr<Decoded> decoded_;
  arrow::ipc::StreamDecoder decoder_;
  MessageBounds bounds_;
  int64_t at_;  // in the input
  int64_t unreported_ = 0;
  std::unique_ptr<arrow::ResizableBuffer> piece_;
  int64_t filled_ = 0;
  int64_t rows_ = 0;
  int64_t skip_ = 0;
  Slices slices_;
};

class IpcStream final : public IpcReader {
 public:
  explicit IpcStream(std::shared_ptr<const Stream> stream) : stream_(std::move(stream)) {}

  const StoredColumns& columns() const override { return stream_->columns; }

  Result<std::vector<Range>> Ranges(int64_t) override {
    return std::vector<Range>{{0, 1, stream_->input.file_size}};
  }
  Result<std::unique_ptr<RangeReader>> Open(size_t, const Pushdown& pushdown,
                                            const Context& context) override {
    return std::make_unique<StreamRange>(stream_, pushdown, context);
  }

 private:
  const std::shared_ptr<const Stream> stream_;
};

}  // namespace

Result<std::unique_ptr<FileReader>> OpenIpcStream(
    Input input, InputHead& head, const std::shared_ptr<arrow::Schema>& declared,
    const StoredColumns* first, const Context& context) {
  auto stream = std::make_shared<Stream>();
  if (head.text().starts_with(kFileMagic)) {
    stream->is_file = true;
    stream->begin = static_cast<int64_t>(kFileMagic.size());
  }
  const auto decoded = std::make_shared<Decoded>();
  arrow::ipc::StreamDecoder decoder(decoded, ReadOptionsOf({}, context.pool));
  int64_t at = stream->begin;
  while (!decoded->schema) {
    const int64_t end = at + decoder.next_required_size();
    if (decoded->ended || end > kMaxSchemaBytes) {
      return errors::kIpcBroken.Make({.file = input.name, .byte = at},
                                     "it has no schema");
    }
    while (static_cast<int64_t>(head.text().size()) < end) {
      if (head.complete()) {
        return errors::kIpcBroken.Make({.file = input.name}, "it ends inside the schema");
      }
      const int64_t have = static_cast<int64_t>(head.text().size());
      ARROW_RETURN_NOT_OK(head.GrowTo(std::min(end, have + kPieceBytes)));
    }
    ARROW_RETURN_NOT_OK(decoder.Consume(
        reinterpret_cast<const uint8_t*>(head.text().data()) + at, end - at));
    at = end;
  }
  stream->stored = decoded->schema;
  ARROW_ASSIGN_OR_RAISE(
      stream->columns,
      MapStoredColumns(*stream->stored, declared, first, input.name, errors::kIpcSchema));
  stream->head = head.text();
  stream->input = std::move(input);
  return std::make_unique<IpcStream>(std::move(stream));
}

Result<std::unique_ptr<FileReader>> OpenIpcReader(
    Input input, const std::shared_ptr<arrow::Schema>& declared, const FileReader* first,
    const Context& context) {
  const std::string name = input.name;
  const StoredColumns* of_first =
      first != nullptr ? &static_cast<const IpcReader*>(first)->columns() : nullptr;
  return Caught(errors::kIpcBroken, name, [&]() -> Result<std::unique_ptr<FileReader>> {
    const Input source = input;
    InputHead head(source);
    const int64_t magic = static_cast<int64_t>(kFileMagic.size());
    while (!head.complete() && static_cast<int64_t>(head.text().size()) < magic) {
      ARROW_RETURN_NOT_OK(head.GrowTo(magic));
    }
    if (head.text().empty()) {
      return errors::kIpcBroken.Make({.file = name}, "it is empty");
    }
    if (head.text().starts_with("FEA1")) {
      return errors::kIpcBroken.Make({.file = name},
                                     "it is Feather of version 1, not Arrow IPC");
    }
    if (input.file && head.text().starts_with(kFileMagic.substr(0, 6))) {
      return OpenIpcFile(input, declared, of_first, context);
    }
    return OpenIpcStream(std::move(input), head, declared, of_first, context);
  });
}

}  // namespace millrace::formats::arrow_ipc
