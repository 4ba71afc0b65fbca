#include "millrace/engine/dead_letter_sink.h"

#include <atomic>
#include <deque>
#include <mutex>
#include <utility>

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/base64.h>

#include "millrace/base/error.h"

namespace millrace::engine {

namespace {

// Tells the waiting coordinator that the writer takes rows again.
class Bell final : public Wakeable {
 public:
  explicit Bell(runtime::Scheduler* scheduler) : scheduler_(scheduler) {}
  void Wake() override {
    rung_.store(true);
    scheduler_->Notify();
  }
  bool Taken() { return rung_.exchange(false); }

 private:
  runtime::Scheduler* const scheduler_;
  std::atomic<bool> rung_{false};
};

Status AppendText(arrow::StringBuilder& builder, const std::string& text) {
  return text.empty() ? builder.AppendNull() : builder.Append(text);
}
Status AppendNumber(arrow::Int64Builder& builder, int64_t number) {
  return number < 0 ? builder.AppendNull() : builder.Append(number);
}

Result<std::shared_ptr<arrow::RecordBatch>> RowsOf(
    const std::vector<DeadLetterRecord>& letters, arrow::MemoryPool* pool) {
  arrow::StringBuilder code(pool), reason(pool), file(pool), column(pool), source(pool),
      connector(pool), split(pool), position(pool), sink(pool), fields(pool), time(pool),
      pipeline(pool), raw(pool), base64(pool);
  arrow::Int64Builder row(pool), byte(pool), attempt(pool);
  for (const DeadLetterRecord& letter : letters) {
    ARROW_RETURN_NOT_OK(code.Append(letter.code));
    ARROW_RETURN_NOT_OK(reason.Append(letter.reason));
    ARROW_RETURN_NOT_OK(AppendText(file, letter.where.file));
    ARROW_RETURN_NOT_OK(AppendNumber(row, letter.where.row));
    ARROW_RETURN_NOT_OK(AppendText(column, letter.where.column));
    ARROW_RETURN_NOT_OK(AppendNumber(byte, letter.where.byte));
    ARROW_RETURN_NOT_OK(AppendText(source, letter.source));
    ARROW_RETURN_NOT_OK(AppendText(connector, letter.connector));
    ARROW_RETURN_NOT_OK(AppendText(split, letter.split));
    ARROW_RETURN_NOT_OK(AppendText(position, letter.position));
    ARROW_RETURN_NOT_OK(AppendText(sink, letter.sink));
    ARROW_RETURN_NOT_OK(time.Append(letter.time));
    ARROW_RETURN_NOT_OK(pipeline.Append(letter.pipeline));
    ARROW_RETURN_NOT_OK(attempt.Append(letter.attempt));
    ARROW_RETURN_NOT_OK(AppendText(fields, FieldsText(letter)));
    // Text where it is text; a column of text must hold nothing else.
    const bool text = IsText(letter.raw);
    ARROW_RETURN_NOT_OK(text ? raw.Append(letter.raw) : raw.AppendNull());
    ARROW_RETURN_NOT_OK(text ? base64.AppendNull()
                             : base64.Append(arrow::util::base64_encode(letter.raw)));
  }
  std::vector<std::shared_ptr<arrow::Array>> columns;
  arrow::ArrayBuilder* const builders[] = {
      &code,     &reason,    &file,   &row,      &column, &byte,
      &source,   &connector, &split,  &position, &sink,   &time,
      &pipeline, &attempt,   &fields, &raw,      &base64};
  for (arrow::ArrayBuilder* builder : builders) {
    ARROW_ASSIGN_OR_RAISE(auto array, builder->Finish());
    columns.push_back(std::move(array));
  }
  return arrow::RecordBatch::Make(
      DeadLetterSchema(), static_cast<int64_t>(letters.size()), std::move(columns));
}

class DeadLetterSink final : public DeadLetterStore {
 public:
  DeadLetterSink(std::string name, std::unique_ptr<connector::Sink> sink,
                 runtime::Scheduler* scheduler, std::shared_ptr<MemoryBudget> memory)
      : name_(std::move(name)),
        sink_(std::move(sink)),
        scheduler_(scheduler),
        memory_(std::move(memory)),
        bell_(std::make_shared<Bell>(scheduler)) {}

  Status Start(const std::vector<std::string>& keys) {
    ARROW_RETURN_NOT_OK(sink_->EnsureTable(DeadLetterSchema(), keys));
    // What a run before had prepared and not committed comes again.
    ARROW_RETURN_NOT_OK(sink_->committer().Recover(Epoch{0}, {}).status());
    // Here, because opening may wait, and letters are added by shards. Destroyed without
    // a Prepare, when there is no letter, the writer leaves nothing.
    return sink_->Open(WriterId{0}).Value(&writer_);
  }

