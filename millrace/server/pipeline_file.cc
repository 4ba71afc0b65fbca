#include "millrace/server/pipeline_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "millrace/engine/session.h"
#include "millrace/engine/yaml_pipeline.h"
#include "millrace/server/errors.h"

namespace millrace::server {

namespace fs = std::filesystem;

Result<std::vector<std::string>> ListPipelineFiles(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> out;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const fs::path& path = entry->path();
    if (path.filename().string().starts_with('.')) continue;
    if (engine::IsYamlPath(path.string()) || path.extension() == ".sql") {
      out.push_back(path.string());
    }
  }
  if (error) return errors::kNoPipelines.Make({.file = folder}, "{}", error.message());
  std::sort(out.begin(), out.end());
  return out;
}

std::string StemOf(const std::string& path) { return fs::path(path).stem().string(); }

Result<PipelineFile> ReadPipelineFile(const engine::Engine& engine,
                                      const std::string& path) {
  std::error_code error;
  std::ifstream file(path, std::ios::binary);
  if (!file || fs::is_directory(path, error)) {
    return errors::kNoPipelines.Make({.file = path}, "the file can't be opened");
  }
  std::string text((std::istreambuf_iterator<char>(file)),
                   std::istreambuf_iterator<char>());
  if (file.bad()) return errors::kNoPipelines.Make({.file = path}, "reading failed");
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);  // some editors begin so
  PipelineFile out{path, StemOf(path), {}};
  auto replaced = engine::Substitute(text, {}, engine.environment());
  if (!replaced.ok()) return WithWhere(replaced.status(), {.file = path});
  out.text = std::move(*replaced);
  if (engine::IsYamlPath(path)) {
    auto parsed = engine::ParseYamlPipeline(out.text, engine.connectors());
    if (parsed.ok() && !parsed->name.empty()) out.name = parsed->name;
  }
  return out;
}

}  // namespace millrace::server
