// PipelineFile: one file of a folder of pipelines.
#pragma once

#include <string>
#include <vector>

#include "millrace/base/result.h"
#include "millrace/engine/engine.h"

namespace millrace::server {

struct PipelineFile {
  std::string path;
  std::string name;  ///< what the file says, or its own name without the ending
  std::string text;  ///< with its ${variables} filled in from the environment
};

/// The pipelines (.yaml, .yml, .sql) right inside `folder`, by name. Fails with
/// kNoPipelines.
Result<std::vector<std::string>> ListPipelineFiles(const std::string& folder);

/// Name of the file without folder and ending.
std::string StemOf(const std::string& path);

/// A text that is no pipeline is not found out here, but when it is run.
Result<PipelineFile> ReadPipelineFile(const engine::Engine& engine,
                                      const std::string& path);

}  // namespace millrace::server
