// The engine's catalog: tables, views and files by name, and the sources behind them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "millrace/engine/engine.h"
#include "millrace/plan/catalog.h"

namespace millrace::engine {

/// One per session; used by one thread at a time.
class SessionCatalog final : public plan::Catalog {
 public:
  SessionCatalog(Engine* engine, std::shared_ptr<MemoryBudget> memory);

  Result<plan::TablePtr> FindTable(const std::string& name) override;
  Result<plan::NodePtr> FindView(const std::string& name) override;
  Result<plan::TablePtr> TableOfPath(const std::string& path) override;
  Result<plan::TablePtr> SinkOfPath(const std::string& path) override;
  /// The declared table `name` when it can only be written to, else null.
  Result<plan::TablePtr> FindSink(const std::string& name);
  std::vector<std::string> Names() override;
  Status AddTable(plan::Table table, bool replace) override;
  Status AddView(const std::string& name, plan::NodePtr plan, bool replace) override;
  Status Drop(const std::string& name, bool if_exists) override;

  /// What ends the waits of planning; see connector::Surroundings.
  void set_given_up(std::function<Status()> given_up) { given_up_ = std::move(given_up); }
  /// What an earlier run, which will be continued, said of the table of that name; see
  /// connector::Source::ExpectRestore. Empty: nothing.
  using EarlierRun = std::function<std::string(const std::string& table)>;
  void set_earlier_run(EarlierRun earlier) { earlier_run_ = std::move(earlier); }
  const std::function<Status()>& given_up() const { return given_up_; }

  /// A table over `uri` with `options`, schema resolved: what `copy` reads.
  /// `types`: of its columns. Those that it does not name are inferred; where it names
  /// none that the source has, or it can't be read twice, they are all the columns.
  Result<plan::TablePtr> ReadableTable(
      const std::string& uri, connector::Options options,
      const std::shared_ptr<arrow::Schema>& types = nullptr);
  /// A table that is written to. Its options are checked when the sink is made.
  Result<plan::TablePtr> WritableTable(const std::string& uri,
                                       connector::Options options);

  /// Let SQL know `table` as `name` too.
  void GiveName(const std::string& name, plan::TablePtr table);

  /// A source that reads `table`: the one that told its schema, unless that is taken
  /// already.
  Result<std::unique_ptr<connector::Source>> SourceOf(
      const plan::TablePtr& table, const connector::Surroundings& surroundings);

 private:
  Result<plan::TablePtr> Resolve(plan::Table table);
  Result<std::unique_ptr<connector::Source>> MakeSource(
      const plan::Table& table, const std::shared_ptr<arrow::Schema>& declared);
  // The columns of `table`, as far as `types` does not tell them inferred.
  Result<std::shared_ptr<arrow::Schema>> WithTypes(
      const plan::Table& table, const std::shared_ptr<arrow::Schema>& types);

  Engine* const engine_;
  const std::shared_ptr<MemoryBudget> memory_;
  std::function<Status()> given_up_;
  EarlierRun earlier_run_;
  std::map<std::string, plan::Table> declared_;  // by lower-case name
  std::map<std::string, plan::TablePtr> resolved_;
  std::map<std::string, plan::NodePtr> views_;
  // Sources that were asked for their schema and have not been read from. Keyed by the
  // table that they describe.
  std::map<const plan::Table*, std::unique_ptr<connector::Source>> ready_;
};

}  // namespace millrace::engine
