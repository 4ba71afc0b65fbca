#include "millrace/engine/dead_letter_replay.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <set>

#include <arrow/type.h>

#include "millrace/base/error.h"
#include "millrace/engine/dead_letter_file.h"
#include "millrace/engine/errors.h"
#include "millrace/engine/replay_records.h"
#include "millrace/io/path.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/write_node.h"

namespace millrace::engine {

namespace {

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

void ForEachScan(const plan::NodePtr& node,
                 const std::function<void(const plan::ScanNode&)>& visit) {
  if (const auto* scan = plan::As<plan::ScanNode>(node)) visit(*scan);
  for (const plan::NodePtr& input : node->inputs()) ForEachScan(input, visit);
}

plan::NodePtr WithTable(const plan::NodePtr& node, const plan::Table* old,
                        const plan::TablePtr& table) {
  if (const auto* scan = plan::As<plan::ScanNode>(node)) {
    if (scan->table().get() != old) return node;
    return plan::ScanNode::Make(table, scan->columns(), scan->predicate(), scan->limit());
  }
  std::vector<plan::NodePtr> inputs;
  for (const plan::NodePtr& input : node->inputs())
    inputs.push_back(WithTable(input, old, table));
  return node->WithInputs(std::move(inputs));
}

size_t CountScans(const plan::NodePtr& node, const plan::Table* table) {
  size_t out = 0;
  ForEachScan(node,
              [&](const plan::ScanNode& scan) { out += scan.table().get() == table; });
  return out;
}

// One run over a replay: what its functions share.
class Replay {
 public:
  Replay(Engine* engine, Session* session, const ReplayRequest& request)
      : engine_(engine),
        session_(session),
        request_(request),
        files_(engine->files()),
        records_(&files_, request.file + ".replay.tmp") {}

  Result<ReplayOutcome> Run(const std::vector<plan::NodePtr>& writes,
                            SessionListener& listener) {
    if (!files_.Exists(request_.file)) return files_.Stat(request_.file).status();
    ARROW_ASSIGN_OR_RAISE(const auto lock, LockDeadLetters(files_, request_.file));
    ARROW_ASSIGN_OR_RAISE(letters_, ReadDeadLetters(files_, request_.file));
    ReplayOutcome outcome;
    outcome.letters = static_cast<int64_t>(letters_.size());
    outcome.place = request_.remaining.empty() ? request_.file : request_.remaining;
    if (letters_.empty()) return outcome;
    ARROW_ASSIGN_OR_RAISE(const plan::NodePtr chosen, ChooseWrite(writes));
    ARROW_RETURN_NOT_OK(ChooseTable(chosen));
    ARROW_RETURN_NOT_OK(CheckAlone(chosen));
    ChooseLetters(chosen);
    if (!tried_.empty()) {
      ARROW_RETURN_NOT_OK(RunJob(chosen, listener));
    }
    outcome.tried = static_cast<int64_t>(tried_.size());
    const std::vector<DeadLetterRecord> left = Left();
    outcome.remaining = static_cast<int64_t>(left.size());
    if (request_.remaining.empty() || !left.empty()) {
      ARROW_RETURN_NOT_OK(ReplaceDeadLetters(files_, outcome.place, left));
    }
    return outcome;
  }

 private:
  template <typename... Args>
  Status Refuse(fmt::format_string<Args...> text, Args&&... args) const {
    return errors::kCannotReplay.Make({.file = request_.file}, text,
                                      std::forward<Args>(args)...);
  }

  Result<plan::NodePtr> ChooseWrite(const std::vector<plan::NodePtr>& writes) const {
    std::vector<plan::NodePtr> fitting;
    std::vector<std::string> targets;
    for (const plan::NodePtr& root : writes) {
      const auto* write = plan::As<plan::WriteNode>(root);
      if (write == nullptr) continue;
      targets.push_back(write->table()->name);
      if (request_.target.empty() || SameName(request_.target, write->table()->name))
        fitting.push_back(root);
    }
    if (fitting.size() == 1) return fitting[0];
    if (targets.empty()) return Refuse("the pipeline writes nothing");
    return Refuse("the pipeline writes to {}; say which with --into",
                  fmt::join(targets, ", "));
  }

