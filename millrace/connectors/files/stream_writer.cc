#include <algorithm>
#include <utility>

#include <arrow/type.h>

#include "millrace/connectors/files/line_writer.h"
#include "millrace/connectors/files/stream_queue.h"
#include "millrace/connectors/files/writer.h"

namespace millrace::files {

namespace {

// What a format writes to. Puts the prefix before every line.
class QueueFile final : public io::WritableFile {
 public:
  QueueFile(StreamQueue* queue, std::string prefix)
      : queue_(queue), prefix_(std::move(prefix)) {}
  Status Write(const void* data, int64_t size) override {
    if (prefix_.empty()) return queue_->Put(data, size);
    const char* text = static_cast<const char*>(data);
    const char* const end = text + size;
    while (text < end) {
      if (std::exchange(begins_line_, false)) {
        ARROW_RETURN_NOT_OK(
            queue_->Put(prefix_.data(), static_cast<int64_t>(prefix_.size())));
      }
      const char* line_end = std::find(text, end, '\n');
      begins_line_ = line_end != end;
      if (begins_line_) ++line_end;
      ARROW_RETURN_NOT_OK(queue_->Put(text, line_end - text));
      text = line_end;
    }
    return Status::OK();
  }
  Status Sync() override { return Status::OK(); }
  Status Close() override { return Status::OK(); }
  int64_t position() const override { return queue_->put(); }

 private:
  StreamQueue* const queue_;
  const std::string prefix_;
  bool begins_line_ = true;
};

class StreamWriter final : public connector::SinkWriter {
 public:
  StreamWriter(LineOptions options, bool live, std::unique_ptr<Outlet> outlet,
               std::shared_ptr<arrow::Schema> schema,
               const connector::Surroundings& surroundings)
      : options_(std::move(options)),
        queue_(std::make_shared<StreamQueue>(std::move(outlet), surroundings)),
        file_(queue_.get(), options_.prefix),
        schema_(std::move(schema)),
        memory_(surroundings.memory),
        live_(live) {}

  ~StreamWriter() override { queue_->Abandon(); }

  Result<connector::WriteState> Write(const data::Batch& batch,
                                      const Waker& waker) override {
    ARROW_ASSIGN_OR_RAISE(const bool accepts, queue_->Accepts(waker));
    if (!accepts) return connector::WriteState::kBlocked;
    ARROW_RETURN_NOT_OK(Begin());
    rows_ += batch.num_rows();
    ARROW_RETURN_NOT_OK(writer_->Write(batch.rows));
    if (live_) ARROW_RETURN_NOT_OK(writer_->Flush());
    return connector::WriteState::kAccepted;
  }

  Result<connector::WriteState> WriteEncoded(const data::EncodedRows& rows,
                                             const Waker& waker) override {
    ARROW_ASSIGN_OR_RAISE(const bool accepts, queue_->Accepts(waker));
    if (!accepts) return connector::WriteState::kBlocked;
    ARROW_RETURN_NOT_OK(Begin());
    rows_ += rows.rows;
    ARROW_RETURN_NOT_OK(writer_->Append(rows));
    return connector::WriteState::kAccepted;
  }

  Future<connector::CommitToken> Prepare(Epoch, bool last) override {
    auto token = TakeToken(last);
    if (!token.ok()) return Future<connector::CommitToken>::MakeFinished(token.status());
    return queue_->Drained().Then([token = std::move(*token)] { return token; });
  }

 private:
  Status Begin() {
    if (writer_) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(writer_, options_.format->OpenWriter(
                                       file_, options_.format_options, schema_, false,
                                       {memory_->pool(), data::BadRowPolicy::kFail}));
    return Status::OK();
  }
  // There is nothing to commit, so the token says only how much was written.
  Result<connector::CommitToken> TakeToken(bool last) {
    if (last) {
      ARROW_RETURN_NOT_OK(Begin());
      ARROW_RETURN_NOT_OK(writer_->Finish());
    } else if (writer_) {
      ARROW_RETURN_NOT_OK(writer_->Flush());
    }
    connector::CommitToken token;
    if (last) token.bytes = CommitPlan{}.Encode();
    token.rows = std::exchange(rows_, 0);
    token.size = queue_->put() - std::exchange(told_, queue_->put());
    return token;
  }

  const LineOptions options_;
  const std::shared_ptr<StreamQueue> queue_;
  QueueFile file_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<MemoryBudget> memory_;
  const bool live_;  // somebody waits for the rows
  std::unique_ptr<formats::FileWriter> writer_;
  int64_t rows_ = 0;
  int64_t told_ = 0;  // bytes that tokens have told
};

}  // namespace

Result<std::unique_ptr<connector::SinkWriter>> MakeStreamWriter(
    WriterOptions options, const std::string& path, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings) {
  std::unique_ptr<Outlet> outlet;
  if (path == "-") {
    outlet = std::make_unique<Outlet>(Outlet::Standard::kOutput);
  } else {
    // A reader that is there already need not wait for the first row.
    outlet = std::make_unique<Outlet>(path);
    ARROW_RETURN_NOT_OK(outlet->Open().status());
  }
  LineOptions lines;
  lines.format = std::move(options.format);
  lines.format_options = std::move(options.format_options);
  return std::make_unique<StreamWriter>(std::move(lines), surroundings.endless,
                                        std::move(outlet), std::move(schema),
                                        surroundings);
}

std::unique_ptr<connector::SinkWriter> MakeLineWriter(
    LineOptions options, std::shared_ptr<arrow::Schema> schema,
    const connector::Surroundings& surroundings) {
  auto outlet = std::make_unique<Outlet>(options.to_stderr ? Outlet::Standard::kError
                                                           : Outlet::Standard::kOutput);
  return std::make_unique<StreamWriter>(std::move(options), /*live=*/true,
                                        std::move(outlet), std::move(schema),
                                        surroundings);
}

}  // namespace millrace::files
