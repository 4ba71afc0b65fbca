// YAML pipelines: sources, a SELECT and a sink in one file; more sinks for dead letters.
//
// The file is read into the same table definitions that CREATE SOURCE and CREATE SINK
// make; a session then plans "INSERT INTO sink SELECT …" as it does for a script.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/result.h"
#include "millrace/connector/registry.h"
#include "millrace/plan/table.h"

namespace millrace::engine {

/// One pipeline as it was written. Places are lines and columns of the YAML text.
struct YamlPipeline {
  struct Declared {
    plan::Table table;
    Where where;
  };
  struct Setting {
    std::string key, value;
    Where where;
  };

  std::string name;  ///< empty when the file gives none
  std::vector<Declared> sources;
  plan::Table sink;
  Where sink_where;
  std::vector<Declared> sinks;  ///< others, which settings may name
  std::string select;
  std::vector<Setting> settings;

  /// The place in the file of a place in `select`: what a SQL error is reported at.
  Where PlaceInFile(int32_t line, int32_t column) const;

  // How `select` stands in the file.
  enum class Layout { kExact, kIndented, kOpaque };
  Layout layout = Layout::kOpaque;
  Where select_where;                   ///< of the value, or of the file's first line
  std::vector<int32_t> select_indents;  ///< kIndented: of every line
};

/// The name of the sink in the catalog; no source may have it.
inline constexpr std::string_view kPipelineSink = "sink";

/// Read `text`. Keys, connectors, options and types are checked here, with the place of
/// what is wrong; errors are errors::kPipeline… and those of the connector's options.
Result<YamlPipeline> ParseYamlPipeline(std::string_view text,
                                       const connector::Registry& connectors);

/// Does the name of a file say that it holds a YAML pipeline?
bool IsYamlPath(std::string_view path);

/// The JSON Schema of pipeline files, from the connectors' specs; ends with a newline.
std::string PipelineJsonSchema(const connector::Registry& connectors);

}  // namespace millrace::engine