  Status ChooseTable(const plan::NodePtr& root) {
    std::vector<plan::TablePtr> tables;
    ForEachScan(root, [&](const plan::ScanNode& scan) {
      if (std::find(tables.begin(), tables.end(), scan.table()) == tables.end())
        tables.push_back(scan.table());
    });
    std::vector<plan::TablePtr> named;
    std::vector<std::string> names;
    for (const plan::TablePtr& table : tables) {
      names.push_back(table->name);
      const bool wanted = request_.source.empty()
                              ? std::any_of(letters_.begin(), letters_.end(),
                                            [&](const auto& l) {
                                              return SameName(l.source, table->name);
                                            })
                              : SameName(request_.source, table->name);
      if (wanted) named.push_back(table);
    }
    const bool nameless = std::all_of(letters_.begin(), letters_.end(),
                                      [](const auto& l) { return l.source.empty(); });
    if (named.empty() && request_.source.empty() && nameless) named = tables;
    if (named.size() != 1) {
      return Refuse("{} table{} it; the pipeline reads {}: say which with --source",
                    named.size(), named.size() == 1 ? " fits" : "s fit",
                    fmt::join(names, ", "));
    }
    table_ = named[0];
    return Status::OK();
  }

  // Would the rows give the same results on their own as among the others?
  Status CheckAlone(const plan::NodePtr& root) const {
    if (CountScans(root, table_.get()) != 1)
      return Refuse("the query reads '{}' more than once", table_->name);
    Status status;
    std::function<void(const plan::NodePtr&)> look = [&](const plan::NodePtr& node) {
      static const std::set<std::string_view> fine = {"write", "project", "filter",
                                                      "sort", "scan"};
      if (!status.ok() || CountScans(node, table_.get()) == 0) return;
      const auto* join = plan::As<plan::JoinNode>(node);
      const bool kept_side =
          join != nullptr && CountScans(join->inputs()[0], table_.get()) == 1;
      const bool inner = join != nullptr && join->type() == plan::JoinType::kInner;
      const bool of_each = kept_side && join->type() != plan::JoinType::kRight &&
                           join->type() != plan::JoinType::kFull;
      if (!fine.contains(node->kind()) && !inner && !of_each) {
        status =
            Refuse("the query has a step ({}) that needs the other rows of '{}', too",
                   node->kind(), table_->name);
      }
      for (const plan::NodePtr& input : node->inputs()) look(input);
    };
    look(root);
    return status;
  }

  // Of the table, whole, of one form, and with the names of its fields where it needs
  // them.
  void ChooseLetters(const plan::NodePtr& root) {
    std::set<std::string> others;
    ForEachScan(root, [&](const plan::ScanNode& scan) {
      if (scan.table() != table_) others.insert(scan.table()->name);
    });
    form_ = RecordForm::kFields;
    for (size_t i = 0; i < letters_.size(); ++i) {
      const DeadLetterRecord& letter = letters_[i];
      const bool elsewhere =
          std::any_of(others.begin(), others.end(),
                      [&](const auto& name) { return SameName(name, letter.source); });
      // Under another name only where somebody said that it is the same.
      const bool here = !request_.source.empty() || letter.source.empty() ||
                        SameName(letter.source, table_->name);
      if (letter.cut || elsewhere || !here) continue;
      if (!letter.sink.empty() && !request_.refused_rows) continue;
      const RecordForm form = FormOf(letter);
      if (form == RecordForm::kFields && letter.fields.empty() && !request_.by_place)
        continue;
      if (tried_.empty()) form_ = form;
      if (form == form_) tried_.push_back(i);
    }
  }

