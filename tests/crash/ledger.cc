#include "tests/crash/ledger.h"

#include <unistd.h>

#include <charconv>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <arrow/array.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>

#include "millrace/base/failpoint.h"

namespace millrace::crash {

namespace {

using connector::CommitClass;
using connector::CommitToken;
using connector::WriteState;

Status AppendLines(const arrow::RecordBatch& rows, std::string* out) {
  for (int64_t i = 0; i < rows.num_rows(); ++i) {
    for (int column = 0; column < rows.num_columns(); ++column) {
      ARROW_ASSIGN_OR_RAISE(auto value, rows.column(column)->GetScalar(i));
      if (value->type->id() == arrow::Type::DICTIONARY) {
        ARROW_ASSIGN_OR_RAISE(
            value, static_cast<const arrow::DictionaryScalar&>(*value).GetEncodedValue());
      }
      *out += (column > 0 ? "|" : "") + value->ToString();
    }
    *out += '\n';
  }
  return Status::OK();
}

// The folder that all classes share.
class Folder {
 public:
  Folder(std::shared_ptr<io::FileSystem> files, std::string path)
      : files_(std::move(files)), path_(std::move(path)) {}

  Status WriteDurably(const std::string& name, const std::string& text) {
    ARROW_ASSIGN_OR_RAISE(auto file, files_->OpenWrite(Path(name)));
    ARROW_RETURN_NOT_OK(file->Write(text.data(), static_cast<int64_t>(text.size())));
    ARROW_RETURN_NOT_OK(file->Sync());
    ARROW_RETURN_NOT_OK(file->Close());
    return files_->SyncDirectory(path_);
  }
  // Repeatable: a name that is gone was renamed before.
  Status Publish(const std::string& from, const std::string& to) {
    if (!Exists(from)) {
      return Exists(to) ? Status::OK()
                        : Status::Invalid("neither ", from, " nor ", to, " is there");
    }
    ARROW_RETURN_NOT_OK(files_->Rename(Path(from), Path(to)));
    return files_->SyncDirectory(path_);
  }
  Result<std::string> Read(const std::string& name) {
    ARROW_ASSIGN_OR_RAISE(auto file, files_->OpenRead(Path(name)));
    ARROW_ASSIGN_OR_RAISE(int64_t size, file->GetSize());
    std::string out(static_cast<size_t>(size), '\0');
    ARROW_RETURN_NOT_OK(file->ReadAt(0, size, out.data()).status());
    return out;
  }
  Result<std::vector<std::string>> Names(const std::string& prefix) {
    ARROW_ASSIGN_OR_RAISE(auto listed, files_->List(path_));
    std::vector<std::string> out;
    for (const io::FileInfo& file : listed) {
      const std::string name = file.path.substr(file.path.find_last_of('/') + 1);
      if (name.starts_with(prefix)) out.push_back(name);
    }
    return out;
  }
  bool Exists(const std::string& name) { return files_->Exists(Path(name)); }
  Status Remove(const std::string& name) { return files_->Remove(Path(name)); }
  Status Make() { return files_->CreateDirectories(path_); }

 private:
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  const std::shared_ptr<io::FileSystem> files_;
  const std::string path_;
};

std::string PieceName(WriterId writer, Epoch epoch, int64_t attempt) {
  return fmt::format("{}-{}-{}", epoch.value, writer.value, attempt);
}

// The rows of an epoch in memory, until Prepare.
class Ledger;
class LedgerWriter final : public connector::SinkWriter {
 public:
  LedgerWriter(Ledger* ledger, WriterId writer) : ledger_(ledger), writer_(writer) {}
  Result<WriteState> Write(const data::Batch& batch, const Waker& waker) override;
  Future<CommitToken> Prepare(Epoch epoch, bool last) override;

 private:
  // Is it time to be slow?
  bool Stall(const Waker& waker);
  Ledger* const ledger_;
  const WriterId writer_;
  std::string lines_;
  int64_t rows_ = 0;
  int64_t written_ = 0;  // class none: pieces
  Epoch waits_for_{0};   // class atomic: the transaction that must end first
  int64_t offers_ = 0;
};

class Ledger final : public connector::Sink, public connector::Committer {
 public:
  Ledger(CommitClass commit_class, std::string path, int64_t stall_every,
         const connector::Surroundings& surroundings)
      : class_(commit_class),
        folder_(std::make_shared<Folder>(surroundings.files, std::move(path))),
        attempt_(surroundings.attempt),
        stall_every_(stall_every),
        executor_(surroundings.executor) {}

  Status Preflight(connector::Report&) override { return Status::OK(); }
  Status EnsureTable(const std::shared_ptr<arrow::Schema>&,
                     const std::vector<std::string>&) override {
    return folder_->Make();
  }
  Status Apply(const connector::SchemaChange&) override { return Status::OK(); }
  connector::Accepts accepts() const override { return {}; }
  CommitClass commit_class() const override { return class_; }
  int max_writers() const override { return 64; }
  Result<std::unique_ptr<connector::SinkWriter>> Open(WriterId writer) override {
    return std::make_unique<LedgerWriter>(this, writer);
  }
  connector::Committer& committer() override { return *this; }

