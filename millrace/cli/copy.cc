#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <arrow/type.h>
#include <xxhash.h>

#include "millrace/base/error.h"
#include "millrace/cli/choices.h"
#include "millrace/cli/commands.h"
#include "millrace/cli/errors.h"
#include "millrace/cli/run_job.h"
#include "millrace/cli/script.h"
#include "millrace/engine/catalog.h"
#include "millrace/engine/job.h"
#include "millrace/engine/session.h"
#include "millrace/io/object_store/open_store.h"
#include "millrace/io/path.h"
#include "millrace/plan/limit_node.h"
#include "millrace/plan/sample_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/write_node.h"

namespace millrace::cli {

namespace {

// How errors name the text of --select.
constexpr const char kSelectName[] = "--select";
constexpr const char kSchemaName[] = "--schema";

struct Copy {
  std::string source, destination;
  std::string mode;
  std::vector<std::string> key;
  std::string select;
  std::string format, partition_by, sort_by, schema;
  int64_t head = -1;
  std::string sample;
  std::optional<int64_t> seed;
  bool schema_only = false;
  std::string dead_letters, max_dead_letters;
  bool resume = false;
  std::vector<std::string> from, to, settings, validate;
};

// A copy that can be resumed is known by what it copies: the same words on the same
// machine mean the same copy.
std::string NameOf(const Copy& copy, engine::Engine& engine) {
  auto real = [&engine](const std::string& path) {
    auto resolved = engine.files().Resolve(path);
    std::error_code error;
    const auto absolute =
        std::filesystem::absolute(resolved.ok() ? *resolved : path, error);
    return error ? path : absolute.lexically_normal().string();
  };
  const std::string text =
      real(copy.source) + "\n" + real(copy.destination) + "\n" + copy.select;
  const std::string destination = std::filesystem::path(copy.destination + "/.")
                                      .lexically_normal()
                                      .parent_path()
                                      .filename()
                                      .string();
  return fmt::format("copy-{}-{:016x}", destination,
                     XXH3_64bits(text.data(), text.size()));
}

// Does the destination have a mode for rows that replace others?
Status CheckUpsert(const Copy& copy, const engine::Engine& engine,
                   const plan::Table& table) {
  const bool upsert = copy.mode == "upsert";
  if (!upsert && !copy.key.empty())
    return errors::kBadArgument.Make({}, "--key goes with --mode upsert only");
  if (!upsert) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const connector::ConnectorSpec* spec,
                        engine.connectors().Get(table.connector));
  for (const connector::OptionGroup& group : spec->sink_options) {
    const OptionSpec* mode = group.options.Find("mode");
    if (mode == nullptr) continue;
    const auto& choices = mode->choices;
    if (std::find(choices.begin(), choices.end(), "upsert") == choices.end()) continue;
    if (copy.key.empty())
      return errors::kBadArgument.Make({}, "--mode upsert needs --key");
    return Status::OK();
  }
  return errors::kCannotUpsert.Make({}, "connector '{}' adds rows, it can't replace them",
                                    spec->name);
}

// `rows` as --sample asks: "1000" are so many of them, "0.5%" each with that probability.
Result<plan::NodePtr> Sampled(const Copy& copy, const engine::JobOptions& options,
                              plan::NodePtr rows) {
  if (copy.sample.empty()) {
    if (copy.seed) return errors::kBadArgument.Make({}, "--seed goes with --sample only");
    return rows;
  }
  if (!copy.select.empty()) {
    return errors::kBadArgument.Make(
        {}, "--sample takes rows of the source, it does not go with --select");
  }
  if (options.checkpoints == engine::WhenCheckpoints::kOn) {
    return errors::kBadArgument.Make({}, "--sample does not go with checkpoints");
  }
  if (!rows->bounded()) {
    return errors::kBadArgument.Make({}, "--sample needs a source that ends");
  }
  const int64_t seed = copy.seed.value_or(0);
  const char* const end = copy.sample.data() + copy.sample.size();
  if (copy.sample.ends_with('%')) {
    double percent = -1;
    const auto [at, error] = std::from_chars(copy.sample.data(), end - 1, percent);
    if (error == std::errc() && at == end - 1 && percent >= 0 && percent <= 100) {
      return plan::SampleNode::KeepShare(std::move(rows), seed, percent / 100);
    }
  } else {
    int64_t count = -1;
    const auto [at, error] = std::from_chars(copy.sample.data(), end, count);
    if (error == std::errc() && at == end && count >= 0) {
      return plan::SampleRows(rows, seed, count);
    }
  }
  return errors::kBadArgument.Make(
      {}, "--sample '{}' is neither a number of rows nor a share like 1%", copy.sample);
}

Status Run(const Copy& copy, const Program& program, Terminal& terminal) {
  ARROW_ASSIGN_OR_RAISE(auto engine, program.MakeEngine());
  engine::JobOptions options;
  options.name.text = "copy";
  options.since_nanos = engine->clock().MonotonicNanos();
  if (copy.resume) {
    options.name = {NameOf(copy, *engine), true};
    options.checkpoints = engine::WhenCheckpoints::kOn;
  }
  ARROW_RETURN_NOT_OK(ApplySettings(copy.settings, &options).status());
  engine::Session session(engine.get(), {});
  engine::SessionCatalog& catalog = session.catalog();
  const connector::Surroundings for_recovery = engine->For("", engine->NewBudget());
  catalog.set_earlier_run([&](const std::string& table) {
    return engine::Recovery::EarlierDiscovery(options, for_recovery)[table];
  });
  ARROW_ASSIGN_OR_RAISE(auto from, Pairs(copy.from, "option=value"));
  ARROW_ASSIGN_OR_RAISE(auto to, Pairs(copy.to, "option=value"));
  if (!copy.mode.empty()) to["mode"] = copy.mode;
  if (!copy.format.empty()) to["format"] = copy.format;
  if (!copy.partition_by.empty()) to["partition_by"] = copy.partition_by;
  if (!copy.sort_by.empty()) to["sort_by"] = copy.sort_by;
  std::shared_ptr<arrow::Schema> types;
  if (!copy.schema.empty()) {
    auto parsed = engine::ParseColumns(copy.schema);
    if (!parsed.ok()) return WithWhere(parsed.status(), {.file = kSchemaName});
    types = std::move(*parsed);
  }
  ARROW_ASSIGN_OR_RAISE(auto source,
                        catalog.ReadableTable(copy.source, std::move(from), types));
  ARROW_ASSIGN_OR_RAISE(auto sink,
                        catalog.WritableTable(copy.destination, std::move(to)));
  ARROW_RETURN_NOT_OK(CheckUpsert(copy, *engine, *sink));
  if (!copy.key.empty()) {
    auto keyed = std::make_shared<plan::Table>(*sink);
    keyed->primary_key = copy.key;
    sink = std::move(keyed);
  }
  plan::NodePtr rows = plan::ScanNode::Make(source);
  if (!copy.select.empty()) {
    catalog.GiveName("source", source);
    auto planned = session.PlanSelect(copy.select);
    if (!planned.ok()) return WithWhere(planned.status(), {.file = kSelectName});
    rows = std::move(*planned);
  }
  ARROW_ASSIGN_OR_RAISE(rows, Sampled(copy, options, std::move(rows)));
  if (copy.schema_only || copy.head >= 0)
    rows = plan::LimitNode::Make(std::move(rows), copy.schema_only ? 0 : copy.head);
  if (!copy.dead_letters.empty()) {
    options.dead_letters = copy.dead_letters;
  } else if (options.dead_letters.empty() && copy.destination != "-") {
    std::string base = copy.destination;
    while (base.size() > 1 && base.back() == '/') base.pop_back();
    // Objects don't grow: beside what is written elsewhere they go to a file here.
    if (io::IsObjectAddress(base)) base = io::NameOf(base);
    options.dead_letters = base + ".dead-letters.ndjson";
  }
  if (!copy.max_dead_letters.empty()) {
    ARROW_ASSIGN_OR_RAISE(options.max_dead_letters,
                          engine::DeadLetterLimit::Parse(copy.max_dead_letters));
  }
  if (!copy.validate.empty()) {
    auto checked = std::make_shared<plan::Table>(*sink);
    for (const std::string& condition : copy.validate)
      checked->checks.push_back({"", condition});
    sink = std::move(checked);
  }
  ARROW_ASSIGN_OR_RAISE(const plan::NodePtr plan, session.MakeWrite(rows, sink));
  ARROW_RETURN_NOT_OK(plan::As<plan::WriteNode>(plan)->CheckNames());
  ARROW_ASSIGN_OR_RAISE(auto job,
                        engine::Job::Make(engine.get(), &catalog, plan, options));
  return RunJob(*job, terminal, "copied").status();
}

}  // namespace