  // The table as it is, over the records. A schema of its own, so that nothing is guessed
  // from a few bad rows.
  Result<plan::TablePtr> ReplayTable() {
    auto out = std::make_shared<plan::Table>(*table_);
    connector::Options& options = out->options;
    const std::string origin = letters_[tried_[0]].where.file;
    const bool tabs = origin.ends_with(".tsv") || origin.ends_with(".tsv.gz");
    // Rows of formats without a text of their own were set aside as JSON.
    const std::string format =
        options.contains("format")
            ? options["format"]
            : origin.substr(std::min(origin.size(), origin.rfind('.') + 1));
    if (out->connector != "files" || format == "parquet") options.clear();
    out->connector = "files";
    out->bounded = true;
    for (const char* name : {"mode", "poll_interval", "notify", "split_size"}) {
      options.erase(name);
    }
    options["path"] = records_.folder();
    options["on_error"] = "dead_letter";
    options["format"] = form_ == RecordForm::kNamed ? "json" : "csv";
    LineForm line;
    if (form_ == RecordForm::kFields) {
      options.erase("skip_rows");
      options.erase("comment");
      line.header = !request_.by_place;
      options["header"] = line.header ? "true" : "false";
      if (options["on_ragged"] != "null") options["on_ragged"] = "dead_letter";
      if (tabs) options.try_emplace("delimiter", "tab");
    }
    for (const auto& [name, value] : request_.from) {
      if (name != "path") options[name] = value;
    }
    if (const auto given = options.find("delimiter"); given != options.end()) {
      const bool tab = given->second == "tab" || given->second == "\\t";
      line.delimiter = tab || given->second.empty() ? '\t' : given->second[0];
    }
    if (const auto given = options.find("quote"); given != options.end()) {
      line.quote = given->second.size() == 1 ? given->second[0] : -1;
    }
    for (const size_t index : tried_) records_.Add(letters_[index], index, line);
    ARROW_RETURN_NOT_OK(records_.Write(form_ == RecordForm::kNamed ? ".ndjson" : ".csv"));
    return plan::TablePtr(std::move(out));
  }

  // Rows are added to what the pipeline has written.
  Result<plan::TablePtr> Target(const plan::TablePtr& table) const {
    auto out = std::make_shared<plan::Table>(*table);
    ARROW_ASSIGN_OR_RAISE(const connector::ConnectorSpec* spec,
                          engine_->connectors().Get(table->connector));
    for (const connector::OptionGroup& group : spec->sink_options) {
      const OptionSpec* mode = group.options.Find("mode");
      if (mode == nullptr || out->options["mode"] == "upsert") continue;
      if (std::find(mode->choices.begin(), mode->choices.end(), "append") !=
          mode->choices.end())
        out->options["mode"] = "append";
    }
    for (const auto& [name, value] : request_.to) out->options[name] = value;
    return plan::TablePtr(std::move(out));
  }

  Status RunJob(const plan::NodePtr& root, SessionListener& listener) {
    const auto* write = plan::As<plan::WriteNode>(root);
    ARROW_ASSIGN_OR_RAISE(const plan::TablePtr table, ReplayTable());
    ARROW_ASSIGN_OR_RAISE(const plan::TablePtr target, Target(write->table()));
    const plan::NodePtr plan =
        write->WithTable(WithTable(write->inputs()[0], table_.get(), table), target);
    if (!plan->bounded()) return Refuse("the query reads another table that has no end");
    JobOptions options = session_->options();
    options.checkpoints = WhenCheckpoints::kOff;
    options.guarantee = Guarantee::kAny;
    options.max_dead_letters = DeadLetterLimit();
    options.continues_dead_letters = false;
    options.since_nanos = engine_->clock().MonotonicNanos();
    // Known by its name: what a replay leaves that is killed, the next one replaces.
    const std::string again = request_.file + ".replay.ndjson";
    options.dead_letters = again;
    ARROW_ASSIGN_OR_RAISE(auto job,
                          Job::Make(engine_, &session_->catalog(), plan, options));
    const auto summary = listener.Run(*job, true);
    job.reset();
    Status read;
    if (summary.ok() && summary->dead_letters > 0)
      read = ReadDeadLetters(files_, again).Value(&failed_);
    if (files_.Exists(again)) (void)files_.Remove(again);
    ARROW_RETURN_NOT_OK(summary.status());
    return read;
  }