  Future<> Commit(Epoch epoch, std::vector<CommitToken> tokens) override {
    return Future<>::MakeFinished(CommitNow(epoch, tokens));
  }

  // The names of an atomic ledger's transactions are its memory of epochs.
  Result<Epoch> FenceAndReadEpoch() override {
    if (class_ != CommitClass::kAtomic) return Epoch{0};
    ARROW_RETURN_NOT_OK(folder_->Make());
    ARROW_ASSIGN_OR_RAISE(auto names, folder_->Names("rows-"));
    Epoch newest{0};
    for (const std::string& name : names) {
      int64_t epoch = 0;
      std::from_chars(name.data() + 5, name.data() + name.size(), epoch);
      newest.value = std::max(newest.value, epoch);
    }
    return newest;
  }

  Result<connector::RecoveryOutcome> Recover(Epoch last,
                                             std::vector<CommitToken> tokens) override {
    connector::RecoveryOutcome out;
    if (class_ != CommitClass::kAtomic) ARROW_RETURN_NOT_OK(CommitNow(last, tokens));
    out.committed = static_cast<int64_t>(tokens.size());
    for (const char* prefix : {"staged-", "spool-", "new-"}) {
      ARROW_ASSIGN_OR_RAISE(auto names, folder_->Names(prefix));
      for (const std::string& name : names) {
        ARROW_RETURN_NOT_OK(folder_->Remove(name));
        ++out.aborted;
      }
    }
    return out;
  }

  Status CommitNow(Epoch epoch, const std::vector<CommitToken>& tokens) {
    switch (class_) {
      case CommitClass::kTwoPhase:
        for (const CommitToken& token : tokens) {
          ARROW_RETURN_NOT_OK(
              folder_->Publish("staged-" + token.bytes, "rows-" + token.bytes));
        }
        return Status::OK();
      case CommitClass::kAtomic: return CommitTransaction(epoch, tokens);
      case CommitClass::kIdempotent:
        for (const CommitToken& token : tokens) ARROW_RETURN_NOT_OK(Load(token.bytes));
        return Status::OK();
      case CommitClass::kNone: return Status::OK();
    }
    return Status::OK();
  }

  const std::shared_ptr<Folder>& folder() { return folder_; }
  int64_t attempt() const { return attempt_; }
  int64_t stall_every() const { return stall_every_; }
  Executor& executor() { return *executor_; }

  // Class atomic: one transaction for all writers.
  void Join(const std::string& piece, std::string lines) {
    std::lock_guard lock(mutex_);
    transaction_[piece] = std::move(lines);
  }
  bool IsCommitted(Epoch epoch, const Waker& waker) {
    std::lock_guard lock(mutex_);
    if (epoch <= committed_) return true;
    waiting_.push_back(waker);
    return false;
  }

 private:
  Status CommitTransaction(Epoch epoch, const std::vector<CommitToken>& tokens) {
    std::string lines;
    {
      std::lock_guard lock(mutex_);
      // A writer may be ahead of this epoch: only what was decided belongs to it.
      for (const CommitToken& token : tokens) lines += transaction_[token.bytes];
    }
    const std::string name = std::to_string(epoch.value);
    // The rename is what makes it happen, epoch and all.
    ARROW_RETURN_NOT_OK(folder_->WriteDurably("new-" + name, lines));
    ARROW_RETURN_NOT_OK(failpoint::Reach("ledger.transaction"));
    ARROW_RETURN_NOT_OK(folder_->Publish("new-" + name, "rows-" + name));
    std::vector<Waker> waiting;
    {
      std::lock_guard lock(mutex_);
      committed_ = epoch;
      // Not before it has happened: a commit that failed is tried again.
      for (const CommitToken& token : tokens) transaction_.erase(token.bytes);
      waiting.swap(waiting_);
    }
    for (const Waker& waker : waiting) waker.Wake();
    return Status::OK();
  }

  // Load a spooled piece under its label, which is loaded once however often it is tried.
  Status Load(const std::string& spool) {
    const std::string label = spool.substr(0, spool.find_last_of('-'));
    if (!folder_->Exists("rows-" + label)) {
      ARROW_ASSIGN_OR_RAISE(std::string lines, folder_->Read("spool-" + spool));
      ARROW_RETURN_NOT_OK(folder_->WriteDurably("new-" + label, lines));
      ARROW_RETURN_NOT_OK(failpoint::Reach("ledger.load"));
      ARROW_RETURN_NOT_OK(folder_->Publish("new-" + label, "rows-" + label));
    }
    return folder_->Exists("spool-" + spool) ? folder_->Remove("spool-" + spool)
                                             : Status::OK();
  }

