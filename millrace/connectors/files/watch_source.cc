#include "millrace/connectors/files/watch_source.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/type.h>
#include <arrow/util/base64.h>
#include <nlohmann/json.hpp>

#include "millrace/connectors/files/errors.h"

namespace millrace::files {

namespace {

using nlohmann::json;

// One file in the state: [path, device, inode, mark size, mark hash, split, born]. The
// first version had no time of birth, and marks of 256 bytes, which are read as they are.
bool IsFile(const json& entry) {
  if (!entry.is_array() || (entry.size() != 6 && entry.size() != 7) ||
      !entry[0].is_string()) {
    return false;
  }
  for (size_t i = 1; i < 5; ++i) {
    if (!entry[i].is_number_unsigned()) return false;
  }
  return entry[5].is_number_integer() &&
         (entry.size() == 6 || entry[6].is_number_integer());
}

Result<std::string> SchemaText(const arrow::Schema& schema, arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto bytes, arrow::ipc::SerializeSchema(schema, pool));
  return arrow::util::base64_encode(
      {reinterpret_cast<const char*>(bytes->data()), static_cast<size_t>(bytes->size())});
}

Result<std::shared_ptr<arrow::Schema>> SchemaOf(const json& text) {
  if (!text.is_string()) return Status::Invalid("its schema is no text");
  ARROW_ASSIGN_OR_RAISE(const std::string bytes,
                        arrow::util::base64_decode(text.get<std::string>()));
  arrow::io::BufferReader stream(std::make_shared<arrow::Buffer>(bytes));
  arrow::ipc::DictionaryMemo memo;
  return arrow::ipc::ReadSchema(&stream, &memo);
}

}  // namespace

WatchSource::WatchSource(Parsed options, std::shared_ptr<arrow::Schema> declared,
                         connector::Surroundings surroundings)
    : options_(std::move(options)),
      surroundings_(std::move(surroundings)),
      search_(std::make_shared<WatchedFiles>(options_, surroundings_)) {
  reading_.options = std::make_shared<const Parsed>(options_);
  reading_.declared = declared != nullptr;
  reading_.schema = std::move(declared);
  reading_.context = {surroundings_.memory->pool(),
                      options_.own.GetString("on_error") == "dead_letter"
                          ? data::BadRowPolicy::kDeadLetter
                          : data::BadRowPolicy::kFail};
  reading_.files = surroundings_.files;
}

WatchSource::~WatchSource() { search_->Stop(); }

Result<std::shared_ptr<arrow::Schema>> WatchSource::InferSchema() {
  if (reading_.schema) return reading_.schema;
  // A look of its own: what Discover finds is new only after Restore has said what is
  // known.
  const auto look = std::make_shared<WatchedFiles>(options_, surroundings_);
  ARROW_RETURN_NOT_OK(look->Scan());
  std::map<std::string, WatchedFilePtr> by_name;
  for (const WatchedFilePtr& file : look->all()) by_name[file->path()] = file;
  for (const auto& [path, file] : by_name) {
    ARROW_ASSIGN_OR_RAISE(reading_.schema, InferWatched(reading_, path));
    if (reading_.schema) return reading_.schema;
  }
  return errors::kNothingToInfer.Make({.file = options_.path}, "");
}

// Those that files are compared with, once the columns are known; null where they are not
// compared.
EarlierFiles* WatchSource::Earlier() {
  if (!reading_.earlier && reading_.schema && ComparesAll(options_)) {
    reading_.earlier = std::make_shared<EarlierFiles>(options_, reading_.schema);
  }
  return reading_.earlier.get();
}

// In the order of names those that were found together: which of them is the earlier one
// must not depend on who reads first. What can't be told yet, the reader compares.
Status WatchSource::CompareFresh(const std::vector<WatchedFilePtr>& fresh) {
  EarlierFiles* const earlier = Earlier();
  if (earlier == nullptr) return Status::OK();
  for (const WatchedFilePtr& file : fresh) {
    // What else is wrong with it is the reader's to say.
    auto schema = InferWatched(reading_, file->path());
    if (!schema.ok() || *schema == nullptr) continue;
    ARROW_RETURN_NOT_OK(earlier->Compare(file->path(), std::move(*schema)).status());
  }
  return Status::OK();
}

Result<std::vector<connector::Split>> WatchSource::Discover() {
  ARROW_RETURN_NOT_OK(InferSchema().status());
  // Notices first: what comes between them and the look is not missed.
  if (!std::exchange(started_, true)) search_->Start();
  ARROW_RETURN_NOT_OK(search_->Scan());
  ARROW_ASSIGN_OR_RAISE(const auto fresh, search_->TakeFresh());
  ARROW_RETURN_NOT_OK(CompareFresh(fresh));
  std::vector<connector::Split> out = std::exchange(restored_, {});
  std::lock_guard guard(mutex_);
  for (const WatchedFilePtr& file : fresh) {
    file->split = SplitId{next_split_++};
    splits_[file->split.value] = file;
    connector::Split split;
    split.id = file->split;
    split.name = file->path();
    split.description = std::to_string(file->split.value);
    out.push_back(std::move(split));
  }
  return out;
}

