#include <map>
#include <memory>
#include <string>
#include <vector>

#include "millrace/base/error.h"
#include "millrace/cli/commands.h"
#include "millrace/cli/errors.h"
#include "millrace/cli/run_job.h"
#include "millrace/engine/catalog.h"
#include "millrace/engine/job.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/write_node.h"

namespace millrace::cli {

namespace {

struct Copy {
  std::string source, destination;
  std::string mode;
  std::string format;
  std::string dead_letters;
  std::vector<std::string> from, to;
};

// "key=value" words → options.
Result<std::map<std::string, std::string>> Pairs(const std::vector<std::string>& words) {
  std::map<std::string, std::string> out;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      return errors::kBadArgument.Make({}, "'{}' is not of the form option=value", word);
    }
    out[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return out;
}

Status Run(const Copy& copy, const Program& program, Terminal& terminal) {
  ARROW_ASSIGN_OR_RAISE(auto engine, program.MakeEngine());
  ARROW_ASSIGN_OR_RAISE(auto from, Pairs(copy.from));
  ARROW_ASSIGN_OR_RAISE(auto to, Pairs(copy.to));
  if (!copy.mode.empty()) to["mode"] = copy.mode;
  if (!copy.format.empty()) to["format"] = copy.format;
  engine::SessionCatalog catalog(engine.get(), engine->NewBudget());
  ARROW_ASSIGN_OR_RAISE(auto source, catalog.ReadableTable(copy.source, std::move(from)));
  ARROW_ASSIGN_OR_RAISE(auto sink,
                        catalog.WritableTable(copy.destination, std::move(to)));
  engine::JobOptions options;
  options.name = "copy";
  if (!copy.dead_letters.empty()) {
    options.dead_letters = copy.dead_letters;
  } else if (copy.destination != "-") {
    std::string base = copy.destination;
    while (base.size() > 1 && base.back() == '/') base.pop_back();
    options.dead_letters = base + ".dead-letters.ndjson";
  }
  ARROW_ASSIGN_OR_RAISE(
      auto job, engine::Job::Make(
                    engine.get(), &catalog,
                    plan::WriteNode::Make(plan::ScanNode::Make(source), sink), options));
  return RunJob(*job, terminal, "copied").status();
}

}  // namespace

void AddCopy(CLI::App& app, Program& program) {
  auto copy = std::make_shared<Copy>();
  CLI::App* command = app.add_subcommand(
      "copy", "Copy a table: millrace copy flights.csv flights.parquet");
  command->add_option("source", copy->source, "File, folder, glob or - for stdin")
      ->required();
  command->add_option("destination", copy->destination, "File, folder/ or - for stdout")
      ->required();
  command->add_option("--mode", copy->mode,
                      "error, append or overwrite, when the destination exists");
  command->add_option("--format", copy->format, "Format of the destination");
  command->add_option("--from", copy->from,
                      "Option of the source, as option=value; repeatable");
  command->add_option("--to", copy->to,
                      "Option of the destination, as option=value; repeatable");
  command->add_option("--dead-letters", copy->dead_letters,
                      "File for rows that were set aside");
  command->callback([copy, &program] {
    program.run = [copy, &program] {
      Terminal terminal(program.talk);
      const Status status = Run(*copy, program, terminal);
      if (!status.ok()) terminal.Error(status);
      return ExitCodeOf(status);
    };
  });
}

}  // namespace millrace::cli
