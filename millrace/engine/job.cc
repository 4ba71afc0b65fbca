#include "millrace/engine/job.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <functional>

#include "millrace/connector/errors.h"
#include "millrace/connector/resilience/resilience.h"
#include "millrace/connectors/files/files.h"
#include "millrace/engine/checkpoints.h"
#include "millrace/engine/dead_letter_file.h"
#include "millrace/engine/dead_letter_sink.h"
#include "millrace/engine/errors.h"
#include "millrace/engine/promise.h"
#include "millrace/io/object_store/open_store.h"
#include "millrace/plan/errors.h"
#include "millrace/plan/identity.h"
#include "millrace/plan/parallelize.h"
#include "millrace/plan/scan_node.h"
#include "millrace/state/errors.h"

namespace millrace::engine {

namespace {

Result<std::unique_ptr<connector::Sink>> MakeSink(
    Engine* engine, const plan::Table& table,
    const connector::Surroundings& surroundings) {
  ARROW_ASSIGN_OR_RAISE(const connector::ConnectorSpec* spec,
                        engine->connectors().Get(table.connector));
  if (!spec->make_sink) return errors::kNotASink.Make({}, "'{}'", table.connector);
  return spec->make_sink(table.options, surroundings);
}

void ForEachScan(const plan::NodePtr& node,
                 const std::function<void(const plan::ScanNode&)>& visit) {
  if (const auto* scan = plan::As<plan::ScanNode>(node)) visit(*scan);
  for (const plan::NodePtr& input : node->inputs()) ForEachScan(input, visit);
}

// Dead letters go to a place of their own: neither what is read nor what is written.
Status CheckDeadLetters(const plan::NodePtr& plan, const std::string& dead_letters,
                        io::FileSystem& files) {
  auto real = [&files](const std::string& path) {
    auto resolved = files.Resolve(path);
    std::error_code error;
    return std::filesystem::weakly_canonical(resolved.ok() ? *resolved : path, error);
  };
  Status status;
  auto check = [&](const plan::Table& table) {
    const auto path = table.options.find("path");
    if (path == table.options.end() || real(path->second) != real(dead_letters)) return;
    status = errors::kNotDeadLetters.Make({.file = dead_letters},
                                          "it is '{}' of this pipeline", table.name);
  };
  ForEachScan(plan, [&](const plan::ScanNode& scan) { check(*scan.table()); });
  if (const auto* write = plan::As<plan::WriteNode>(plan)) check(*write->table());
  return status;
}

// A name that the catalog knows as a sink, an address that a connector owns, or a file.
Result<std::unique_ptr<DeadLetterStore>> MakeStore(
    Engine* engine, SessionCatalog* catalog, plan::TablePtr table,
    const JobOptions& options, const connector::Surroundings& surroundings) {
  const std::string place = DeadLetterPlace(options);
  if (place == kDiscard) return MakeDiscardingStore();
  if (!table && (!files::IsPath(place) || io::IsObjectAddress(place))) {
    ARROW_ASSIGN_OR_RAISE(table, catalog->WritableTable(place, {}));
  }
  if (!table) {
    return std::make_unique<DeadLetterFile>(
        surroundings.files, place,
        surroundings.checkpointed || options.continues_dead_letters);
  }
  ARROW_ASSIGN_OR_RAISE(auto sink, MakeSink(engine, *table, surroundings));
  return MakeDeadLetterSink(table->name, std::move(sink), table->primary_key,
                            &engine->scheduler(), surroundings.memory);
}

}  // namespace

Job::Job(Engine* engine, JobOptions options)
    : engine_(engine),
      options_(std::move(options)),
      stop_watch_(std::make_shared<StopWatch>(&engine->clock(), &engine->timers())) {}

Job::~Job() {
  stop_watch_->Leave();
  // The pipeline's tasks use sources and sink.
  pipeline_.reset();
}

Result<std::unique_ptr<Job>> Job::Make(Engine* engine, SessionCatalog* catalog,
                                       plan::NodePtr plan, JobOptions options,
                                       std::unique_ptr<connector::Sink> result) {
  std::unique_ptr<Job> job(new Job(engine, std::move(options)));
  job->memory_ = engine->NewBudget();
  job->since_nanos_ = job->options_.since_nanos >= 0 ? job->options_.since_nanos
                                                     : engine->clock().MonotonicNanos();
  connector::Surroundings surroundings = engine->For(job->name(), job->memory_);
  surroundings.given_up = catalog->given_up();
  const auto* write = plan::As<plan::WriteNode>(plan);
  if (write == nullptr)
    return errors::kInternal.Make({}, "a job's plan must end in a write");

  std::string letters_path = DeadLetterPlace(job->options_);
  ARROW_ASSIGN_OR_RAISE(const plan::TablePtr letters_sink,
                        catalog->FindSink(letters_path));
  if (letters_sink) {
    const auto path = letters_sink->options.find("path");
    letters_path = path == letters_sink->options.end() ? "" : path->second;
  }
  surroundings.endless = !plan->bounded();
  if (!letters_path.empty()) {
    ARROW_RETURN_NOT_OK(CheckDeadLetters(plan, letters_path, *surroundings.files));
  }

  if (WantsCheckpoints(*plan, job->options_)) {
    ARROW_ASSIGN_OR_RAISE(job->recovery_, Recovery::Open(job->options_, surroundings));
    surroundings.checkpointed = true;
    surroundings.attempt = job->recovery_->attempt();
  }
  if (result) {
    job->sink_ = std::move(result);
  } else {
    ARROW_ASSIGN_OR_RAISE(job->sink_, MakeSink(engine, *write->table(), surroundings));
  }
  // One source per scan: what is pushed down differs.
  Status failed;
  ForEachScan(plan, [&](const plan::ScanNode& scan) {
    if (!failed.ok()) return;
    auto source = catalog->SourceOf(scan.table(), surroundings);
    failed = source.status();
    if (!failed.ok()) return;
    const std::string& name = scan.table()->name;
    for (const std::string& written : {job->sink_->example(), letters_path}) {
      failed = CheckNotReadBack(**source, name, written);
      if (!failed.ok()) return;
    }
    job->rereading_.Add(**source, name);
    job->sources_.push_back(std::move(*source));
  });
  ARROW_RETURN_NOT_OK(failed);
  ARROW_RETURN_NOT_OK(CheckPromise(*plan, *job->sink_, write->table()->name,
                                   job->rereading_, job->options_));
  job->guarantee_ = PromiseOf(*plan, *job->sink_, job->rereading_, job->options_).text;
  const plan::PlanIdentity identity = plan::Identify(plan);
  if (job->recovery_) {
    ARROW_RETURN_NOT_OK(job->recovery_->Choose(*job->sink_));
    ARROW_RETURN_NOT_OK(job->recovery_->Fit(identity));
  }
  const state::Manifest* restored = job->recovery_ ? job->recovery_->manifest() : nullptr;

  std::map<const plan::Table*, std::deque<connector::Source*>> sources;
  size_t most_splits = 0;
  bool endless = false;
  size_t ordinal = 0;
  ForEachScan(plan, [&](const plan::ScanNode& scan) {
    if (!failed.ok() || (restored != nullptr && restored->final)) return;
    connector::Source* source = job->sources_[ordinal].get();
    if (restored != nullptr) {
      const state::ScanEntry& entry = restored->scans[ordinal];
      failed = source->Restore(entry.discovery_state, entry.unfinished);
      if (!failed.ok()) return;
    }
    ++ordinal;
    sources[scan.table().get()].push_back(source);
    job->watched_.push_back(
        {"source " + scan.table()->name, connector::resilience::HealthOf(*source)});
    // An endless source tells each split once: to the coordinator, which reads it.
    if (!source->bounded()) {
      endless = true;
      return;
    }
    auto splits = source->Discover();
    failed = splits.status();
    if (splits.ok()) most_splits = std::max(most_splits, splits->size());
  });
  ARROW_RETURN_NOT_OK(failed);
  job->watched_.push_back(
      {"sink " + write->table()->name, connector::resilience::HealthOf(*job->sink_)});
  ARROW_ASSIGN_OR_RAISE(
      auto store, MakeStore(engine, catalog, letters_sink, job->options_, surroundings));
  job->dead_letters_ = std::make_unique<DeadLetters>(
      std::move(store), job->options_.max_dead_letters, job->name(), &engine->clock());
  if (restored != nullptr) {
    const auto counted = [restored](const char* name) {
      const auto found = restored->counters.find(name);
      return found == restored->counters.end() ? 0 : found->second;
    };
    job->dead_letters_->GoOn(counted("dead_letters"), counted("rows_read"));
  }
  ARROW_RETURN_NOT_OK(
      job->sink_->EnsureTable(plan->schema(), write->table()->primary_key));
  if (job->recovery_) {
    ARROW_RETURN_NOT_OK(
        job->recovery_->RememberStrays(write->table()->connector, job->sink_->strays()));
    ARROW_RETURN_NOT_OK(job->recovery_->RecoverSink(*job->sink_));
    if (job->recovery_->finished()) {
      job->plan_ = plan;
      return job;
    }
  }

  const int wanted =
      job->options_.parallelism > 0 ? job->options_.parallelism : engine->shards();
  // A single split can't be shared; dealing its rows to others would only cost.
  const int parallelism =
      most_splits > 1 || endless ? std::min(wanted, engine->shards()) : 1;
  plan::ParallelizeOptions cut;
  cut.shards = parallelism;
  cut.parallel_sink = job->sink_->max_writers() >= parallelism && parallelism > 1;
  job->plan_ = plan::Parallelize(plan, cut);

  runtime::Connectors connectors;
  connectors.source = [&](const plan::ScanNode& scan) -> Result<connector::Source*> {
    auto& left = sources[scan.table().get()];
    if (left.empty())
      return errors::kInternal.Make({}, "no source for {}", scan.table()->name);
    connector::Source* source = left.front();
    left.pop_front();
    return source;
  };
  connectors.sink = [&](const plan::WriteNode&) -> Result<connector::Sink*> {
    return job->sink_.get();
  };

  runtime::PipelineOptions pipeline_options;
  pipeline_options.name = job->name();
  pipeline_options.parallelism = parallelism;
  pipeline_options.batch_rows = job->options_.batch_rows;
  if (job->recovery_) {
    pipeline_options.checkpoints = job->recovery_->PipelineOptions(identity);
  }
  auto pipeline = runtime::Pipeline::Make(
      job->plan_, connectors, std::move(pipeline_options),
      {&engine->scheduler(), &engine->clock(), &engine->executor(), &engine->timers(),
       job->memory_, job->dead_letters_.get(), &engine->spill()});
  if (!pipeline.ok()) {
    return job->recovery_ ? job->recovery_->Explained(pipeline.status())
                          : pipeline.status();
  }
  job->pipeline_ = std::move(*pipeline);
  job->dead_letters_->Watch(&job->pipeline_->progress());
  return job;
}

void Job::Start() {
  if (pipeline_) pipeline_->Start();
}

void Job::Cancel(Status reason) {
  if (pipeline_) pipeline_->Cancel(std::move(reason));
  dead_letters_->GiveUp();
}

void Job::Stop(std::string savepoint, Status reason) {
  if (!checkpointed()) return Cancel(std::move(reason));
  const bool visible = sink_->commit_class() == connector::CommitClass::kNone;
  if (savepoint.empty()) {
    auto waits = [this] { return dead_letters_->waits(); };
    stop_watch_->Watch(
        &pipeline_->progress(), [this, reason = std::move(reason)] { Cancel(reason); },
        visible ? std::function<bool()>() : waits);
  }
  pipeline_->Stop(std::move(savepoint));
}

Status Job::CheckSavepoint(const std::string& savepoint) const {
  if (savepoint.empty()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto known, Checkpoints(engine_, options_).List(name()));
  const bool taken = std::any_of(known.begin(), known.end(), [&](const auto& checkpoint) {
    return checkpoint.savepoint == savepoint;
  });
  return taken ? errors::kSavepointTaken.Make({}, "'{}' of pipeline '{}'", savepoint,
                                              name())
               : Status::OK();
}

Result<JobSummary> Job::Finish() {
  if (pipeline_) {
    Status status = pipeline_->Finish();
    if (!status.ok()) return recovery_ ? recovery_->Explained(status) : status;
  } else {
    if (!options_.keeps_checkpoint) ARROW_RETURN_NOT_OK(recovery_->Forget());
  }
  const runtime::Progress& progress = this->progress();
  JobSummary summary;
  summary.rows_read = progress.rows_read.load();
  summary.rows_written = progress.rows_written.load();
  summary.bytes_read = progress.bytes_read.load();
  summary.bytes_written = progress.bytes_committed.load();
  summary.dead_letters = progress.dead_letters.load();
  summary.rows_invalid = progress.rows_invalid.load();
  summary.rows_late = progress.left_out.late.load();
  summary.rows_without_time = progress.left_out.without_time.load();
  if (summary.dead_letters > 0) summary.dead_letter_file = dead_letters_->place();
  summary.connectors = health();
  summary.nanos = engine_->clock().MonotonicNanos() - since_nanos_;
  summary.peak_memory = memory_->peak();
  return summary;
}

std::vector<ConnectorHealth> Job::health() const {
  std::vector<ConnectorHealth> out;
  for (const Watched& watched : watched_) {
    if (watched.health) out.push_back({watched.name, watched.health->Look()});
  }
  return out;
}

std::string Job::start() const {
  const state::Manifest* manifest = recovery_ ? recovery_->manifest() : nullptr;
  if (manifest == nullptr) return "";
  if (manifest->final) return "the run before had read everything";
  // An older one that was asked for bears the newest epoch: none is used twice.
  return fmt::format("goes on from checkpoint {}",
                     options_.start_from.empty() ? std::to_string(manifest->epoch.value)
                                                 : options_.start_from);
}

std::string Job::ExplainAnalyzed() const {
  std::string out;
  std::function<void(const plan::NodePtr&, int)> add = [&](const plan::NodePtr& node,
                                                           int depth) {
    out.append(static_cast<size_t>(depth) * 2, ' ');
    out += std::string(node->kind());
    if (std::string text = node->Describe(); !text.empty()) out += " " + text;
    const runtime::NodeStats* stats = pipeline_ ? pipeline_->stats(node.get()) : nullptr;
    if (stats != nullptr) {
      const int64_t rows = stats->rows_out.load();
      const int64_t nanos = stats->nanos.load();
      out += fmt::format("  [{} rows, {} batches, {:.3f} s", rows,
                         stats->batches_out.load(), static_cast<double>(nanos) / 1e9);
      if (rows > 0) {
        out += fmt::format(", {:.1f} ns/row",
                           static_cast<double>(nanos) / static_cast<double>(rows));
      }
      out += "]";
    }
    out += '\n';
    for (const plan::NodePtr& input : node->inputs()) add(input, depth + 1);
  };
  add(plan_, 0);
  for (const ConnectorHealth& connector : health()) {
    if (connector.health.failures == 0) continue;
    out += connector.name + ": " + connector.health.ToString() + '\n';
  }
  return out;
}

}  // namespace millrace::engine
