#include "millrace/connectors/files/object_sink.h"

#include <algorithm>
#include <iterator>
#include <map>

#include <nlohmann/json.hpp>

#include "millrace/base/failpoint.h"
#include "millrace/connectors/files/errors.h"
#include "millrace/connectors/files/part_writer.h"
#include "millrace/connectors/files/row_order.h"
#include "millrace/io/errors.h"
#include "millrace/io/object_store/open_store.h"
#include "millrace/io/path.h"

namespace millrace::files {

namespace {

constexpr int64_t kTidyNanos = 5'000'000'000;  // for the last requests of a sink
constexpr int64_t kMostBeginningBytes = 1 << 30;

bool Is(const Status& status, const ErrorSpec& error) {
  return ErrorNumber(status) == error.number;
}

// What readers of folders take for data.
bool IsVisible(std::string_view inside) {
  for (size_t at = 0;;) {
    const std::string_view name =
        inside.substr(at, std::min(inside.find('/', at), inside.size()) - at);
    if (name.empty() || name.front() == '.' || name.front() == '_') return false;
    at += name.size() + 1;
    if (at > inside.size()) return true;
  }
}

// Does it lie in the folder itself, or in one of its partitions?
bool IsOfTable(std::string_view inside) {
  for (size_t slash; (slash = inside.find('/')) != inside.npos;) {
    if (inside.substr(0, slash).find('=') == inside.npos) return false;
    inside.remove_prefix(slash + 1);
  }
  return true;
}

Result<std::optional<ObjectBeginning>> LoadBeginning(io::ObjectStore& store,
                                                     const std::string& key) {
  io::ObjectInfo info;
  auto bytes = store.GetAll(key, kMostBeginningBytes, &info);
  if (Is(bytes.status(), errors::kFileNotFound)) return std::nullopt;
  ARROW_RETURN_NOT_OK(bytes.status());
  ARROW_ASSIGN_OR_RAISE(auto out, ObjectBeginning::Decode(*bytes));
  return out;
}

// Abort every upload of that incarnation; answers how many.
Result<int64_t> AbortAll(io::ObjectStore& store, const ObjectNames& names,
                         const std::string& incarnation) {
  ARROW_ASSIGN_OR_RAISE(const auto uploads, store.ListUploads(names.prefix));
  int64_t aborted = 0;
  for (const io::PendingUpload& upload : uploads) {
    if (!names.IsOf(incarnation, upload.key)) continue;
    ARROW_RETURN_NOT_OK(store.AbortUpload(upload.key, upload.upload_id));
    ++aborted;
  }
  return aborted;
}

}  // namespace

Result<std::unique_ptr<connector::Sink>> ObjectSink::Make(
    Parsed options, connector::Surroundings surroundings) {
  const std::string& path = options.path;
  if (!path.starts_with("s3://"))
    return errors::kReadOnlyFiles.Make({.file = io::ShownUrl(path)}, "");
  const size_t bucket = std::string_view("s3://").size();
  const size_t slash = std::min(path.find('/', bucket), path.size());
  std::string key = path.substr(std::min(slash + 1, path.size()));
  const bool folder = key.empty() || key.ends_with('/') ||
                      !options.own.GetString("partition_by").empty() ||
                      RollOptionsOf(options.own).any();
  ObjectNames names;
  names.extension = "." + options.format->extension(options.format_options);
  if (surroundings.checkpointed) names.pipeline = surroundings.pipeline;
  if (folder) {
    while (key.ends_with('/')) key.pop_back();
    names.prefix = key.empty() ? "" : key + "/";
    key.clear();
  } else if (surroundings.checkpointed) {
    return errors::kObjectIsWhole.Make({.file = path}, "with checkpoints it grows");
  } else if (options.own.GetString("mode") == "append") {
    return errors::kObjectIsWhole.Make({.file = path}, "mode is 'append'");
  }
  ARROW_ASSIGN_OR_RAISE(auto access,
                        connector::StoreAccess::Make(path, options.own, surroundings));
  return std::unique_ptr<connector::Sink>(
      new ObjectSink(std::move(options), std::move(surroundings), std::move(access),
                     std::move(names), std::move(key)));
}

ObjectSink::ObjectSink(Parsed options, connector::Surroundings surroundings,
                       std::shared_ptr<connector::StoreAccess> access, ObjectNames names,
                       std::string key)
    : options_(std::move(options)),
      surroundings_(std::move(surroundings)),
      mode_(options_.own.GetString("mode")),
      access_(std::move(access)),
      names_(std::move(names)),
      key_(std::move(key)) {}

// What can't be aborted now is aborted by Recover, or by the bucket's rule.
ObjectSink::~ObjectSink() { (void)GiveUp(/*spare_prepared=*/true); }

Status ObjectSink::CheckDestination() {
  if (!folder()) {
    if (mode_ != "error") {
      // An object that is there or not: both show that the bucket can be reached.
      const Status status = store().Head(key_).status();
      return Is(status, errors::kFileNotFound) ? Status::OK() : status;
    }
    const auto info = store().Head(key_);
    if (info.ok()) return errors::kDestinationExists.Make({.file = options_.path}, "");
    return Is(info.status(), errors::kFileNotFound) ? Status::OK() : info.status();
  }
  std::vector<ObjectBeginning::Replaced> replaced;
  return CheckFolder(&replaced);
}

Status ObjectSink::CheckReachable() {
  return store().List(names_.prefix, "/",
                      [](const io::ObjectPage&) -> Result<bool> { return false; });
}

// Fails where the mode forbids what is there; `replaced` gets what an overwrite replaces.
Status ObjectSink::CheckFolder(std::vector<ObjectBeginning::Replaced>* replaced) {
  if (mode_ == "append") return CheckReachable();
  return store().List(names_.prefix, "", [&](const io::ObjectPage& page) -> Result<bool> {
    for (const io::ObjectInfo& object : page.objects) {
      const std::string_view inside =
          std::string_view(object.key).substr(names_.prefix.size());
      if (!IsVisible(inside)) continue;
      if (mode_ == "error") {
        return errors::kDestinationExists.Make({.file = options_.path},
                                               "the folder holds {}", inside);
      }
      if (!IsOfTable(inside) || !inside.ends_with(names_.extension)) continue;
      if (!io::NameOf(object.key).starts_with("part-")) {
        return errors::kForeignFiles.Make({.file = options_.path}, "{}", inside);
      }
      replaced->push_back({object.key, object.etag});
    }
    return true;
  });
}

Status ObjectSink::Preflight(connector::Report& report) {
  const std::string subject = "sink " + options_.path;
  // What stands there may be of an earlier run of this pipeline.
  const Status status = later_run() ? CheckReachable() : CheckDestination();
  if (!status.ok()) {
    report.Error(subject, status);
  } else {
    report.Note(subject, folder() ? "a folder of objects" : "one object");
  }
  return Status::OK();
}

Status ObjectSink::EnsureTable(const std::shared_ptr<arrow::Schema>& schema,
                               const std::vector<std::string>&) {
  ARROW_ASSIGN_OR_RAISE(const auto ordered, WithRowOrder(schema, options_));
  ARROW_ASSIGN_OR_RAISE(
      Partitions partitions,
      Partitions::Make(options_.own.GetString("partition_by"), ordered));
  partitions_ = std::make_shared<const Partitions>(std::move(partitions));
  if (!later_run()) return BeginFirst();
  ARROW_ASSIGN_OR_RAISE(beginning_, LoadBeginning(store(), names_.BeginningKey()));
  saved_ = beginning_.has_value();
  return Status::OK();
}

Status ObjectSink::BeginFirst() {
  ObjectBeginning beginning;
  beginning.incarnation = NewIncarnation();
  if (folder()) {
    ARROW_RETURN_NOT_OK(CheckFolder(&beginning.replaced));
  } else {
    ARROW_RETURN_NOT_OK(CheckDestination());
  }
  beginning_ = std::move(beginning);
  return SaveBeginning();
}

// A run before this one ended before it had written down how it began, or after it had
// finished. `last`: what the checkpoints know.
Status ObjectSink::DecideBeginning(Epoch last) {
  if (beginning_) return Status::OK();
  if (last.value == 0) return BeginFirst();
  beginning_ = ObjectBeginning{.incarnation = NewIncarnation(), .published = true};
  return Status::OK();
}

// Without checkpoints it lasts as long as this process.
Status ObjectSink::SaveBeginning() {
  if (!surroundings_.checkpointed) return Status::OK();
  ARROW_RETURN_NOT_OK(failpoint::Reach("objects.begin.put"));
  ARROW_RETURN_NOT_OK(
      store().Put(names_.BeginningKey(), beginning_->Encode(), {}).status());
  saved_ = true;
  return failpoint::Reach("objects.begin.done");
}

Status ObjectSink::Apply(const connector::SchemaChange&) {
  return Status::NotImplemented("objects keep the schema that they began with");
}

Result<std::unique_ptr<connector::SinkWriter>> ObjectSink::Open(WriterId writer) {
  ARROW_RETURN_NOT_OK(DecideBeginning(Epoch{0}));
  opened_ = true;
  if (!uploads_) {
    UploadOptions uploads;
    uploads.access = access_;
    uploads.names = names_;
    uploads.incarnation = beginning_->incarnation;
    uploads.attempt = surroundings_.checkpointed ? surroundings_.attempt : 0;
    uploads.only_key = key_;
    uploads.executor = surroundings_.executor;
    uploads.memory = surroundings_.memory;
    uploads_ = std::make_shared<Uploads>(std::move(uploads));
    uploads_->began = beginning_->published;
  }
  PartOptions options = PartOptionsOf(options_, partitions_, writer);
  options.place = uploads_;
  options.next_epoch = next_epoch_;
  return MakePartWriter(std::move(options), writer, surroundings_);
}

Result<std::unique_ptr<data::RowEncoder>> ObjectSink::NewEncoder() {
  if (folder() || !options_.format->encodes_splits(options_.format_options)) {
    return nullptr;
  }
  return options_.format->MakeEncoder(
      options_.format_options, partitions_->file_schema(),
      {surroundings_.memory->pool(), data::BadRowPolicy::kFail});
}

// Secrets don't go into notes: whoever drops them has their own.
std::string ObjectSink::strays() const {
  if (!surroundings_.checkpointed) return "";
  nlohmann::json out;
  out["path"] = options_.path;
  out["prefix"] = names_.prefix;
  out["pipeline"] = names_.pipeline;
  out["extension"] = names_.extension;
  auto& given = out["options"] = nlohmann::json::object();
  for (const OptionSpec& option : io::ObjectStoreSpec().options()) {
    if (option.secret || option.name == "access_key_id") continue;
    if (!options_.own.has(option.name) || !options_.own.given(option.name)) continue;
    given[option.name] = option.type == OptionType::kBool
                             ? (options_.own.GetBool(option.name) ? "true" : "false")
                             : options_.own.GetString(option.name);
  }
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string ObjectSink::example() const {
  if (!folder()) return options_.path;
  return access_->store().root() + names_.prefix + (partitioned() ? "key=value/" : "") +
         "part-1" + names_.extension;
}

Result<int64_t> DropUploads(const std::string& strays,
                            const connector::Surroundings& surroundings) {
  ObjectNames names;
  std::string path;
  connector::Options given;
  try {
    const auto in = nlohmann::json::parse(strays);
    path = in.at("path");
    names.prefix = in.at("prefix");
    names.pipeline = in.at("pipeline");
    names.extension = in.at("extension");
    given = in.at("options").get<connector::Options>();
  } catch (const nlohmann::json::exception&) {
    return errors::kInternal.Make({}, "'{}' does not say where uploads are", strays);
  }
  static const ConfigSpec spec = io::ObjectStoreSpec().Plus(io::ObjectStoreWriteSpec());
  ARROW_ASSIGN_OR_RAISE(const Config options,
                        spec.Parse("checkpoint", given, surroundings.environment));
  ARROW_ASSIGN_OR_RAISE(auto access,
                        connector::StoreAccess::Make(path, options, surroundings));
  io::ObjectStore& store = access->store();
  ARROW_ASSIGN_OR_RAISE(const auto beginning, LoadBeginning(store, names.BeginningKey()));
  if (!beginning) return 0;
  ARROW_ASSIGN_OR_RAISE(const int64_t aborted,
                        AbortAll(store, names, beginning->incarnation));
  ARROW_RETURN_NOT_OK(store.Delete({names.BeginningKey()}));
  return aborted;
}

Result<ObjectSink::Plan> ObjectSink::PlanOf(
    const std::vector<connector::CommitToken>& tokens) {
  Plan out;
  for (const connector::CommitToken& token : tokens) {
    if (token.empty()) continue;
    ARROW_ASSIGN_OR_RAISE(UploadToken plan, UploadToken::Decode(token.bytes));
    out.last |= plan.last;
    std::move(plan.objects.begin(), plan.objects.end(), std::back_inserter(out.objects));
  }
  return out;
}

// An epoch of a partitioned folder has hundreds of objects: they are completed side by
// side.
Future<> ObjectSink::Commit(Epoch, std::vector<connector::CommitToken> tokens) {
  auto planned = PlanOf(tokens);
  if (!planned.ok()) return Future<>::MakeFinished(planned.status());
  auto plan = std::make_shared<const Plan>(std::move(*planned));
  if (plan->empty()) return Future<>::MakeFinished();
  if (const Status status = failpoint::Reach("objects.commit"); !status.ok())
    return Future<>::MakeFinished(status);
  Executor* executor = surroundings_.executor;
  return access_
      ->ForEach(executor, plan->objects.size(),
                [this, plan](size_t i) { return Complete(plan->objects[i]); })
      .Then([this, plan, executor, access = access_] {
        return access->ForEach(executor, 1,
                               [this, plan](size_t) { return Conclude(*plan); });
      });
}

Status ObjectSink::CommitNow(const Plan& plan) {
  if (plan.empty()) return Status::OK();
  ARROW_RETURN_NOT_OK(failpoint::Reach("objects.commit"));
  for (const UploadToken::Object& object : plan.objects) {
    ARROW_RETURN_NOT_OK(Complete(object));
  }
  return Conclude(plan);
}

// What follows when all objects of a plan are complete.
Status ObjectSink::Conclude(const Plan& plan) {
  // The new objects are there before the old ones go: a crash between leaves both, never
  // neither, and the next call goes on here.
  ARROW_RETURN_NOT_OK(RemoveReplaced());
  // An upload whose beginning was not answered was begun again: one of them is nobody's.
  if (plan.last && folder()) {
    ARROW_RETURN_NOT_OK(AbortAll(store(), names_, beginning_->incarnation).status());
  }
  if (plan.last && saved_) {
    ARROW_RETURN_NOT_OK(failpoint::Reach("objects.forget"));
    ARROW_RETURN_NOT_OK(store().Delete({names_.BeginningKey()}));
    ARROW_RETURN_NOT_OK(failpoint::Reach("objects.forgotten"));
    saved_ = false;
  } else if (!std::exchange(beginning_->published, true) && saved_) {
    ARROW_RETURN_NOT_OK(SaveBeginning());
  }
  {
    std::lock_guard lock(mutex_);
    completed_.clear();
  }
  committed_ = true;
  return failpoint::Reach("objects.committed");
}

Status ObjectSink::Complete(const UploadToken::Object& object) {
  bool again = false;
  {
    std::lock_guard lock(mutex_);
    again = completed_.contains(object.key);
  }
  if (!folder() && mode_ == "error" && !again) {
    const auto there = store().Head(object.key);
    if (there.ok()) {
      return errors::kDestinationExists.Make({.file = options_.path},
                                             "somebody else made it meanwhile");
    }
    if (!Is(there.status(), errors::kFileNotFound)) return there.status();
  }
  ARROW_RETURN_NOT_OK(failpoint::Reach("objects.complete"));
  {
    // It may be complete though no answer comes.
    std::lock_guard lock(mutex_);
    completed_.insert(object.key);
  }
  ARROW_RETURN_NOT_OK(
      store()
          .CompleteUpload(object.key, object.upload_id, object.parts(), object.size)
          .status());
  ARROW_RETURN_NOT_OK(failpoint::Reach("objects.completed"));
  if (uploads_) uploads_->Completed(object.key);
  return Status::OK();
}

// What somebody wrote anew meanwhile stays.
Status ObjectSink::RemoveReplaced() {
  if (beginning_->replaced.empty()) return Status::OK();
  std::map<std::string, std::string> etags;
  for (auto& [key, etag] : beginning_->replaced) etags[key] = etag;
  std::vector<std::string> keys;
  auto look = [&](const io::ObjectPage& page) -> Result<bool> {
    for (const io::ObjectInfo& object : page.objects) {
      const auto found = etags.find(object.key);
      if (found != etags.end() && found->second == object.etag) {
        keys.push_back(object.key);
      }
    }
    return true;
  };
  ARROW_RETURN_NOT_OK(store().List(names_.prefix, "", look));
  ARROW_RETURN_NOT_OK(failpoint::Reach("objects.replace"));
  if (!keys.empty()) ARROW_RETURN_NOT_OK(store().Delete(keys));
  ARROW_RETURN_NOT_OK(failpoint::Reach("objects.replaced"));
  beginning_->replaced.clear();
  // The next save says that they are gone.
  beginning_->published = false;
  return Status::OK();
}

Result<connector::RecoveryOutcome> ObjectSink::Recover(
    Epoch last, std::vector<connector::CommitToken> tokens) {
  connector::RecoveryOutcome outcome;
  // The run has failed: what its writers still send is not waited for.
  if (opened_) access_->End(kTidyNanos);
  ARROW_RETURN_NOT_OK(DecideBeginning(last));
  ARROW_ASSIGN_OR_RAISE(const Plan plan, PlanOf(tokens));
  const Status committed = CommitNow(plan);
  if (opened_) {
    ARROW_ASSIGN_OR_RAISE(outcome.aborted, GiveUp(/*spare_prepared=*/!committed.ok()));
  } else if (later_run()) {
    // Those that tokens name are complete, and listed no more.
    ARROW_RETURN_NOT_OK(committed);
    ARROW_ASSIGN_OR_RAISE(outcome.aborted,
                          AbortAll(store(), names_, beginning_->incarnation));
  }
  ARROW_RETURN_NOT_OK(committed);
  outcome.committed = static_cast<int64_t>(tokens.size());
  next_epoch_ = last.value + 1;
  return outcome;
}

Result<int64_t> ObjectSink::GiveUp(bool spare_prepared) {
  if (std::exchange(gave_up_, true)) return 0;
  access_->End(kTidyNanos);
  if (!uploads_) return 0;
  ARROW_ASSIGN_OR_RAISE(int64_t aborted,
                        uploads_->Abort(surroundings_.checkpointed && spare_prepared));
  if (surroundings_.checkpointed || !folder()) return aborted;
  // A folder gets all of its new objects or none; nobody else has these keys.
  if (!completed_.empty()) {
    ARROW_RETURN_NOT_OK(store().Delete({completed_.begin(), completed_.end()}));
    completed_.clear();
  }
  if (committed_) return aborted;
  // One whose beginning was not answered has no name that we know.
  ARROW_ASSIGN_OR_RAISE(const int64_t unknown,
                        AbortAll(store(), names_, beginning_->incarnation));
  return aborted + unknown;
}

}  // namespace millrace::files
