// Registry: the connectors there are, as data.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/clock.h"
#include "millrace/base/config/config.h"
#include "millrace/base/executor.h"
#include "millrace/base/memory_budget.h"
#include "millrace/base/timers.h"
#include "millrace/connector/sink.h"
#include "millrace/connector/source.h"
#include "millrace/io/file_system.h"

namespace millrace::connector {

/// How long a connector may wait for the other side where nobody else sees that it waits.
/// Nanoseconds, 0 for ever.
struct WaitLimits {
  int64_t connect_nanos = 0;  ///< until the other side is there
  int64_t read_nanos = 0;     ///< until it gives something
  int64_t write_nanos = 0;    ///< until it takes something
};

/// What the engine lends to a connector. Everything outlives the connector's objects.
struct Surroundings {
  std::shared_ptr<io::FileSystem> files;
  Executor* executor = nullptr;
  const Clock* clock = nullptr;
  std::shared_ptr<MemoryBudget> memory;
  ConfigSpec::Lookup environment;
  Timers* timers = nullptr;
  std::string pipeline;  ///< the pipeline's name, part of the names of prepared pieces
  /// The pipeline writes checkpoints: what is prepared must survive this process, and
  /// only Recover of the same pipeline may remove it. Otherwise there is one epoch, and a
  /// sink may clear what died with its writer.
  bool checkpointed = false;
  /// Counts the starts of a checkpointed pipeline, from 1: part of the names of prepared
  /// pieces, so that two runs never give the same name.
  int64_t attempt = 0;
  /// The input has no end: whoever reads what a sink writes waits for every row.
  bool endless = false;
  WaitLimits limits;
  /// Fails once the pipeline has been given up before it runs; empty: it never is. What
  /// waits on the coordinating thread asks several times a second, and ends with the
  /// error. Thread-safe.
  std::function<Status()> given_up;
};

/// Options as the user wrote them.
using Options = std::map<std::string, std::string>;

enum class Maturity { kStable, kBeta };

/// A titled part of a connector's options, for help and the reference page.
struct OptionGroup {
  std::string title;
  ConfigSpec options;
};

/// One connector. Sources and sinks may both be there or only one.
struct ConnectorSpec {
  std::string name;
  std::string doc;
  Maturity maturity = Maturity::kBeta;
  std::string guarantee;  ///< what a reader of the reference page should know of delivery
  std::vector<std::string> schemes;  ///< URI schemes it owns: "file"
  std::vector<OptionGroup> source_options;
  std::vector<OptionGroup> sink_options;

  /// `declared`: the schema that the user gave, or null.
  std::function<Result<std::unique_ptr<Source>>(
      const Options& options, const std::shared_ptr<arrow::Schema>& declared,
      const Surroundings& surroundings)>
      make_source;
  std::function<Result<std::unique_ptr<Sink>>(const Options& options,
                                              const Surroundings& surroundings)>
      make_sink;
  /// Abort everything that a pipeline has prepared and not committed, which nobody runs
  /// or will go on with; answers how many pieces. `strays`: as the sink told. May be
  /// absent.
  std::function<Result<int64_t>(const std::string& strays,
                                const Surroundings& surroundings)>
      drop_strays;
};

/// The connectors by name. Filled once by explicit calls, then read-only and shared.
class Registry {
 public:
  /// Every connector gets the resilience policies and their options here.
  Status Add(ConnectorSpec spec);
  /// Null when there is none.
  const ConnectorSpec* Find(std::string_view name) const;
  /// The connector that owns `scheme`, or null.
  const ConnectorSpec* FindScheme(std::string_view scheme) const;
  /// As Find, but an unknown name is errors::kUnknownConnector with the nearest one
  /// offered.
  Result<const ConnectorSpec*> Get(std::string_view name) const;
  std::vector<const ConnectorSpec*> all() const;

 private:
  std::vector<std::unique_ptr<ConnectorSpec>> specs_;
};

}  // namespace millrace::connector