  Status Add(const std::vector<DeadLetterRecord>& letters) override {
    if (letters.empty()) return Status::OK();
    data::Batch batch;
    ARROW_ASSIGN_OR_RAISE(batch.rows, RowsOf(letters, memory_->pool()));
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(batch));
    ++added_;
    return WriteSome();
  }

  // For those that were added before; others may come meanwhile.
  Status Sync(bool last) override {
    int64_t wanted = 0;
    {
      std::lock_guard lock(mutex_);
      // A single file is only there once the sink has heard that nothing follows.
      if (added_ == 0 || (synced_ == added_ && !last)) return Status::OK();
      wanted = added_;
    }
    waits_ = true;
    const Status synced = WriteAndCommit(wanted, last);
    waits_ = false;
    return synced;
  }

  bool waits() const override { return waits_; }

  void GiveUp() override {
    given_up_ = true;
    bell_->Wake();
  }

  std::string place() const override { return name_; }

 private:
  Status WriteAndCommit(int64_t wanted, bool last) {
    Future<connector::CommitToken> prepared;
    for (;;) {
      {
        std::lock_guard lock(mutex_);
        ARROW_RETURN_NOT_OK(WriteSome());
        const int64_t written = added_ - static_cast<int64_t>(waiting_.size());
        if (written >= wanted) {
          epoch_.value += 1;
          prepared = writer_->Prepare(epoch_, last);
          synced_ = written;
          break;
        }
      }
      scheduler_->RunUntil([this] { return bell_->Taken() || given_up_; });
      if (given_up_) return errors::kCancelled.Make({}, "dead letters wait");
    }
    ARROW_RETURN_NOT_OK(Await(prepared));
    ARROW_ASSIGN_OR_RAISE(connector::CommitToken token, prepared.result());
    std::vector<connector::CommitToken> tokens;
    tokens.push_back(std::move(token));
    auto committed = sink_->committer().Commit(epoch_, std::move(tokens));
    ARROW_RETURN_NOT_OK(Await(committed));
    if (last) writer_.reset();
    return Status::OK();
  }

  // Under mutex_.
  Status WriteSome() {
    while (!waiting_.empty()) {
      ARROW_ASSIGN_OR_RAISE(const connector::WriteState state,
                            writer_->Write(waiting_.front(), Waker(bell_)));
      if (state == connector::WriteState::kBlocked) break;
      waiting_.pop_front();
    }
    return Status::OK();
  }

  template <typename T>
  Status Await(Future<T>& future) {
    if (!future.is_finished()) {
      future.AddCallback([bell = bell_](const auto&) { bell->Wake(); });
      scheduler_->RunUntil([&] { return future.is_finished() || given_up_; });
    }
    if (!future.is_finished()) return errors::kCancelled.Make({}, "dead letters wait");
    return future.status();
  }

  const std::string name_;
  const std::unique_ptr<connector::Sink> sink_;
  runtime::Scheduler* const scheduler_;
  const std::shared_ptr<MemoryBudget> memory_;
  const std::shared_ptr<Bell> bell_;
  Epoch epoch_{0};
  std::atomic<bool> given_up_{false};
  std::atomic<bool> waits_{false};
  std::mutex mutex_;  // of all below
  std::unique_ptr<connector::SinkWriter> writer_;
  std::deque<data::Batch> waiting_;
  int64_t added_ = 0;   // batches
  int64_t synced_ = 0;  // those of them that Sync has seen
};

}  // namespace

std::shared_ptr<arrow::Schema> DeadLetterSchema() {
  using arrow::field;
  return arrow::schema({field("code", arrow::utf8()), field("reason", arrow::utf8()),
                        field("file", arrow::utf8()), field("row", arrow::int64()),
                        field("column", arrow::utf8()), field("byte", arrow::int64()),
                        field("source", arrow::utf8()), field("connector", arrow::utf8()),
                        field("split", arrow::utf8()), field("position", arrow::utf8()),
                        field("sink", arrow::utf8()), field("time", arrow::utf8()),
                        field("pipeline", arrow::utf8()),
                        field("attempt", arrow::int64()), field("fields", arrow::utf8()),
                        field("raw", arrow::utf8()), field("raw_base64", arrow::utf8())});
}

Result<std::unique_ptr<DeadLetterStore>> MakeDeadLetterSink(
    std::string name, std::unique_ptr<connector::Sink> sink,
    std::vector<std::string> keys, runtime::Scheduler* scheduler,
    std::shared_ptr<MemoryBudget> memory) {
  auto store = std::make_unique<DeadLetterSink>(std::move(name), std::move(sink),
                                                scheduler, std::move(memory));
  ARROW_RETURN_NOT_OK(store->Start(keys));
  return store;
}

}  // namespace millrace::engine
