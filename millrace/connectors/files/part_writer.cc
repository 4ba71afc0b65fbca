#include <algorithm>
#include <unordered_map>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/failpoint.h"
#include "millrace/connectors/files/part_writer.h"

namespace millrace::files {

namespace {

// A part with its format writer.
struct OpenPart {
  std::shared_ptr<PendingPart> part;
  std::unique_ptr<formats::FileWriter> writer;
  int64_t rows = 0;
  int64_t used = 0;  // when rows came last, by a counter
  int64_t end = 0;   // when it is to be ended, as Roll says
};

class PartWriter final : public connector::SinkWriter {
 public:
  PartWriter(PartOptions options, WriterId writer,
             const connector::Surroundings& surroundings)
      : options_(std::move(options)),
        writer_(writer),
        memory_(surroundings.memory),
        executor_(surroundings.executor),
        roll_(options_.roll, surroundings),
        epoch_(options_.next_epoch) {
    ++options_.place->writing;
  }

  ~PartWriter() override {
    for (auto& [folder, open] : open_) {
      open.writer.reset();
      open.part->Discard();
    }
    for (const auto& part : closed_) part->Discard();
  }

  Result<connector::WriteState> Write(const data::Batch& batch,
                                      const Waker& waker) override {
    // The next rows may come before anybody has looked at the future that failed.
    ARROW_RETURN_NOT_OK(failed_);
    ARROW_ASSIGN_OR_RAISE(const bool takes, options_.place->Takes(waker));
    if (!takes) return connector::WriteState::kBlocked;
    if (batch.num_rows() == 0) return connector::WriteState::kAccepted;
    ARROW_RETURN_NOT_OK(CloseDue());
    ARROW_ASSIGN_OR_RAISE(auto parts,
                          options_.partitions->Split(batch.rows, memory_->pool()));
    for (Partitions::Part& part : parts) {
      ARROW_RETURN_NOT_OK(WritePart(part.folder, std::move(part.rows), waker));
    }
    rows_ += batch.num_rows();
    return connector::WriteState::kAccepted;
  }

  // Where there is one part at a time.
  Result<connector::WriteState> WriteEncoded(const data::EncodedRows& rows,
                                             const Waker& waker) override {
    ARROW_RETURN_NOT_OK(failed_);
    ARROW_ASSIGN_OR_RAISE(const bool takes, options_.place->Takes(waker));
    if (!takes) return connector::WriteState::kBlocked;
    ARROW_ASSIGN_OR_RAISE(OpenPart * part, PartOf("", waker));
    ARROW_RETURN_NOT_OK(part->writer->Append(rows));
    part->rows += rows.rows;
    rows_ += rows.rows;
    return connector::WriteState::kAccepted;
  }

  Status Tend(const Waker&) override {
    ARROW_RETURN_NOT_OK(failed_);
    return CloseDue();
  }

  Future<connector::CommitToken> Prepare(Epoch epoch, bool last) override {
    if (failed_.ok()) failed_ = CloseAll(last);
    if (!failed_.ok()) {
      return Future<connector::CommitToken>::MakeFinished(failed_);
    }
    epoch_ = std::max(epoch_, epoch.value) + 1;
    // The end is the coordinator's business too: it forgets how the run began. Writers
    // end at different epochs, so only the last of them knows that it is the end.
    last = last && --options_.place->writing == 0;
    connector::CommitToken token;
    if (closed_.empty() && !last) {
      return Future<connector::CommitToken>::MakeFinished(std::move(token));
    }
    token.rows = std::exchange(rows_, 0);
    token.size = std::exchange(bytes_, 0);
    auto prepared = Future<connector::CommitToken>::Make();
    arrow::AllFinished(std::exchange(finishing_, {}))
        .AddCallback([prepared, token, last, executor = executor_,
                      parts = std::exchange(closed_, {}),
                      place = options_.place](const Status& finished) mutable {
          // The callback may run on a shard: the folder waits for the disk too.
          RunLater<connector::CommitToken>(
              executor,
              [=]() mutable -> Result<connector::CommitToken> {
                ARROW_RETURN_NOT_OK(finished);
                ARROW_RETURN_NOT_OK(place->Settle());
                token.bytes = place->TokenOf(parts, last);
                ARROW_RETURN_NOT_OK(failpoint::Reach("files.prepared"));
                return std::move(token);
              })
              .AddCallback([prepared](const Result<connector::CommitToken>& result) {
                auto answer = prepared;
                answer.MarkFinished(result);
              });
        });
    return prepared;
  }