Result<std::string> WatchSource::DiscoveryState() {
  json out;
  out["next"] = next_split_;
  arrow::MemoryPool* const pool = reading_.context.pool;
  if (reading_.schema) {
    ARROW_ASSIGN_OR_RAISE(out["schema"], SchemaText(*reading_.schema, pool));
  }
  if (reading_.earlier) {
    auto& earlier = out["earlier"] = json::array();
    for (const auto& [name, schema] : reading_.earlier->seen()) {
      ARROW_ASSIGN_OR_RAISE(std::string text, SchemaText(*schema, pool));
      earlier.push_back({name, std::move(text)});
    }
  }
  auto& files = out["files"] = json::array();
  for (const WatchedFilePtr& file : search_->all()) {
    // Those that are not told yet are found again.
    if (file->split.value < 0) continue;
    const FileMark mark = file->mark();
    files.push_back({file->path(), file->identity().device, file->identity().inode,
                     static_cast<uint64_t>(mark.size), mark.hash, file->split.value,
                     file->born()});
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

void WatchSource::ExpectRestore(const std::string& discovery_state) {
  if (reading_.schema) return;
  const json state = json::parse(discovery_state, nullptr, /*allow_exceptions=*/false);
  if (!state.is_object() || !state.contains("schema")) return;
  auto schema = SchemaOf(state["schema"]);
  if (schema.ok()) reading_.schema = std::move(*schema);
}

Status WatchSource::RestoreSchema(const std::shared_ptr<arrow::Schema>& schema) {
  // What was inferred now is what the query was planned with.
  if (reading_.schema && !reading_.schema->Equals(*schema, /*check_metadata=*/false)) {
    return errors::kSchemaDiffers.Make(
        {.file = options_.path}, "its columns were ({}), and are ({}): declare them",
        schema->ToString(), reading_.schema->ToString());
  }
  reading_.schema = schema;
  return Status::OK();
}

Status WatchSource::Restore(const std::string& discovery_state,
                            const std::vector<connector::SplitState>& unfinished) {
  const json state = json::parse(discovery_state, nullptr, /*allow_exceptions=*/false);
  auto bad = [&](const std::string& what) {
    return errors::kBadFilesState.Make({.file = options_.path}, "{}", what);
  };
  if (!state.is_object() || !state.contains("next") ||
      !state["next"].is_number_integer() || !state.contains("files") ||
      !state["files"].is_array()) {
    return bad("it is no list of files");
  }
  next_split_ = state["next"].get<int64_t>();
  if (state.contains("schema")) {
    const auto schema = SchemaOf(state["schema"]);
    if (!schema.ok()) return bad(schema.status().message());
    ARROW_RETURN_NOT_OK(RestoreSchema(*schema));
  }
  EarlierFiles* const earlier = Earlier();
  if (earlier != nullptr && state.contains("earlier")) {
    if (!state["earlier"].is_array()) return bad("its earlier columns are no list");
    for (const json& entry : state["earlier"]) {
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string())
        return bad("one of its earlier columns is none");
      auto schema = SchemaOf(entry[1]);
      if (!schema.ok()) return bad(schema.status().message());
      ARROW_RETURN_NOT_OK(
          earlier->Compare(entry[0].get<std::string>(), std::move(*schema)).status());
    }
  }
  std::map<int64_t, const connector::SplitState*> open;
  for (const connector::SplitState& split : unfinished)
    open[split.split.id.value] = &split;
  std::lock_guard guard(mutex_);
  for (const json& entry : state["files"]) {
    if (!IsFile(entry)) return bad("one of its files is none");
    FileMark mark{entry[3].get<int64_t>(), entry[4].get<uint64_t>()};
    const int64_t split = entry[5].get<int64_t>();
    const auto unread = open.find(split);
    if (unread != open.end()) {
      // The file may have begun anew since the list was written.
      if (auto at = WatchPosition::Decode(unread->second->position)) mark = at->mark;
    }
    auto file = std::make_shared<WatchedFile>(
        FileIdentity{entry[1].get<uint64_t>(), entry[2].get<uint64_t>()},
        entry.size() > 6 ? entry[6].get<int64_t>() : 0, entry[0].get<std::string>(),
        mark);
    file->split = SplitId{split};
    file->finished = unread == open.end();
    if (!file->finished) {
      splits_[split] = file;
      restored_.push_back(unread->second->split);
    }
    search_->Add(std::move(file));
  }
  return Status::OK();
}

Status WatchSource::Preflight(connector::Report& report) {
  const std::string subject = "source " + options_.path;
  const Status status = InferSchema().status();
  if (!status.ok()) {
    report.Error(subject, status);
  } else {
    report.Note(subject,
                fmt::format("watched, {} columns", reading_.schema->num_fields()));
  }
  return Status::OK();
}

connector::Accepted WatchSource::Push(const connector::Pushdown& pushdown) {
  reading_.pushdown.columns = pushdown.columns;
  reading_.pushdown.predicate = pushdown.predicate;
  reading_.pushdown.limit = std::nullopt;
  return {.columns = true, .predicate_exact = false, .limit = false};
}

Result<std::unique_ptr<connector::SplitReader>> WatchSource::Open(
    const connector::Split& split) {
  std::lock_guard guard(mutex_);
  const auto found = splits_.find(split.id.value);
  if (found == splits_.end()) {
    return errors::kInternal.Make({}, "split '{}' is none of this source", split.name);
  }
  if (!opened_with_) opened_with_ = std::make_shared<const WatchReading>(reading_);
  return MakeWatchReader(opened_with_, found->second, search_);
}

}  // namespace millrace::files