  // What was not tried, and what failed again under its own name and place.
  std::vector<DeadLetterRecord> Left() const {
    std::vector<DeadLetterRecord> out;
    std::map<size_t, const DeadLetterRecord*> again;
    std::vector<const DeadLetterRecord*> others;
    for (const DeadLetterRecord& failed : failed_) {
      const int64_t index = records_.LetterAt(failed.where);
      // One record may be read as two and fail twice.
      if (index >= 0) {
        again.emplace(static_cast<size_t>(index), &failed);
      } else {
        others.push_back(&failed);
      }
    }
    const std::set<size_t> tried(tried_.begin(), tried_.end());
    for (size_t i = 0; i < letters_.size(); ++i) {
      const auto found = again.find(i);
      if (found == again.end()) {
        if (!tried.contains(i)) out.push_back(letters_[i]);
        continue;
      }
      const DeadLetterRecord& failed = *found->second;
      DeadLetterRecord letter = letters_[i];
      letter.attempt += 1;
      letter.code = failed.code;
      letter.time = failed.time;
      letter.where.column = failed.where.column;
      letter.reason = failed.reason;
      // The place in a file that is gone says nothing.
      const std::string place = failed.where.ToString();
      if (const size_t at = letter.reason.find(place); at != std::string::npos) {
        letter.reason.replace(at, place.size(), letter.where.ToString());
      }
      out.push_back(std::move(letter));
    }
    // Rows that were refused behind the source: what they came from was read.
    for (const DeadLetterRecord* letter : others) out.push_back(*letter);
    return out;
  }

  Engine* const engine_;
  Session* const session_;
  const ReplayRequest& request_;
  io::FileSystem& files_;
  ReplayRecords records_;
  std::vector<DeadLetterRecord> letters_, failed_;
  std::vector<size_t> tried_;
  RecordForm form_ = RecordForm::kFields;
  plan::TablePtr table_;
};

}  // namespace

Result<ReplayOutcome> ReplayDeadLetters(Engine* engine, Session* session,
                                        const std::vector<plan::NodePtr>& writes,
                                        const ReplayRequest& request,
                                        SessionListener& listener) {
  return Replay(engine, session, request).Run(writes, listener);
}

Result<int64_t> DropDeadLetters(io::FileSystem& files, const std::string& file,
                                const std::vector<int64_t>& numbers, bool all) {
  if (!files.Exists(file)) return files.Stat(file).status();
  ARROW_ASSIGN_OR_RAISE(const auto lock, LockDeadLetters(files, file));
  ARROW_ASSIGN_OR_RAISE(const auto letters, ReadDeadLetters(files, file));
  const auto count = static_cast<int64_t>(letters.size());
  for (const int64_t number : numbers) {
    if (number < 1 || number > count) {
      return errors::kNoSuchLetter.Make({.file = file}, "it holds {}, there is no {}",
                                        count, number);
    }
  }
  std::vector<DeadLetterRecord> left;
  for (int64_t i = 0; i < count && !all; ++i) {
    if (std::find(numbers.begin(), numbers.end(), i + 1) == numbers.end())
      left.push_back(letters[static_cast<size_t>(i)]);
  }
  ARROW_RETURN_NOT_OK(ReplaceDeadLetters(files, file, left));
  return count - static_cast<int64_t>(left.size());
}

}  // namespace millrace::engine
