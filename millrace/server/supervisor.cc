#include "millrace/server/supervisor.h"

#include <algorithm>
#include <set>

#include "millrace/server/errors.h"

namespace millrace::server {

namespace {

// Beyond that a name may not fit into a file's.
constexpr size_t kSavepointLength = 100;

Status CheckSavepoint(const std::string& name) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto fits = [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
  };
  if (name.empty() ||
      (name.size() <= kSavepointLength && std::all_of(name.begin(), name.end(), fits) &&
       !std::all_of(name.begin(), name.end(), is_digit) && name[0] != '.')) {
    return Status::OK();
  }
  return errors::kBadSavepointName.Make({}, "'{}'", name);
}

}  // namespace

Supervisor::Supervisor(engine::Engine* engine, std::string folder,
                       engine::JobOptions defaults)
    : engine_(engine), folder_(std::move(folder)), defaults_(std::move(defaults)) {}

Supervisor::~Supervisor() { (void)StopAll(); }

std::vector<Supervisor::PipelinePtr> Supervisor::All() {
  std::lock_guard lock(mutex_);
  std::vector<PipelinePtr> out;
  for (const auto& [name, pipeline] : pipelines_) out.push_back(pipeline);
  return out;
}

Result<std::vector<Supervisor::PipelinePtr>> Supervisor::Discover() {
  std::lock_guard discovering(discovering_);
  ARROW_ASSIGN_OR_RAISE(const auto paths, ListPipelineFiles(folder_));
  std::set<std::string> known;
  for (const PipelinePtr& pipeline : All()) known.insert(pipeline->path());
  std::vector<PipelinePtr> out;
  for (const std::string& path : paths) {
    if (known.contains(path)) continue;
    const auto file = ReadPipelineFile(*engine_, path);
    std::lock_guard lock(mutex_);
    std::string name = file.ok() ? file->name : StemOf(path);
    // The second of a name is listed by its path, which nothing else can be.
    if (pipelines_.contains(name)) name = path;
    auto pipeline = std::make_shared<ManagedPipeline>(engine_, name, path);
    pipelines_[name] = pipeline;
    out.push_back(std::move(pipeline));
  }
  return out;
}

Status Supervisor::StartAll() {
  ARROW_ASSIGN_OR_RAISE(const auto pipelines, Discover());
  for (const PipelinePtr& pipeline : pipelines) {
    const Status status = Run(*pipeline, "");
    if (!status.ok()) pipeline->Fail(status);
  }
  return Status::OK();
}

Status Supervisor::Run(ManagedPipeline& pipeline, const std::string& from) {
  ARROW_ASSIGN_OR_RAISE(PipelineFile file, ReadPipelineFile(*engine_, pipeline.path()));
  {
    std::lock_guard lock(mutex_);
    const auto other = pipelines_.find(file.name);
    if (other != pipelines_.end() && other->second.get() != &pipeline) {
      return errors::kPipelineTwice.Make({.file = pipeline.path()}, "'{}' is {}",
                                         file.name, other->second->path());
    }
  }
  engine::JobOptions options = defaults_;
  if (!from.empty()) options.start_over = from;
  return pipeline.Start(std::move(file), std::move(options));
}

Result<Supervisor::PipelinePtr> Supervisor::Find(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto found = pipelines_.find(name);
  if (found != pipelines_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, pipeline] : pipelines_) names.push_back(known);
  const std::string near = NearestName(name, names);
  return errors::kNoSuchPipeline.Make(
      {}, "'{}'{}", name, near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

Status Supervisor::Start(const std::string& name, const std::string& from) {
  auto pipeline = Find(name);
  if (!pipeline.ok()) {
    ARROW_RETURN_NOT_OK(Discover().status());
    pipeline = Find(name);
  }
  ARROW_RETURN_NOT_OK(pipeline.status());
  ARROW_RETURN_NOT_OK(Run(**pipeline, from));
  // Whether that checkpoint is there, and is one, is known when it runs.
  return from.empty() ? Status::OK() : (*pipeline)->AwaitBegin();
}

Status Supervisor::Stop(const std::string& name, const std::string& savepoint) {
  ARROW_RETURN_NOT_OK(CheckSavepoint(savepoint));
  ARROW_ASSIGN_OR_RAISE(const PipelinePtr pipeline, Find(name));
  ARROW_RETURN_NOT_OK(pipeline->Stop(savepoint));
  return pipeline->AwaitEnd();
}

Result<int64_t> Supervisor::Checkpoint(const std::string& name,
                                       const std::string& savepoint) {
  ARROW_RETURN_NOT_OK(CheckSavepoint(savepoint));
  ARROW_ASSIGN_OR_RAISE(const PipelinePtr pipeline, Find(name));
  ARROW_ASSIGN_OR_RAISE(Future<Epoch> made, pipeline->Checkpoint(savepoint));
  ARROW_ASSIGN_OR_RAISE(const Epoch epoch, made.result());
  return epoch.value;
}

Result<std::vector<PipelineStatus>> Supervisor::Look(const std::string& name) {
  std::vector<PipelineStatus> out;
  if (name.empty()) {
    for (const PipelinePtr& pipeline : All()) out.push_back(pipeline->Look());
  } else {
    ARROW_ASSIGN_OR_RAISE(const PipelinePtr pipeline, Find(name));
    out.push_back(pipeline->Look());
  }
  return out;
}

Status Supervisor::StopAll() {
  std::vector<PipelinePtr> stopping;
  for (const PipelinePtr& pipeline : All()) {
    // Others have ended already.
    if (pipeline->Stop("").ok()) stopping.push_back(pipeline);
  }
  Status out;
  for (const PipelinePtr& pipeline : stopping) {
    const Status status = pipeline->AwaitEnd();
    if (out.ok()) out = status;
  }
  return out;
}

}  // namespace millrace::server
