#include "millrace/engine/session.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include <arrow/compute/exec.h>

#include "millrace/engine/errors.h"
#include "millrace/engine/promise.h"
#include "millrace/engine/recovery.h"
#include "millrace/engine/yaml_pipeline.h"
#include "millrace/expr/evaluate.h"
#include "millrace/io/errors.h"
#include "millrace/io/path.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/write_node.h"
#include "millrace/sql/parser.h"
#include "millrace/sql/planner.h"

namespace millrace::engine {

namespace {

// A sink that exists only for the length of a SELECT.
plan::TablePtr ResultTable() {
  static const auto table = [] {
    auto made = std::make_shared<plan::Table>();
    made->name = "result";
    made->connector = "result";
    made->can_read = false;
    return plan::TablePtr(std::move(made));
  }();
  return table;
}

constexpr char kResult[] = "result";

bool Writes(const sql::Statement& statement) {
  return sql::TargetOf(statement).has_value();
}

int64_t CountWrites(const sql::Script& script) {
  return std::count_if(script.statements.begin(), script.statements.end(),
                       [](const auto& statement) { return Writes(*statement); });
}

void ForEachTable(const plan::NodePtr& node,
                  const std::function<void(const plan::TablePtr&)>& visit) {
  if (const auto* scan = plan::As<plan::ScanNode>(node)) visit(scan->table());
  for (const plan::NodePtr& input : node->inputs()) ForEachTable(input, visit);
}

}  // namespace

// What a statement is planned with: constants are folded with the session's own memory.
struct Session::Planning {
  explicit Planning(Session& session) : arrow(session.planning_memory_->pool()) {
    arrow.set_use_threads(false);
    evaluation.pool = session.planning_memory_->pool();
    evaluation.arrow = &arrow;
    evaluation.clock = &session.engine_->clock();
    evaluation.statement_micros = session.engine_->clock().WallMicros();
    context.catalog = &session.catalog_;
    context.functions = &session.engine_->functions();
    context.evaluation = &evaluation;
  }
  arrow::compute::ExecContext arrow;
  expr::EvalContext evaluation;
  sql::PlannerContext context;
};

Session::Session(Engine* engine, JobOptions defaults)
    : engine_(engine),
      defaults_(std::move(defaults)),
      options_(defaults_),
      planning_memory_(engine->NewBudget()),
      catalog_(engine, planning_memory_) {
  catalog_.set_given_up([flag = given_up_]() -> Status {
    return flag->load() ? errors::kCancelled.Make({}, "before it ran") : Status::OK();
  });
  catalog_.set_earlier_run(
      [this](const std::string& table) { return EarlierDiscovery(table); });
}

Session::~Session() = default;

Status Session::Execute(std::string_view text, const std::string& file,
                        SessionListener& listener) {
  const Locate locate = [&file](const Status& status) {
    return WithWhere(status, {.file = file});
  };
  auto parsed = sql::Parse(text);
  if (!parsed.ok()) return locate(parsed.status());
  names_.clear();
  finished_.clear();
  ended_.clear();
  writes_left_ = CountWrites(*parsed);
  several_writes_ = writes_left_ > 1;
  targets_.clear();
  for (const auto& statement : parsed->statements) {
    if (std::holds_alternative<sql::QueryStatement>(statement->node) ||
        Writes(*statement))
      targets_.push_back(sql::TargetOf(*statement).value_or(kResult));
  }
  std::vector<std::string> failed;
  for (const auto& statement : parsed->statements) {
    const Status status = Run(*statement, locate, listener);
    if (Writes(*statement)) --writes_left_;
    if (status.ok()) continue;
    // Whoever ends the script ends all of it.
    const bool ended =
        status.IsCancelled() || ErrorNumber(status) == errors::kReaderGone.number;
    if (ended || options_.on_error == OnStatementError::kStop) return status;
    listener.OnFailure(status, text);
    failed.push_back(fmt::format("line {} (MR-{:04})", statement->where.ToWhere().line,
                                 ErrorNumber(status)));
  }
  if (!failed.empty()) {
    return errors::kStatementsFailed.Make({.file = file}, "{} of {}: {}", failed.size(),
                                          parsed->statements.size(),
                                          fmt::join(failed, ", "));
  }
  return ForgetFinished();
}

JobOptions Session::OptionsOf(std::string target, std::set<std::string>* names) const {
  JobOptions out = options_;
  if (!out.name.chosen || names->insert(out.name.text).second) return out;
  // By its target rather than its place, so that a statement more changes no other's
  // name. The letters of a script stay together.
  out.dead_letters = DeadLetterPlace(options_);
  while (target.size() > 1 && target.back() == '/') target.pop_back();
  const std::string name = out.name.text + "-" + io::NameOf(target);
  out.name.text = name;
  for (int i = 2; !names->insert(out.name.text).second; ++i)
    out.name.text = fmt::format("{}-{}", name, i);
  return out;
}

connector::Surroundings Session::ForRecovery() const {
  connector::Surroundings out = engine_->For("", planning_memory_);
  out.given_up = catalog_.given_up();
  return out;
}

// An endless table is read by the last of a script's pipelines, but views over it are
// planned before.
std::string Session::EarlierDiscovery(const std::string& table) const {
  std::set<std::string> names;
  JobOptions last = options_;
  for (const std::string& target : targets_) last = OptionsOf(target, &names);
  return Recovery::EarlierDiscovery(last, ForRecovery())[table];
}

// As a whole: cut off between two of them, a rerun would do some of the statements again.
// The first pipeline remembers that until it is the only one.
Status Session::ForgetFinished() {
  const std::vector<JobOptions> finished = std::exchange(finished_, {});
  if (finished.empty()) return Status::OK();
  std::vector<std::string> names;
  for (const JobOptions& options : finished) names.push_back(options.name.text);
  ARROW_ASSIGN_OR_RAISE(auto first, Recovery::Open(finished.front(), ForRecovery()));
  ARROW_RETURN_NOT_OK(first->MarkEnded(names));
  for (size_t i = 1; i < finished.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto recovery, Recovery::Open(finished[i], ForRecovery()));
    ARROW_RETURN_NOT_OK(recovery->Forget());
  }
  return first->Forget();
}

