// `millrace dead-letters list|show|replay|drop FILE`: rows that were set aside, and how
// they come back.
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
#include "millrace/engine/dead_letter_replay.h"
#include "millrace/engine/errors.h"
#include "millrace/engine/replay_records.h"
#include "millrace/engine/session.h"
#include "millrace/io/path.h"

namespace millrace::cli {

namespace {

using engine::DeadLetterRecord;

struct Letters {
  std::string file;
  int64_t number = 0;
  std::string destination, mode, columns, select, remaining;
  std::string pipeline, source, into;
  std::vector<std::string> from, to, variables;
  std::vector<int64_t> numbers;
  bool all = false;
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
    return RunJob(job, *terminal_, "replayed");
  }
  Status OnSchema(const std::shared_ptr<arrow::Schema>&) override { return Status::OK(); }
  Status OnRows(const std::shared_ptr<arrow::RecordBatch>&) override {
    return Status::OK();
  }
  Status OnEnd() override { return Status::OK(); }
  void OnMessage(const std::string&) override {}
  Status OnPlan(const std::string&) override { return Status::OK(); }

 private:
  Terminal* const terminal_;
};

// A script that does what --to asks for.
Result<std::string> ScriptOf(const Letters& letters, engine::Session& session,
                             const std::vector<DeadLetterRecord>& records) {
  ARROW_ASSIGN_OR_RAISE(connector::Options from, Pairs(letters.from, "option=value"));
  ARROW_ASSIGN_OR_RAISE(connector::Options to, Pairs(letters.to, "option=value"));
  ARROW_ASSIGN_OR_RAISE(const std::string columns,
                        Columns(letters, session, records, from));
  from["path"] = letters.file;
  const bool named = engine::FormOf(records.front()) == engine::RecordForm::kNamed;
  from.try_emplace("format", named ? "json" : "csv");
  to["path"] = letters.destination;
  return "CREATE SOURCE source (" + columns + ") " + With(from) +
         "; CREATE SINK replay_target " + With(to) + "; INSERT INTO replay_target " +
         (letters.select.empty() ? "SELECT * FROM source" : letters.select);
}

Status CheckWords(const Letters& letters) {
  if (letters.destination.empty() == letters.pipeline.empty())
    return errors::kBadArgument.Make({}, "one of --to and --pipeline has to be there");
  if (letters.remaining == letters.file)
    return errors::kBadArgument.Make({}, "--remaining names the file that is replayed");
  const bool through = !letters.pipeline.empty();
  if (through && !(letters.columns.empty() && letters.select.empty()))
    return errors::kBadArgument.Make({}, "--columns and --select go with --to");
  if (!through &&
      !(letters.variables.empty() && letters.source.empty() && letters.into.empty()))
    return errors::kBadArgument.Make({}, "--set, --source and --into go with --pipeline");
  return Status::OK();
}

Status Replay(const Letters& letters, const Program& program, Terminal& terminal) {
  ARROW_RETURN_NOT_OK(CheckWords(letters));
  ARROW_ASSIGN_OR_RAISE(auto engine, program.MakeEngine());
  ARROW_ASSIGN_OR_RAISE(const auto records,
                        engine::ReadDeadLetters(engine->files(), letters.file));
  if (records.empty()) {
    terminal.Note("there is nothing to replay");
    return Status::OK();
  }
  engine::JobOptions options;
  options.name.text = "replay";
  engine::Session session(engine.get(), options);
  engine::ReplayRequest request;
  request.file = letters.file;
  request.source = letters.source;
  request.target = letters.into;
  request.remaining = letters.remaining;
  if (!letters.mode.empty()) request.to["mode"] = letters.mode;
  std::string text, name = letters.pipeline;
  if (letters.pipeline.empty()) {
    ARROW_ASSIGN_OR_RAISE(text, ScriptOf(letters, session, records));
    name = "replay";
    request.source = "source";
    request.refused_rows = true;
    request.by_place = !letters.columns.empty() || records.front().fields.empty();
  } else {
    ARROW_ASSIGN_OR_RAISE(text, ScriptText(letters.pipeline, letters.variables, program));
    ARROW_ASSIGN_OR_RAISE(request.from, Pairs(letters.from, "option=value"));
    ARROW_ASSIGN_OR_RAISE(auto to, Pairs(letters.to, "option=value"));
    request.to.merge(to);
  }
  ARROW_ASSIGN_OR_RAISE(const auto writes, session.PlanWrites(text, name));
  ReplayListener listener(&terminal);
  ARROW_ASSIGN_OR_RAISE(
      const engine::ReplayOutcome outcome,
      engine::ReplayDeadLetters(engine.get(), &session, writes, request, listener));
  if (outcome.tried < outcome.letters) {
    terminal.Note(
        fmt::format("{} dead letters were not tried: they are cut, of another "
                    "table, or don't name their fields",
                    outcome.letters - outcome.tried));
  }
  terminal.Note(outcome.remaining == 0
                    ? fmt::format("all of {} dead letters were replayed", outcome.letters)
                    : fmt::format("{} of {} dead letters remain, in {}",
                                  outcome.remaining, outcome.letters, outcome.place));
  return Status::OK();
}

Status Drop(const Letters& letters, const Program& program, Terminal& terminal) {
  if (letters.all != letters.numbers.empty())
    return errors::kBadArgument.Make({}, "name letters by number, or say --all");
  ARROW_ASSIGN_OR_RAISE(auto engine, program.MakeEngine());
  ARROW_ASSIGN_OR_RAISE(const int64_t dropped,
                        engine::DropDeadLetters(engine->files(), letters.file,
                                                letters.numbers, letters.all));
  terminal.Note(fmt::format("dropped {} dead letters", dropped));
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
      "  millrace dead-letters replay dead-letters.ndjson --pipeline orders.yaml\n"
      "  millrace dead-letters replay orders.csv.dead-letters.ndjson --to orders.csv \\\n"
      "      --from null=n/a\n"
      "  millrace dead-letters drop dead-letters.ndjson 2 5");
  AddVerb(parent, program, letters, "list", "One line for each",
          [](const Letters& l, const Program& p, Terminal&) { return List(l, p); });
  CLI::App* show =
      AddVerb(parent, program, letters, "show", "All that is known of one",
              [](const Letters& l, const Program& p, Terminal&) { return Show(l, p); });
  show->add_option("number", letters->number, "Its number in the list")->required();
  CLI::App* drop = AddVerb(parent, program, letters, "drop",
                           "Take letters out that nobody wants any more", Drop);
  drop->add_option("numbers", letters->numbers, "Their numbers in the list");
  drop->add_flag("--all", letters->all, "Every letter; the file is removed");
  CLI::App* replay =
      AddVerb(parent, program, letters, "replay",
              "Read the raw records again, through a pipeline or into a file. What "
              "succeeds leaves FILE",
              Replay);
  replay->add_option("--pipeline", letters->pipeline,
                     "SQL script or YAML pipeline whose settings, query and sink are "
                     "used: the one that the letters come from, or one that was mended");
  replay
      ->add_option("--set", letters->variables,
                   "Value of a ${variable} of the pipeline, as name=value; repeatable")
      ->allow_extra_args(false);
  replay->add_option("--source", letters->source,
                     "Table of the pipeline whose records they are; the one that the "
                     "letters name when absent");
  replay->add_option("--into", letters->into,
                     "Table that is written to, where a script has several INSERTs");
  replay->add_option("--to", letters->destination,
                     "File, folder/ or - for stdout, instead of a pipeline");
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
                     "File for what fails again; FILE stays as it is then");
}

}  // namespace millrace::cli
