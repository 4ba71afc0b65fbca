// Running SQL from the command line: what a session says goes to standard output and the
// terminal.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "millrace/cli/commands.h"
#include "millrace/cli/result_printer.h"
#include "millrace/cli/run_job.h"
#include "millrace/cli/terminal.h"
#include "millrace/engine/session.h"

namespace millrace::cli {

/// The excerpt of `whole` at the error's line with a caret under its column; empty when
/// the error has no place in it. Values of options that may be secret are hidden.
std::string Excerpt(const std::string& whole, const Status& status);

/// Prints results by `printer`, summaries and messages by `terminal`.
class ScriptListener final : public engine::SessionListener {
 public:
  /// `plans_as_rows`: a plan is a result of one column, because text would break the form
  /// of the others.
  ScriptListener(ResultPrinter* printer, Terminal* terminal, bool plans_as_rows)
      : printer_(printer), terminal_(terminal), plans_as_rows_(plans_as_rows) {}
  Result<engine::JobSummary> Run(engine::Job& job, bool writes) override;
  Status OnSchema(const std::shared_ptr<arrow::Schema>& schema) override {
    return printer_->Begin(schema);
  }
  Status OnRows(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    return printer_->Add(rows);
  }
  Status OnEnd() override { return printer_->End(); }
  void OnMessage(const std::string& message) override { terminal_->Note(message); }
  void OnFailure(const Status& status, std::string_view text) override {
    terminal_->Error(status);
    terminal_->Excerpt(cli::Excerpt(std::string(text), status));
  }
  Status OnPlan(const std::string& text) override;

 private:
  ResultPrinter* const printer_;
  Terminal* const terminal_;
  const bool plans_as_rows_;
};

/// The text of script or pipeline `file` with its variables filled in; `variables` are
/// "name=value".
Result<std::string> ScriptText(const std::string& file,
                               const std::vector<std::string>& variables,
                               const Program& program);

}  // namespace millrace::cli
