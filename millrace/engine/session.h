// Session: SQL and pipelines, statement by statement.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/connector/report.h"
#include "millrace/engine/catalog.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/job.h"

namespace millrace::sql {
struct Statement;
}

namespace millrace::engine {

struct YamlPipeline;

/// Who sees what a session does. Called by the thread that runs the session, except
/// OnRows.
class SessionListener {
 public:
  virtual ~SessionListener() = default;
  /// Run `job` from Start to Finish (with progress, signals, whatever the caller adds).
  /// `writes`: it fills a sink.
  virtual Result<JobSummary> Run(Job& job, bool writes) = 0;
  /// A SELECT's rows follow. Called before the job runs.
  virtual Status OnSchema(const std::shared_ptr<arrow::Schema>& schema) = 0;
  /// Called on the executor, one batch at a time, in order: it may wait.
  virtual Status OnRows(const std::shared_ptr<arrow::RecordBatch>& rows) = 0;
  /// The SELECT's last row was given.
  virtual Status OnEnd() = 0;
  /// One line for the user: "created table flights".
  virtual void OnMessage(const std::string& message) = 0;
  /// A statement of `text` failed, and those behind it run all the same.
  virtual void OnFailure(const Status& status, std::string_view text) {}
  /// The answer of EXPLAIN.
  virtual Status OnPlan(const std::string& text) = 0;
};

/// Adds to an error where its text stands: the file, and the place in it.
using Locate = std::function<Status(const Status&)>;

/// A place where names live: one shell, one script. Used by one thread, except GiveUp.
class Session {
 public:
  Session(Engine* engine, JobOptions defaults);
  ~Session();

  /// Run every statement of `text` in order; stops at the first error, or, with the
  /// setting on_error, goes on and fails at the end with errors::kStatementsFailed.
  /// `file` names the script in errors.
  ///
  /// A statement that writes is a pipeline of its own. The first bears the name that was
  /// given, later ones "<name>-<target>". The checkpoints of those that have finished
  /// stay until the whole script has: run again after a crash, it does none of them
  /// twice.
  Status Execute(std::string_view text, const std::string& file,
                 SessionListener& listener);

  /// Parse and plan every statement, and ask every source and sink what would go wrong,
  /// without moving a row. The plans go into `plans`, findings into `report`; an error of
  /// one statement does not hide those of the next.
  void Check(std::string_view text, const std::string& file, connector::Report& report,
             std::vector<std::string>& plans);

  /// As Execute and Check, for a YAML pipeline. `yaml` may not be run twice by one
  /// session: the names that it declares stay.
  Status ExecutePipeline(std::string_view yaml, const std::string& file,
                         SessionListener& listener);
  void CheckPipeline(std::string_view yaml, const std::string& file,
                     connector::Report& report, std::vector<std::string>& plans);

  /// End what is waited for before a pipeline runs (a pipe that nobody writes): then
  /// kCancelled. Jobs that run are left alone. Thread-safe.
  void GiveUp() { given_up_->store(true); }

  /// Let every statement of a script or pipeline act that declares or sets something, and
  /// plan, without running them, those that write.
  Result<std::vector<plan::NodePtr>> PlanWrites(std::string_view text,
                                                const std::string& file);

  /// The plan of one SELECT over the session's names; any other statement is refused.
  Result<plan::NodePtr> PlanSelect(std::string_view select);

  /// The write of `rows` into `table` with its checks.
  Result<plan::NodePtr> MakeWrite(plan::NodePtr rows, plan::TablePtr table);

  /// Write the rows of every SELECT into `table` instead of giving them to the listener.
  void SendResultsTo(plan::TablePtr table) { results_ = std::move(table); }

  SessionCatalog& catalog() { return catalog_; }
  /// As SET and the settings of a pipeline have left them.
  const JobOptions& options() const { return options_; }

 private:
  struct Planning;
  // A YAML pipeline as a statement.
  struct Lowered {
    std::shared_ptr<const sql::Statement> insert;
    std::shared_ptr<const YamlPipeline> pipeline;
    Locate locate;
  };
  Status PlanWrite(const sql::Statement& statement, const Locate& locate,
                   std::vector<plan::NodePtr>* writes);
  Status Run(const sql::Statement& statement, const Locate& locate,
             SessionListener& listener);
  void Check(const sql::Statement& statement, const std::string& subject,
             const Locate& locate, connector::Report& report,
             std::vector<std::string>& plans);
  Result<Lowered> Lower(std::string_view yaml, const std::string& file);
  // Of a statement that fills `target`, behind those whose pipelines have `names`.
  JobOptions OptionsOf(std::string target, std::set<std::string>* names) const;
  connector::Surroundings ForRecovery() const;
  std::string EarlierDiscovery(const std::string& table) const;
  Status ForgetFinished();
  // Is the write the script's last, if it never ends?
  Status CheckReached(const plan::WriteNode& write) const;
  Status RunQuery(const plan::NodePtr& root, SessionListener& listener,
                  std::string* analyzed);
  Status RunWrite(const plan::NodePtr& root, SessionListener& listener,
                  std::string* analyzed);
  // Run the job and remember where it left dead letters.
  Status RunJob(Job& job, SessionListener& listener, bool writes);
  Status Set(const std::string& key, const std::string& value, bool reset);

  Engine* const engine_;
  const JobOptions defaults_;
  JobOptions options_;
  std::set<std::string> letter_files_;
  std::set<std::string> names_;       // of the script's pipelines so far
  bool several_writes_ = false;       // of the script
  std::vector<std::string> targets_;  // what the script's statements fill, in order
  int64_t writes_left_ = 0;           // of the script, the present statement's included
  std::set<std::string> ended_;       // pipelines that an earlier run had done all of
  std::vector<JobOptions> finished_;  // pipelines whose last checkpoint waits for the end
  const std::shared_ptr<MemoryBudget> planning_memory_;
  // Sources may outlive the session.
  const std::shared_ptr<std::atomic<bool>> given_up_ =
      std::make_shared<std::atomic<bool>>(false);
  SessionCatalog catalog_;
  plan::TablePtr results_;
};

/// `id BIGINT, name VARCHAR`, as CREATE SOURCE has it in parentheses.
Result<std::shared_ptr<arrow::Schema>> ParseColumns(std::string_view text);

/// The statements of `text` with `${VAR}` and `${VAR:-default}` replaced, first from
/// `settings`, then from the environment. A variable without value and default is an
/// error.
Result<std::string> Substitute(std::string_view text,
                               const std::map<std::string, std::string>& settings,
                               const ConfigSpec::Lookup& environment);

}  // namespace millrace::engine