  const CommitClass class_;
  const std::shared_ptr<Folder> folder_;
  const int64_t attempt_;
  const int64_t stall_every_;
  Executor* const executor_;
  std::mutex mutex_;
  std::map<std::string, std::string> transaction_;  // lines by piece
  Epoch committed_{0};
  std::vector<Waker> waiting_;
};

bool LedgerWriter::Stall(const Waker& waker) {
  if (ledger_->stall_every() == 0 || ++offers_ % ledger_->stall_every() != 0)
    return false;
  ledger_->executor().Submit([waker] { waker.Wake(); });
  return true;
}

Result<WriteState> LedgerWriter::Write(const data::Batch& batch, const Waker& waker) {
  if (Stall(waker)) return WriteState::kBlocked;
  if (waits_for_.value > 0) {
    if (!ledger_->IsCommitted(waits_for_, waker)) return WriteState::kBlocked;
    waits_for_ = Epoch{0};
  }
  ARROW_RETURN_NOT_OK(AppendLines(*batch.rows, &lines_));
  rows_ += batch.num_rows();
  if (ledger_->commit_class() == CommitClass::kNone) {
    ARROW_RETURN_NOT_OK(ledger_->folder()->WriteDurably(
        fmt::format("rows-{}-{}-{}-{}", ::getpid(), ledger_->attempt(), writer_.value,
                    written_++),
        std::exchange(lines_, {})));
  }
  return WriteState::kAccepted;
}

Future<CommitToken> LedgerWriter::Prepare(Epoch epoch, bool) {
  CommitToken token;
  token.rows = std::exchange(rows_, 0);
  token.size = static_cast<int64_t>(lines_.size());
  if (token.rows == 0) {
    return Future<CommitToken>::MakeFinished(token);
  }
  const CommitClass commit_class = ledger_->commit_class();
  std::string lines = std::exchange(lines_, {});
  if (commit_class == CommitClass::kNone) {
    const Status status = failpoint::Reach("ledger.prepare");
    if (!status.ok()) return Future<CommitToken>::MakeFinished(status);
    return Future<CommitToken>::MakeFinished(std::move(token));
  }
  token.bytes = PieceName(writer_, epoch, ledger_->attempt());
  if (commit_class == CommitClass::kAtomic) {
    const Status status = failpoint::Reach("ledger.prepare");
    if (!status.ok()) return Future<CommitToken>::MakeFinished(status);
    ledger_->Join(token.bytes, std::move(lines));
    waits_for_ = epoch;
    return Future<CommitToken>::MakeFinished(std::move(token));
  }
  auto out = Future<CommitToken>::Make();
  auto write = [folder = ledger_->folder(), lines = std::move(lines), out, token,
                name = (commit_class == CommitClass::kTwoPhase ? "staged-" : "spool-") +
                       token.bytes]() mutable {
    Status status = failpoint::Reach("ledger.prepare");
    if (status.ok()) status = folder->WriteDurably(name, lines);
    if (status.ok()) {
      out.MarkFinished(std::move(token));
    } else {
      out.MarkFinished(std::move(status));
    }
  };
  // A slow ledger also prepares at a moment of its own.
  if (ledger_->stall_every() > 0) {
    ledger_->executor().Submit(std::move(write));
  } else {
    write();
  }
  return out;
}

}  // namespace

connector::ConnectorSpec MakeLedgerConnector() {
  connector::ConnectorSpec spec;
  spec.name = "ledger";
  spec.doc = "A folder of lines, for crash tests.";
  spec.guarantee = "That of its commit class.";
  OptionSpec path;
  path.name = "path";
  path.required = true;
  path.doc = "The folder.";
  OptionSpec commit;
  commit.name = "commit";
  commit.type = OptionType::kEnum;
  commit.choices = {"two_phase", "atomic", "idempotent", "none"};
  commit.default_value = "two_phase";
  commit.doc = "The commit class.";
  OptionSpec stall;
  stall.name = "stall_every";
  stall.type = OptionType::kInt;
  stall.default_value = "0";
  stall.doc = "Every so many offers of a writer are refused for a while; 0: none.";
  spec.sink_options = {{"", ConfigSpec({path, commit, stall})}};
  spec.make_sink = [options = spec.sink_options[0].options](
                       const connector::Options& given,
                       const connector::Surroundings& surroundings)
      -> Result<std::unique_ptr<connector::Sink>> {
    ARROW_ASSIGN_OR_RAISE(Config config, options.Parse("ledger", given, nullptr));
    const std::map<std::string, CommitClass> classes = {
        {"two_phase", CommitClass::kTwoPhase},
        {"atomic", CommitClass::kAtomic},
        {"idempotent", CommitClass::kIdempotent},
        {"none", CommitClass::kNone}};
    return std::make_unique<Ledger>(classes.at(config.GetString("commit")),
                                    config.GetString("path"),
                                    config.GetInt("stall_every"), surroundings);
  };
  return spec;
}

}  // namespace millrace::crash