Status Session::Run(const sql::Statement& statement, const Locate& locate,
                    SessionListener& listener) {
  options_.since_nanos = engine_->clock().MonotonicNanos();
  // A statement must not replace the letters of the one before it.
  options_.continues_dead_letters = letter_files_.contains(DeadLetterPlace(options_));
  Planning planning(*this);
  auto planned = sql::Plan(statement, planning.context);
  if (!planned.ok()) return locate(planned.status());
  using Action = sql::PlannedStatement::Action;
  switch (planned->action) {
    case Action::kQuery: return RunQuery(planned->root, listener, nullptr);
    case Action::kWrite: return RunWrite(planned->root, listener, nullptr);
    case Action::kDone: listener.OnMessage(planned->message); break;
    case Action::kSet: return locate(Set(planned->key, planned->value, planned->reset));
    case Action::kExplain: {
      std::string out = plan::Explain(planned->root);
      if (planned->explain == sql::ExplainStatement::Mode::kAnalyze) {
        ARROW_RETURN_NOT_OK(plan::As<plan::WriteNode>(planned->root) != nullptr
                                ? RunWrite(planned->root, listener, &out)
                                : RunQuery(planned->root, listener, &out));
      }
      ARROW_RETURN_NOT_OK(listener.OnPlan(out));
      break;
    }
  }
  return Status::OK();
}

Status Session::RunQuery(const plan::NodePtr& root, SessionListener& listener,
                         std::string* analyzed) {
  const JobOptions options = OptionsOf(kResult, &names_);
  if (results_ && analyzed == nullptr) {
    ARROW_ASSIGN_OR_RAISE(
        auto job,
        Job::Make(engine_, &catalog_, plan::WriteNode::Make(root, results_), options));
    return RunJob(*job, listener, false);
  }
  const bool shown = analyzed == nullptr;
  if (shown) ARROW_RETURN_NOT_OK(listener.OnSchema(root->schema()));
  auto sink = MakeResultSink(
      [&listener, shown](const std::shared_ptr<arrow::RecordBatch>& rows) {
        return shown ? listener.OnRows(rows) : Status::OK();
      },
      &engine_->executor());
  ARROW_ASSIGN_OR_RAISE(
      auto job, Job::Make(engine_, &catalog_, plan::WriteNode::Make(root, ResultTable()),
                          options, std::move(sink)));
  ARROW_RETURN_NOT_OK(RunJob(*job, listener, false));
  if (!shown) {
    *analyzed = job->ExplainAnalyzed();
    return Status::OK();
  }
  return listener.OnEnd();
}

