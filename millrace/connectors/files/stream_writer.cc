#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <arrow/type.h>

#include "millrace/connectors/files/writer.h"
#include "millrace/io/errors.h"

namespace millrace::files {

namespace {

class StdoutFile final : public io::WritableFile {
 public:
  Status Write(const void* data, int64_t size) override {
    const char* bytes = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t put = ::write(STDOUT_FILENO, bytes, static_cast<size_t>(size));
      if (put < 0) {
        if (errno == EINTR) continue;
        const ErrorSpec& spec = errno == EPIPE ? errors::kReaderGone : errors::kFileIo;
        return spec.Make({.file = "stdout"}, "{}", std::strerror(errno));
      }
      bytes += put;
      size -= put;
      position_ += put;
    }
    return Status::OK();
  }
  Status Sync() override { return Status::OK(); }
  Status Close() override { return Status::OK(); }
  int64_t position() const override { return position_; }

 private:
  int64_t position_ = 0;
};

class StreamWriter final : public connector::SinkWriter {
 public:
  StreamWriter(WriterOptions options, std::unique_ptr<io::WritableFile> file,
               std::shared_ptr<arrow::Schema> schema,
               const connector::Surroundings& surroundings)
      : options_(std::move(options)),
        file_(std::move(file)),
        schema_(std::move(schema)),
        memory_(surroundings.memory),
        live_(surroundings.endless) {}

  Result<connector::WriteState> Write(const data::Batch& batch, const Waker&) override {
    ARROW_RETURN_NOT_OK(Begin());
    rows_ += batch.num_rows();
    ARROW_RETURN_NOT_OK(writer_->Write(batch.rows));
    if (live_) ARROW_RETURN_NOT_OK(writer_->Flush());
    return connector::WriteState::kAccepted;
  }

  Result<connector::WriteState> WriteEncoded(const data::EncodedRows& rows,
                                             const Waker&) override {
    ARROW_RETURN_NOT_OK(Begin());
    rows_ += rows.rows;
    ARROW_RETURN_NOT_OK(writer_->Append(rows));
    return connector::WriteState::kAccepted;
  }

  Future<connector::CommitToken> Prepare(Epoch, bool last) override {
    return Future<connector::CommitToken>::MakeFinished(PrepareNow(last));
  }

 private:
  Status Begin() {
    if (writer_) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(writer_, options_.format->OpenWriter(
                                       *file_, options_.format_options, schema_, false,
                                       {memory_->pool(), data::BadRowPolicy::kFail}));
    return Status::OK();
  }
  // There is nothing to commit, so the token says only how much was written.
  Result<connector::CommitToken> PrepareNow(bool last) {
    if (last) {
      ARROW_RETURN_NOT_OK(Begin());
      ARROW_RETURN_NOT_OK(writer_->Finish());
    } else if (writer_) {
      ARROW_RETURN_NOT_OK(writer_->Flush());
    }
    connector::CommitToken token;
    if (last) token.bytes = CommitPlan{}.Encode();
    token.rows = std::exchange(rows_, 0);
    token.size = file_->position() - std::exchange(told_, file_->position());
    return token;
  }

  const WriterOptions options_;
  const std::unique_ptr<io::WritableFile> file_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<MemoryBudget> memory_;
  const bool live_;  // somebody waits for the rows
  std::unique_ptr<formats::FileWriter> writer_;
  int64_t rows_ = 0;
  int64_t told_ = 0;  // bytes that tokens have told
};

}  // namespace

std::unique_ptr<io::WritableFile> MakeStdoutFile() {
  return std::make_unique<StdoutFile>();
}

std::unique_ptr<connector::SinkWriter> MakeStreamWriter(
    WriterOptions options, std::unique_ptr<io::WritableFile> file,
    std::shared_ptr<arrow::Schema> schema, const connector::Surroundings& surroundings) {
  return std::make_unique<StreamWriter>(std::move(options), std::move(file),
                                        std::move(schema), surroundings);
}

}  // namespace millrace::files