void AddCopy(CLI::App& app, Program& program) {
  auto copy = std::make_shared<Copy>();
  CLI::App* command =
      app.add_subcommand("copy", "Copy a table from one place or format to another");
  command->footer(
      "Examples:\n"
      "  millrace copy flights.csv flights.parquet --from null=NA\n"
      "  millrace copy 'logs/*.csv' - --to format=csv\n"
      "  millrace copy flights.csv late.parquet \\\n"
      "      --select 'SELECT carrier, dep_delay FROM source WHERE dep_delay > 60'");
  command->add_option("source", copy->source, "File, folder, glob or - for stdin")
      ->required();
  command->add_option("destination", copy->destination, "File, folder/ or - for stdout")
      ->required();
  command
      ->add_option(
          "--mode", copy->mode,
          "error, append or overwrite, when the destination exists; upsert replaces "
          "rows by --key where the destination can")
      ->check(Usually({"error", "append", "overwrite", "upsert"}));
  command
      ->add_option("--key", copy->key, "Columns that tell rows apart, for --mode upsert")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--select", copy->select,
                      "A SELECT over the table 'source', whose rows are copied instead");
  command->add_option("--format", copy->format,
                      "Format of the destination; by the name's extension when absent");
  command->add_option("--partition-by", copy->partition_by,
                      "Columns by whose values the rows go to folders of their own, and "
                      "expressions with a name: 'country, YEAR(at) AS year'");
  command->add_option("--sort-by", copy->sort_by,
                      "Columns that the rows of every file are sorted by: 'country, at "
                      "DESC NULLS FIRST'");
  command->add_option("--schema", copy->schema,
                      "Types of the source's columns, 'id BIGINT, at TIMESTAMP'; those "
                      "that are not named are inferred");
  command->add_option("--head", copy->head, "Copy the first rows only, so many of them")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--sample", copy->sample,
                      "Copy a random sample: so many rows (1000), or each with a "
                      "probability (0.5%); the same for the same seed and files");
  command->add_option("--seed", copy->seed,
                      "What the sample is drawn from; 0 when absent");
  command->add_flag("--schema-only", copy->schema_only,
                    "Make the destination with its columns, and copy no row");
  command
      ->add_option("--from", copy->from,
                   "Option of the source, as option=value; repeatable")
      ->allow_extra_args(false);
  command
      ->add_option("--to", copy->to,
                   "Option of the destination, as option=value; repeatable")
      ->allow_extra_args(false);
  command
      ->add_option("--validate", copy->validate,
                   "A condition that every row has to satisfy, like 'amount >= 0'; "
                   "repeatable. --to on_invalid=dead_letter or drop for rows that don't")
      ->allow_extra_args(false);
  command->add_flag("--resume", copy->resume,
                    "Write checkpoints, and go on from them where a copy of the same "
                    "source to the same destination was cut off");
  AddSettings(command, &copy->settings);
  command->add_option("--dead-letters", copy->dead_letters,
                      "File for rows that are set aside, where the source has "
                      "on_error=dead_letter; discard only counts them");
  command->add_option("--max-dead-letters", copy->max_dead_letters,
                      "More rows set aside end the run: a number, or a share like 0.5%");
  command->callback([copy, &program] {
    program.run = [copy, &program] {
      Terminal terminal(program.talk);
      const Status status = Run(*copy, program, terminal);
      if (!status.ok()) {
        terminal.Error(status);
        const ErrorDetail* detail = ErrorDetail::Of(status);
        if (detail != nullptr && detail->where().file == kSelectName)
          terminal.Excerpt(Excerpt(copy->select, status));
      }
      return ExitCodeOf(status);
    };
  });
}

}  // namespace millrace::cli