Status Session::CheckReached(const plan::WriteNode& write) const {
  if (write.bounded() || writes_left_ <= 1) return Status::OK();
  return errors::kNeverReached.Make({}, "the one into {}", write.table()->name);
}

Status Session::RunWrite(const plan::NodePtr& root, SessionListener& listener,
                         std::string* analyzed) {
  const auto* write = plan::As<plan::WriteNode>(root);
  if (write == nullptr) return errors::kInternal.Make({}, "a write that writes nothing");
  ARROW_RETURN_NOT_OK(write->CheckNames());
  ARROW_RETURN_NOT_OK(CheckReached(*write));
  JobOptions options = OptionsOf(write->table()->name, &names_);
  options.keeps_checkpoint = options.name.chosen && several_writes_;
  if (options.keeps_checkpoint && finished_.empty()) {
    ARROW_ASSIGN_OR_RAISE(ended_, Recovery::Ended(options, ForRecovery()));
  }
  if (ended_.contains(options.name.text)) {
    listener.OnMessage(
        fmt::format("{}: the run before had read everything", write->table()->name));
    finished_.push_back(options);
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(auto job, Job::Make(engine_, &catalog_, root, options));
  ARROW_RETURN_NOT_OK(RunJob(*job, listener, true));
  if (job->keeps_checkpoint()) finished_.push_back(options);
  if (analyzed != nullptr) *analyzed = job->ExplainAnalyzed();
  return Status::OK();
}

Status Session::RunJob(Job& job, SessionListener& listener, bool writes) {
  ARROW_ASSIGN_OR_RAISE(const JobSummary summary, listener.Run(job, writes));
  if (summary.dead_letters > 0) letter_files_.insert(summary.dead_letter_file);
  return Status::OK();
}

Status Session::Set(const std::string& key, const std::string& value, bool reset) {
  return ApplySetting(key, reset ? nullptr : &value, defaults_, &options_);
}

void Session::Check(std::string_view text, const std::string& file,
                    connector::Report& report, std::vector<std::string>& plans) {
  auto parsed = sql::Parse(text);
  if (!parsed.ok()) {
    report.Error(file, parsed.status());
    return;
  }
  // The report names the file already.
  const Locate locate = [](const Status& status) { return status; };
  writes_left_ = CountWrites(*parsed);
  for (const auto& statement : parsed->statements) {
    Check(*statement, file, locate, report, plans);
    if (Writes(*statement)) --writes_left_;
  }
}

void Session::Check(const sql::Statement& statement, const std::string& subject,
                    const Locate& locate, connector::Report& report,
                    std::vector<std::string>& plans) {
  Planning planning(*this);
  auto planned = sql::Plan(statement, planning.context);
  if (!planned.ok()) {
    report.Error(subject, locate(planned.status()));
    return;
  }
  using Action = sql::PlannedStatement::Action;
  if (planned->action == Action::kSet) {
    // What follows is planned with it; a value that can't be is found here.
    const Status set = Set(planned->key, planned->value, planned->reset);
    if (!set.ok()) report.Error(subject, locate(set));
  }
  if (!planned->root) return;
  plans.push_back(plan::Explain(planned->root));
  const connector::Surroundings surroundings =
      engine_->For(options_.name.text, planning_memory_);
  Rereading sources;
  std::vector<std::pair<std::string, std::unique_ptr<connector::Source>>> read;
  ForEachTable(planned->root, [&](const plan::TablePtr& table) {
    auto source = catalog_.SourceOf(table, surroundings);
    if (!source.ok()) return report.Error("source " + table->name, source.status());
    sources.Add(**source, table->name);
    const Status status = (*source)->Preflight(report);
    if (!status.ok()) report.Error("source " + table->name, status);
    read.emplace_back(table->name, std::move(*source));
  });
  if (const auto* write = plan::As<plan::WriteNode>(planned->root)) {
    const Status reached = CheckReached(*write);
    if (!reached.ok()) report.Error(subject, reached);
    const plan::Table& table = *write->table();
    auto spec = engine_->connectors().Get(table.connector);
    Status status = spec.status();
    if (status.ok() && (*spec)->make_sink) {
      auto sink = (*spec)->make_sink(table.options, surroundings);
      status = sink.ok() ? (*sink)->Preflight(report) : sink.status();
      for (const auto& [name, source] : read) {
        if (status.ok()) status = CheckNotReadBack(*source, name, (*sink)->example());
      }
      if (status.ok()) {
        status = CheckPromise(*write, **sink, table.name, sources, options_);
      }
    }
    if (!status.ok()) report.Error("sink " + table.name, status);
  }
}

Status Session::PlanWrite(const sql::Statement& statement, const Locate& locate,
                          std::vector<plan::NodePtr>* writes) {
  Planning planning(*this);
  auto planned = sql::Plan(statement, planning.context);
  if (!planned.ok()) return locate(planned.status());
  using Action = sql::PlannedStatement::Action;
  if (planned->action == Action::kSet)
    return locate(Set(planned->key, planned->value, planned->reset));
  if (planned->action == Action::kWrite) writes->push_back(planned->root);
  return Status::OK();
}

Result<std::vector<plan::NodePtr>> Session::PlanWrites(std::string_view text,
                                                       const std::string& file) {
  std::vector<plan::NodePtr> out;
  if (IsYamlPath(file)) {
    ARROW_ASSIGN_OR_RAISE(Lowered lowered, Lower(text, file));
    ARROW_RETURN_NOT_OK(PlanWrite(*lowered.insert, lowered.locate, &out));
    return out;
  }
  const Locate locate = [&file](const Status& status) {
    return WithWhere(status, {.file = file});
  };
  auto parsed = sql::Parse(text);
  if (!parsed.ok()) return locate(parsed.status());
  for (const auto& statement : parsed->statements) {
    ARROW_RETURN_NOT_OK(PlanWrite(*statement, locate, &out));
  }
  return out;
}

Result<plan::NodePtr> Session::PlanSelect(std::string_view select) {
  ARROW_ASSIGN_OR_RAISE(sql::StatementPtr statement, sql::ParseStatement(select));
  const auto* query = std::get_if<sql::QueryStatement>(&statement->node);
  if (query == nullptr || query->query->into)
    return errors::kNotASelect.Make(statement->where.ToWhere(), "");
  Planning planning(*this);
  return sql::PlanQuery(*query->query, planning.context);
}

Result<plan::NodePtr> Session::MakeWrite(plan::NodePtr rows, plan::TablePtr table) {
  Planning planning(*this);
  return sql::MakeWrite(std::move(rows), std::move(table), planning.context);
}

Result<std::shared_ptr<arrow::Schema>> ParseColumns(std::string_view text) {
  return sql::ParseColumns(text);
}

Result<std::string> Substitute(std::string_view text,
                               const std::map<std::string, std::string>& settings,
                               const ConfigSpec::Lookup& environment) {
  std::string out;
  std::set<std::string> used;
  int32_t line = 1;
  while (!text.empty()) {
    const size_t open = text.find("${");
    const std::string_view before = text.substr(0, open);
    line += static_cast<int32_t>(std::count(before.begin(), before.end(), '\n'));
    out += before;
    if (open == std::string_view::npos) break;
    const size_t close = text.find('}', open);
    if (close == std::string_view::npos) {
      return errors::kBadVariable.Make({.line = line}, "'${{' is not closed");
    }
    const std::string_view inside = text.substr(open + 2, close - open - 2);
    const size_t colon = inside.find(":-");
    const std::string name(inside.substr(0, colon));
    used.insert(name);
    if (auto found = settings.find(name); found != settings.end()) {
      out += found->second;
    } else if (auto value = environment ? environment(name) : std::nullopt) {
      out += *value;
    } else if (colon != std::string_view::npos) {
      out += inside.substr(colon + 2);
    } else {
      return errors::kBadVariable.Make({.line = line}, "variable '{}' has no value",
                                       name);
    }
    text.remove_prefix(close + 1);
  }
  for (const auto& [name, value] : settings) {
    if (used.contains(name)) continue;
    const std::vector<std::string> names(used.begin(), used.end());
    const std::string near = NearestName(name, names);
    return errors::kBadVariable.Make(
        {}, "'{}' stands nowhere in the text{}", name,
        near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
  }
  return out;
}

}  // namespace millrace::engine