 private:
  Status WritePart(const std::string& folder, std::shared_ptr<arrow::RecordBatch> rows,
                   const Waker& waker) {
    while (rows->num_rows() > 0) {
      ARROW_ASSIGN_OR_RAISE(OpenPart * part, PartOf(folder, waker));
      part->used = ++clock_;
      const int64_t take = roll_.Take(rows->num_rows(), part->rows);
      ARROW_RETURN_NOT_OK(
          part->writer->Write(take == rows->num_rows() ? rows : rows->Slice(0, take)));
      part->rows += take;
      rows = rows->Slice(take);
      if (roll_.IsFull(part->rows, part->part->file(), *part->writer)) {
        ARROW_RETURN_NOT_OK(CloseOne(folder));
      }
    }
    return Status::OK();
  }

  Status CloseDue() {
    if (options_.roll.nanos <= 0) return Status::OK();
    std::vector<std::string> due;
    for (const auto& [folder, open] : open_) {
      if (roll_.IsDue(open.end)) due.push_back(folder);
    }
    for (const std::string& folder : due) ARROW_RETURN_NOT_OK(CloseOne(folder));
    return Status::OK();
  }

  Result<OpenPart*> PartOf(const std::string& folder, const Waker& waker) {
    if (auto found = open_.find(folder); found != open_.end()) return &found->second;
    if (static_cast<int64_t>(open_.size()) >= options_.max_open_files) {
      auto oldest = open_.begin();
      for (auto at = open_.begin(); at != open_.end(); ++at) {
        if (at->second.used < oldest->second.used) oldest = at;
      }
      ARROW_RETURN_NOT_OK(CloseOne(std::string(oldest->first)));
    }
    OpenPart part;
    part.end = roll_.Begin(waker);
    ARROW_ASSIGN_OR_RAISE(part.part,
                          options_.place->Begin(writer_, epoch_, ordinal_++, folder));
    auto& kept = open_[folder] = std::move(part);
    ARROW_ASSIGN_OR_RAISE(kept.writer,
                          options_.format->OpenWriter(
                              kept.part->file(), options_.format_options,
                              options_.partitions->file_schema(), /*appending=*/false,
                              {memory_->pool(), data::BadRowPolicy::kFail}));
    return &kept;
  }

  Status CloseOne(const std::string& folder) {
    auto found = open_.find(folder);
    ARROW_RETURN_NOT_OK(roll_.Finish(found->second.part->file(), *found->second.writer));
    OpenPart open = std::move(found->second);
    open_.erase(found);
    open.writer.reset();
    bytes_ += open.part->file().position();
    closed_.push_back(open.part);
    finishing_.push_back(open.part->Finish());
    return Status::OK();
  }

  Status CloseAll(bool last) {
    ARROW_RETURN_NOT_OK(failpoint::Reach("files.prepare"));
    if (last && options_.always_a_file && !options_.place->began) {
      ARROW_RETURN_NOT_OK(PartOf("", Waker()).status());
    }
    while (!open_.empty()) {
      ARROW_RETURN_NOT_OK(CloseOne(std::string(open_.begin()->first)));
    }
    return Status::OK();
  }

  const PartOptions options_;
  const WriterId writer_;
  const std::shared_ptr<MemoryBudget> memory_;
  Executor* const executor_;
  Roll roll_;
  std::unordered_map<std::string, OpenPart> open_;  // by folder
  PartPlace::Parts closed_;                         // of this epoch
  std::vector<Future<>> finishing_;                 // closed_
  int64_t epoch_;                                   // that the next part is named for
  int64_t ordinal_ = 0;
  int64_t clock_ = 0;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  Status failed_;  // of a Prepare
};

}  // namespace

PartOptions PartOptionsOf(const Parsed& options,
                          std::shared_ptr<const Partitions> partitions, WriterId writer) {
  PartOptions out;
  out.format = options.format;
  out.format_options = options.format_options;
  out.roll = RollOptionsOf(options.own);
  out.max_open_files = std::max<int64_t>(options.own.GetInt("max_open_files"), 1);
  // One writer stands for the sink as a whole.
  out.always_a_file = writer.value == 0 && partitions->empty();
  out.partitions = std::move(partitions);
  return out;
}

std::unique_ptr<connector::SinkWriter> MakePartWriter(
    PartOptions options, WriterId writer, const connector::Surroundings& surroundings) {
  return std::make_unique<PartWriter>(std::move(options), writer, surroundings);
}

}  // namespace millrace::files
