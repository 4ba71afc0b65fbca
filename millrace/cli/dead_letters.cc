// `millrace dead-letters list|show|replay FILE`: rows that were set aside, and how they
// come back.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type.h>

#include "millrace/base/error.h"
#include "millrace/cli/commands.h"
#include "millrace/cli/errors.h"
#include "millrace/cli/run_job.h"
#include "millrace/cli/script.h"
#include "millrace/data/type_name.h"
#include "millrace/engine/catalog.h"
#include "millrace/engine/dead_letter_file.h"
#include "millrace/engine/dead_letter_record.h"
#include "millrace/engine/errors.h"
#include "millrace/engine/session.h"
#include "millrace/io/path.h"

namespace millrace::cli {

namespace {

using engine::DeadLetterRecord;

struct Letters {
  std::string file;
  int64_t number = 0;
  std::string destination, mode, columns, select, remaining;
  std::vector<std::string> from, to;
};

std::string OneLine(std::string text, size_t most) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  if (text.size() <= most) return text;
  text.resize(most);
  // Not through the middle of a character.
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80)
    text.pop_back();
  if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0) text.pop_back();
  return text + "…";
}

Status List(const Letters& letters, const Program& program) {
  ARROW_ASSIGN_OR_RAISE(auto engine, program.MakeEngine());
  ARROW_ASSIGN_OR_RAISE(const auto records,
                        engine::ReadDeadLetters(engine->files(), letters.file));
  size_t place = 5;
  for (const DeadLetterRecord& record : records) {
    place = std::max(place, record.where.ToString().size());
  }
  int64_t number = 0;
  std::string out =
      fmt::format("{:>5}  {:<8}{:<{}}  {}\n", "#", "code", "where", place, "raw");
  for (const DeadLetterRecord& record : records) {
    out += fmt::format("{:>5}  {:<8}{:<{}}  {}\n", ++number, record.code,
                       record.where.ToString(), place, OneLine(record.raw, 60));
  }
  std::fwrite(out.data(), 1, out.size(), stdout);
  return Status::OK();
}

Status Show(const Letters& letters, const Program& program) {
  ARROW_ASSIGN_OR_RAISE(auto engine, program.MakeEngine());
  ARROW_ASSIGN_OR_RAISE(const auto records,
                        engine::ReadDeadLetters(engine->files(), letters.file));
  if (letters.number < 1 || letters.number > static_cast<int64_t>(records.size())) {
    return errors::kBadArgument.Make({}, "{} holds {} dead letters, there is no {}",
                                     letters.file, records.size(), letters.number);
  }
  const DeadLetterRecord& record = records[static_cast<size_t>(letters.number) - 1];
  const std::string out = fmt::format(
      "reason    {}\nsource    {}{}\nsplit     {}\nposition  {}\ntime      "
      "{}\npipeline  {}\nattempt   {}\n{}raw:\n{}{}",
      record.reason, record.source,
      record.connector.empty() ? "" : " (" + record.connector + ")", record.split,
      record.position, record.time, record.pipeline, record.attempt,
      record.cut ? "only the beginning was kept\n" : "", record.raw,
      record.raw.ends_with('\n') ? "" : "\n");
  std::fwrite(out.data(), 1, out.size(), stdout);
  return Status::OK();
}

// Files that exist for the length of a replay.
class Leftovers {
 public:
  explicit Leftovers(io::FileSystem* files) : files_(files) {}
  ~Leftovers() {
    for (const std::string& path : paths_) {
      if (files_->Exists(path)) (void)files_->Remove(path);
    }
  }
  const std::string& Add(std::string path) { return paths_.emplace_back(path); }

 private:
  io::FileSystem* const files_;
  std::vector<std::string> paths_;
};

// The raw records one after another, and where each begins.
struct Records {
  std::string text;
  std::vector<int64_t> begins;
  std::vector<const DeadLetterRecord*> letters;
};

Records Join(const std::vector<DeadLetterRecord>& all) {
  Records out;
  for (const DeadLetterRecord& letter : all) {
    // What is missing can't be read again.
    if (letter.cut) continue;
    std::string_view raw = letter.raw;
    while (raw.ends_with('\n') || raw.ends_with('\r')) raw.remove_suffix(1);
    out.begins.push_back(static_cast<int64_t>(out.text.size()));
    out.letters.push_back(&letter);
    out.text += raw;
    out.text += '\n';
  }
  return out;
}

Status WriteAll(io::FileSystem& files, const std::string& path, const std::string& text) {
  ARROW_ASSIGN_OR_RAISE(auto file, files.OpenWrite(path));
  ARROW_RETURN_NOT_OK(file->Write(text.data(), static_cast<int64_t>(text.size())));
  return file->Close();
}

// The columns in which the records stand: as the user names them, else as the file has
// them that the letters come from.
Result<std::string> Columns(const Letters& letters, engine::Session& session,
                            const std::vector<DeadLetterRecord>& records,
                            const connector::Options& from) {
  if (!letters.columns.empty()) return letters.columns;
  const std::string& file = records.front().where.file;
  for (const DeadLetterRecord& record : records) {
    if (io::DirectoryOf(record.where.file) != io::DirectoryOf(file)) {
      return errors::kCannotReplay.Make(
          {.file = letters.file}, "they come from {} and {}", file, record.where.file);
    }
  }
  auto table = session.catalog().ReadableTable(file, from);
  if (!table.ok()) {
    return errors::kCannotReplay.Make(
        {.file = letters.file}, "the columns of {} are not known any more: {}",
        file.empty() ? "their source" : file, ErrorText(table.status()));
  }
  std::string out;
  for (const auto& field : (*table)->schema->fields()) {
    std::string name;
    for (const char c : field->name()) name += c == '"' ? "\"\"" : std::string(1, c);
    out += fmt::format("{}\"{}\" {}", out.empty() ? "" : ", ", name,
                       data::SqlTypeName(*field->type()));
  }
  return out;
}

std::string SqlText(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

std::string With(const connector::Options& options) {
  std::string out = "WITH (connector = 'files'";
  for (const auto& [name, value] : options) out += ", " + name + " = " + SqlText(value);
  return out + ")";
}

// Runs the job of a replay with its summary, as copy does.
class ReplayListener final : public engine::SessionListener {
 public:
  explicit ReplayListener(Terminal* terminal) : terminal_(terminal) {}
  Result<engine::JobSummary> Run(engine::Job& job, bool) override {
    ARROW_ASSIGN_OR_RAISE(auto summary, RunJob(job, *terminal_, "replayed"));
    failed_ = summary.dead_letters;
    return summary;
  }
  int64_t failed() const { return failed_; }
  Status OnSchema(const std::shared_ptr<arrow::Schema>&) override { return Status::OK(); }
  Status OnRows(const std::shared_ptr<arrow::RecordBatch>&) override {
    return Status::OK();
  }
  Status OnEnd() override { return Status::OK(); }
  void OnMessage(const std::string&) override {}
  Status OnPlan(const std::string&) override { return Status::OK(); }

 private:
  Terminal* const terminal_;
  int64_t failed_ = 0;
};

// What failed again under its own name and place, and what was not tried.
std::vector<DeadLetterRecord> Remaining(const std::vector<DeadLetterRecord>& failed,
                                        const std::vector<DeadLetterRecord>& all,
                                        const Records& records) {
  std::vector<DeadLetterRecord> out;
  for (const DeadLetterRecord& letter : all) {
    if (letter.cut) out.push_back(letter);
  }
  for (const DeadLetterRecord& record : failed) {
    const auto after = std::upper_bound(records.begins.begin(), records.begins.end(),
                                        std::max<int64_t>(record.where.byte, 0));
    const auto index = static_cast<size_t>(after - records.begins.begin()) - 1;
    DeadLetterRecord letter = *records.letters[index];
    letter.attempt += 1;
    letter.code = record.code;
    letter.where.column = record.where.column;
    letter.reason = record.reason;
    // The place in a file that is gone says nothing.
    const std::string place = record.where.ToString();
    if (const size_t at = letter.reason.find(place); at != std::string::npos) {
      letter.reason.replace(at, place.size(), letter.where.ToString());
    }
    letter.time = record.time;
    out.push_back(std::move(letter));
  }
  return out;
}

Status Replay(const Letters& letters, const Program& program, Terminal& terminal) {
  ARROW_ASSIGN_OR_RAISE(auto engine, program.MakeEngine());
  io::FileSystem& files = engine->files();
  ARROW_ASSIGN_OR_RAISE(const auto all, engine::ReadDeadLetters(files, letters.file));
  if (all.empty()) {
    terminal.Note("there is nothing to replay");
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(connector::Options from, Pairs(letters.from, "option=value"));
  ARROW_ASSIGN_OR_RAISE(connector::Options to, Pairs(letters.to, "option=value"));

  Leftovers leftovers(&files);
  const std::string again =
      letters.remaining.empty() ? letters.file + ".remaining.ndjson" : letters.remaining;
  if (again == letters.file) {
    return errors::kBadArgument.Make({}, "--remaining names the file that is replayed");
  }
  engine::JobOptions options;
  options.name = "replay";
  options.dead_letters = again;
  engine::Session session(engine.get(), options);
  ARROW_ASSIGN_OR_RAISE(const std::string columns, Columns(letters, session, all, from));

  // Under the extension of the file that they come from, so that the format is known.
  const std::string origin = io::NameOf(all.front().where.file);
  const size_t dot = origin.rfind('.');
  const std::string raw_path =
      leftovers.Add(letters.file + ".replay.tmp" +
                    (dot == std::string::npos ? "" : origin.substr(dot)));
  const Records records = Join(all);
  ARROW_RETURN_NOT_OK(WriteAll(files, raw_path, records.text));

  const bool text_of_json = from.contains("format") ? from["format"] != "csv"
                                                    : !raw_path.ends_with(".csv") &&
                                                          !raw_path.ends_with(".tsv");
  from["path"] = raw_path;
  from["on_error"] = "dead_letter";
  if (!text_of_json) {
    from["header"] = "false";
    from.erase("skip_rows");
    from.try_emplace("on_ragged", "dead_letter");
  }
  to["path"] = letters.destination;
  to["mode"] = letters.mode;
  const std::string script =
      "CREATE SOURCE source (" + columns + ") " + With(from) +
      "; CREATE SINK replay_target " + With(to) + "; INSERT INTO replay_target " +
      (letters.select.empty() ? "SELECT * FROM source" : letters.select);
  ReplayListener listener(&terminal);
  ARROW_RETURN_NOT_OK(session.Execute(script, "replay", listener));
  if (listener.failed() == 0 && records.letters.size() == all.size()) {
    return Status::OK();
  }

  std::vector<DeadLetterRecord> failed;
  if (listener.failed() > 0) {
    ARROW_ASSIGN_OR_RAISE(failed, engine::ReadDeadLetters(files, again));
  }
  const auto remaining = Remaining(failed, all, records);
  std::string text;
  for (const DeadLetterRecord& letter : remaining) text += engine::DeadLetterLine(letter);
  const std::string& temporary = leftovers.Add(again + ".tmp");
  ARROW_RETURN_NOT_OK(WriteAll(files, temporary, text));
  ARROW_RETURN_NOT_OK(files.Rename(temporary, again));
  terminal.Note(fmt::format("{} of {} dead letters remain, in {}", remaining.size(),
                            all.size(), again));
  return Status::OK();
}

using Verb = Status (*)(const Letters&, const Program&, Terminal&);

CLI::App* AddVerb(CLI::App* parent, Program& program,
                  const std::shared_ptr<Letters>& letters, const char* name,
                  const char* doc, Verb verb) {
  CLI::App* command = parent->add_subcommand(name, doc);
  command->add_option("file", letters->file, "File of dead letters")->required();
  command->callback([letters, verb, &program] {
    program.run = [letters, verb, &program] {
      Terminal terminal(program.talk);
      const Status status = verb(*letters, program, terminal);
      if (!status.ok()) terminal.Error(status);
      return ExitCodeOf(status);
    };
  });
  return command;
}

}  // namespace

void AddDeadLetters(CLI::App& app, Program& program) {
  auto letters = std::make_shared<Letters>();
  CLI::App* parent = app.add_subcommand(
      "dead-letters", "Look at rows that were set aside, and replay them");
  parent->require_subcommand(1);
  parent->footer(
      "Examples:\n"
      "  millrace dead-letters list orders.parquet.dead-letters.ndjson\n"
      "  millrace dead-letters show orders.parquet.dead-letters.ndjson 3\n"
      "  millrace dead-letters replay orders.csv.dead-letters.ndjson --to orders.csv \\\n"
      "      --from null=n/a");
  AddVerb(parent, program, letters, "list", "One line for each",
          [](const Letters& l, const Program& p, Terminal&) { return List(l, p); });
  CLI::App* show =
      AddVerb(parent, program, letters, "show", "All that is known of one",
              [](const Letters& l, const Program& p, Terminal&) { return Show(l, p); });
  show->add_option("number", letters->number, "Its number in the list")->required();
  CLI::App* replay = AddVerb(parent, program, letters, "replay",
                             "Read the raw records again and write their rows", Replay);
  replay->add_option("--to", letters->destination, "File, folder/ or - for stdout")
      ->required();
  letters->mode = "append";
  replay->add_option("--mode", letters->mode,
                     "error, append (when absent) or overwrite, when the destination "
                     "exists");
  replay->add_option("--columns", letters->columns,
                     "Columns of the records, as 'id BIGINT, name VARCHAR'; those of the "
                     "file they come from when absent");
  replay->add_option("--select", letters->select,
                     "A SELECT over the table 'source', whose rows are written instead");
  replay
      ->add_option("--from", letters->from,
                   "Option for reading the records, as option=value; repeatable")
      ->allow_extra_args(false);
  replay
      ->add_option("--with", letters->to,
                   "Option of the destination, as option=value; repeatable")
      ->allow_extra_args(false);
  replay->add_option("--remaining", letters->remaining,
                     "File for what fails again; FILE.remaining.ndjson when absent");
}

}  // namespace millrace::cli
