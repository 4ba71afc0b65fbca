#include "millrace/connectors/files/source.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <iterator>
#include <limits>
#include <set>

#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <nlohmann/json.hpp>

#include "millrace/connectors/files/errors.h"
#include "millrace/connectors/files/pipe_stream.h"
#include "millrace/connectors/files/schema_check.h"
#include "millrace/data/type_name.h"
#include "millrace/io/errors.h"

namespace millrace::files {

namespace {

// Tasks that may wait for a pipe of one source at the same time.
constexpr int kMostOpeners = 1024;
// A split's description is "<file> <range>", the range −1 for all of the file, or
// "<file> +<count>" for so many whole files one after another.
constexpr int64_t kWholeFile = -1;
// Small files share splits as long as there are so many of them: more than that only
// costs, above all in row groups of a few hundred rows each.
constexpr int64_t kSplitsOfSmallFiles = 16;
// What packed text becomes.
constexpr int64_t kUsualRatio = 8;
// Of unpacked frames: several readers are inside ranges that they have looked at before.
constexpr int64_t kLeastFrameCache = 8 << 20;
constexpr int64_t kMostFrameCache = 256 << 20;

// Reads ranges of one file, one after another. A position is "<index of the range> <the
// range's own position>".
class FileSplitReader final : public connector::SplitReader {
 public:
  FileSplitReader(std::string name, std::shared_ptr<formats::FileReader> file,
                  std::vector<size_t> ranges, formats::Pushdown pushdown,
                  formats::Context context)
      : name_(std::move(name)),
        file_(std::move(file)),
        ranges_(std::move(ranges)),
        pushdown_(std::move(pushdown)),
        context_(context) {}

  Status Seek(const data::Position& position) override {
    if (position.empty()) return Status::OK();
    const std::string& bytes = position.bytes();
    const size_t space = bytes.find(' ');
    auto [end, error] = std::from_chars(bytes.data(), bytes.data() + space, at_);
    if (space == std::string::npos || error != std::errc() || at_ >= ranges_.size()) {
      return errors::kInternal.Make({.file = name_},
                                    "a position that this split never gave out");
    }
    ARROW_ASSIGN_OR_RAISE(range_, file_->Open(ranges_[at_], pushdown_, context_));
    return range_->Seek(data::Position(bytes.substr(space + 1)));
  }

  Result<connector::PollResult> Poll(const Budget& budget, const Waker& waker) override {
    auto result = PollRange(budget, waker);
    if (!result.ok()) return WithWhere(result.status(), {.file = name_});
    return result;
  }

 private:
  Result<connector::PollResult> PollRange(const Budget& budget, const Waker& waker) {
    connector::PollResult out;
    for (; at_ < ranges_.size(); ++at_, range_.reset()) {
      if (!range_) {
        ARROW_ASSIGN_OR_RAISE(range_, file_->Open(ranges_[at_], pushdown_, context_));
      }
      ARROW_ASSIGN_OR_RAISE(formats::ReadResult read, range_->Next(budget, waker));
      out.bytes_read += read.bytes_read;
      for (data::DeadLetter& letter : read.dead_letters) {
        if (letter.where.file.empty()) letter.where.file = name_;
        out.dead_letters.push_back(std::move(letter));
      }
      if (read.state == formats::ReadResult::State::kPending) {
        out.state = connector::PollState::kPending;
        return out;
      }
      if (read.state == formats::ReadResult::State::kBatch) {
        out.state = connector::PollState::kBatch;
        out.batch.rows = std::move(read.rows);
        out.batch.end = data::Position(std::to_string(at_) + " " + read.position.bytes());
        return out;
      }
    }
    out.state = connector::PollState::kEnd;
    return out;
  }

  const std::string name_;
  const std::shared_ptr<formats::FileReader> file_;
  const std::vector<size_t> ranges_;
  const formats::Pushdown pushdown_;
  const formats::Context context_;
  size_t at_ = 0;
  std::unique_ptr<formats::RangeReader> range_;
};

// Reads whole files, one after another. A position is "<index of the file> <the file's
// own position>".
class FileRunReader final : public connector::SplitReader {
 public:
  using OpenFile =
      std::function<Result<std::unique_ptr<connector::SplitReader>>(size_t index)>;

  FileRunReader(size_t count, OpenFile open) : count_(count), open_(std::move(open)) {}

  Status Seek(const data::Position& position) override {
    if (position.empty()) return Status::OK();
    const std::string& bytes = position.bytes();
    const size_t space = bytes.find(' ');
    auto [end, error] = std::from_chars(bytes.data(), bytes.data() + space, at_);
    if (space == std::string::npos || error != std::errc() || at_ >= count_) {
      return errors::kInternal.Make({}, "a position that this split never gave out");
    }
    ARROW_ASSIGN_OR_RAISE(file_, open_(at_));
    return file_->Seek(data::Position(bytes.substr(space + 1)));
  }

  Result<connector::PollResult> Poll(const Budget& budget, const Waker& waker) override {
    connector::PollResult out;
    // What files without rows tell goes out with the next that has some.
    for (; at_ < count_; ++at_, file_.reset()) {
      if (!file_) {
        ARROW_ASSIGN_OR_RAISE(file_, open_(at_));
      }
      ARROW_ASSIGN_OR_RAISE(connector::PollResult polled, file_->Poll(budget, waker));
      polled.bytes_read += out.bytes_read;
      polled.dead_letters.insert(polled.dead_letters.begin(),
                                 std::make_move_iterator(out.dead_letters.begin()),
                                 std::make_move_iterator(out.dead_letters.end()));
      out = std::move(polled);
      if (out.state == connector::PollState::kEnd) continue;
      if (out.state == connector::PollState::kBatch) {
        out.batch.end = data::Position(std::to_string(at_) + " " + out.batch.end.bytes());
      }
      return out;
    }
    out.state = connector::PollState::kEnd;
    return out;
  }

 private:
  const size_t count_;
  const OpenFile open_;
  size_t at_ = 0;
  std::unique_ptr<connector::SplitReader> file_;
};

// What a split reads.
struct Described {
  explicit Described(const connector::Split& split) {
    const std::string& text = split.description;
    const char* const end = text.data() + text.size();
    const size_t space = text.find(' ');
    if (space == std::string::npos) return;
    std::from_chars(text.data(), text.data() + space, file);
    const char* behind = text.data() + space + 1;
    if (behind < end && *behind == '+') {
      std::from_chars(behind + 1, end, count);
    } else {
      std::from_chars(behind, end, range);
    }
  }
  /// Are all of its files among `files`?
  bool Within(size_t files) const {
    return file < files && count >= 1 && count <= files - file;
  }

  size_t file = std::numeric_limits<size_t>::max();
  int64_t range = kWholeFile;
  size_t count = 1;
};

std::string ColumnNames(const arrow::Schema& schema) {
  std::string out;
  for (const auto& field : schema.fields()) {
    out += (out.empty() ? "" : ", ") + field->name() + " " +
           data::SqlTypeName(*field->type());
  }
  return out;
}

bool IsStdin(const std::string& path) { return path == "-" || path == "/dev/stdin"; }

// A folder may hold a README beside its data. Where no name tells anything, all is data.
void KeepFormatsFiles(const formats::Format& format, std::vector<io::FileInfo>* files) {
  auto fits = [&](const io::FileInfo& file) { return HasExtensionOf(format, file.path); };
  if (std::none_of(files->begin(), files->end(), fits)) return;
  std::erase_if(*files, [&](const io::FileInfo& file) { return !fits(file); });
}

connector::Surroundings WithFiles(connector::Surroundings surroundings,
                                  const Parsed& options) {
  surroundings.files = options.files;
  return surroundings;
}

}  // namespace

FilesSource::FilesSource(Parsed options, std::shared_ptr<arrow::Schema> declared,
                         connector::Surroundings surroundings)
    : options_(std::move(options)),
      declared_(std::move(declared)),
      surroundings_(WithFiles(std::move(surroundings), options_)),
      openers_(MakeThreadExecutor(kMostOpeners)),
      offload_(surroundings_, openers_.get()),
      frames_(std::make_shared<io::FrameCache>(std::clamp(
          surroundings_.memory->limit() / 8, kLeastFrameCache, kMostFrameCache))),
      split_size_(options_.own.GetInt("split_size")) {}

formats::Context FilesSource::FormatContext() const {
  return {surroundings_.memory->pool(),
          options_.own.GetString("on_error") == "dead_letter"
              ? data::BadRowPolicy::kDeadLetter
              : data::BadRowPolicy::kFail,
          surroundings_.executor};
}

FilesSource::~FilesSource() {
  offload_.Close();
  if (options_.remote) options_.remote->Close();
}

connector::Replay FilesSource::replay() const {
  if (options_.remote) return connector::Replay::kSeek;
  auto is_stream = [](const io::FileInfo& info) { return !info.seekable; };
  bool streams = IsStdin(options_.path);
  if (!files_.empty()) {
    for (const auto& file : files_) streams |= is_stream(file->info);
  } else if (!streams) {
    const auto found = io::ExpandPath(*surroundings_.files, options_.path);
    streams = found.ok() && std::any_of(found->begin(), found->end(), is_stream);
  }
  return streams ? connector::Replay::kNever : connector::Replay::kSeek;
}

Status FilesSource::Expand() {
  if (!files_.empty()) return Status::OK();
  std::vector<io::FileInfo> found;
  if (IsStdin(options_.path)) {
    io::FileInfo pipe;
    pipe.path = "stdin";
    pipe.size = -1;
    pipe.seekable = false;
    found.push_back(pipe);
  } else {
    ARROW_ASSIGN_OR_RAISE(found, io::ExpandPath(*surroundings_.files, options_.path));
    const auto info = surroundings_.files->Stat(options_.path);
    if (info.ok() && info->directory) KeepFormatsFiles(*options_.format, &found);
  }
  for (io::FileInfo& info : found) {
    if (!info.seekable && !options_.format->can_read_stream()) {
      return errors::kNeedsSeekableFile.Make(
          {.file = info.path}, "format '{}' needs a file", options_.format->name());
    }
    files_.push_back(std::make_unique<File>());
    files_.back()->info = std::move(info);
  }
  return FindHiveColumns();
}

Status FilesSource::FindHiveColumns() {
  std::vector<std::string> paths;
  for (const auto& file : files_) paths.push_back(file->info.path);
  ARROW_ASSIGN_OR_RAISE(
      HiveColumns columns,
      HiveColumns::Make(options_.own.GetString("hive_partitioning"), paths, declared_,
                        surroundings_.memory->pool()));
  in_files_ = declared_ ? columns.Without(*declared_) : nullptr;
  hive_ = std::make_shared<const HiveColumns>(std::move(columns));
  return Status::OK();
}

Result<std::shared_ptr<formats::FileReader>> FilesSource::OpenRows(size_t file) {
  ARROW_ASSIGN_OR_RAISE(auto reader, OpenFile(*files_[file]));
  if (hive_->empty()) return reader;
  return MakeHiveFile(std::move(reader), schema_, hive_, file);
}

// The one that teaches the columns. Text without any byte teaches nothing, and has no
// rows wherever it stands.
FilesSource::File& FilesSource::First() const {
  const auto found =
      options_.format->columns_told() == formats::ColumnsTold::kStored
          ? files_.begin()
          : std::find_if(files_.begin(), files_.end(),
                         [](const auto& file) { return file->info.size != 0; });
  return found == files_.end() ? *files_.front() : **found;
}

// Files may hold the columns that their folders name as well.
Result<std::shared_ptr<formats::FileReader>> FilesSource::OpenFirst() {
  auto opened = OpenFile(First());
  if (opened.ok() || !declared_ || hive_->empty() || !First().info.seekable) {
    return opened;
  }
  auto without = std::exchange(in_files_, declared_);
  auto with = OpenFile(First());
  if (with.ok()) return with;
  in_files_ = std::move(without);
  return opened;
}

// One stream serves every try to open the file, as long as none has taken anything.
Status FilesSource::OpenStream(File& file) {
  if (file.stream && file.stream->touched()) {
    return errors::kFileUnreadable.Make({.file = file.info.path},
                                        "a stream can't be read again");
  }
  if (file.stream) {
    file.stream->TryAgain();
    return Status::OK();
  }
  connector::Surroundings surroundings = surroundings_;
  surroundings.given_up = offload_.given_up();
  if (IsStdin(options_.path)) {
    file.stream = OpenStdin(surroundings);
  } else {
    ARROW_ASSIGN_OR_RAISE(file.stream, OpenPipe(file.info.path, surroundings));
  }
  return Status::OK();
}

bool FilesSource::IsUnopenedPipe(File& file) const {
  if (file.info.seekable) return false;
  std::lock_guard lock(file.mutex);
  return file.kept == nullptr;
}

Result<std::shared_ptr<formats::FileReader>> FilesSource::OpenFile(File& file) {
  std::lock_guard lock(file.mutex);
  if (file.kept) return file.kept;
  formats::Input input;
  input.name = file.info.path;
  input.file_size = file.info.size;
  input.frames = frames_;
  if (file.info.seekable) {
    ARROW_ASSIGN_OR_RAISE(input.file, surroundings_.files->OpenRead(file.info.path));
    ARROW_ASSIGN_OR_RAISE(input.file_size, input.file->GetSize());
  } else {
    ARROW_RETURN_NOT_OK(OpenStream(file));
    input.stream = file.stream;
  }
  // What the first file taught holds for all: a later one is not inferred again, it has
  // to fit.
  const auto& expected = in_files_;
  const bool is_first = &file == &First();
  std::shared_ptr<formats::FileReader> reader;
  if (options_.own.has("schema_policy") && input.file && expected) {
    auto opened = OpenByPolicy(options_, input, expected, FormatContext());
    if (!opened.ok()) return WithWhere(opened.status(), {.file = file.info.path});
    reader = std::move(*opened);
  } else {
    ARROW_ASSIGN_OR_RAISE(const auto first,
                          is_first ? Result<std::shared_ptr<formats::FileReader>>(nullptr)
                                   : OpenFile(First()));
    auto opened = options_.format->OpenReader(std::move(input), options_.format_options,
                                              expected, first.get(), FormatContext());
    if (!opened.ok()) return WithWhere(opened.status(), {.file = file.info.path});
    reader = std::move(*opened);
    if (expected && !reader->schema()->Equals(*expected, /*check_metadata=*/false)) {
      return errors::kSchemaDiffers.Make(
          {.file = file.info.path}, "it has ({}), expected ({})",
          ColumnNames(*reader->schema()), ColumnNames(*expected));
    }
  }
  // A pipe can be opened once only; a file that is read in parts shares what its parts
  // learn.
  const bool parts = MayHaveParts(file.info);
  if (!file.info.seekable || parts || is_first) file.kept = reader;
  return reader;
}

// Large enough to be read in parallel, as far as a look at the folder tells.
bool FilesSource::MayHaveParts(const io::FileInfo& info) const {
  return WeightOf(info) > split_size_;
}

Result<std::shared_ptr<arrow::Schema>> FilesSource::InferSchema() {
  if (schema_) return schema_;
  ARROW_RETURN_NOT_OK(Expand());
  ARROW_ASSIGN_OR_RAISE(auto reader, OpenFirst());
  in_files_ = reader->schema();
  if (hive_->empty()) {
    schema_ = in_files_;
  } else {
    schema_ = declared_ ? declared_ : hive_->With(*in_files_);
  }
  return schema_;
}

// The files in reading order, with what tells that one has changed since, and the size
// that the numbers of their ranges depend on.
Result<std::string> FilesSource::DiscoveryState() {
  nlohmann::json files = nlohmann::json::array();
  for (const auto& file : files_) {
    const io::FileInfo& info = file->info;
    files.push_back({info.path, info.size, info.modified_micros});
    if (!info.version.empty()) files.back().push_back(info.version);
  }
  const nlohmann::json out{{"split_size", split_size_}, {"files", std::move(files)}};
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Status FilesSource::Restore(const std::string& discovery_state,
                            const std::vector<connector::SplitState>& unfinished) {
  const auto state = nlohmann::json::parse(discovery_state, nullptr, false);
  if (!state.is_object() || !state.value("files", nlohmann::json()).is_array() ||
      !state.value("split_size", nlohmann::json()).is_number_integer()) {
    return errors::kBadFilesState.Make({.file = options_.path}, "it is no list of files");
  }
  if (replay() == connector::Replay::kNever) {
    return errors::kStreamGone.Make({.file = options_.path}, "");
  }
  files_.clear();
  schema_.reset();
  split_size_ = state["split_size"].get<int64_t>();
  for (const auto& entry : state["files"]) {
    if (!entry.is_array() || entry.size() < 3 || entry.size() > 4 ||
        !entry[0].is_string() || !entry[1].is_number_integer() ||
        !entry[2].is_number_integer() || (entry.size() == 4 && !entry[3].is_string())) {
      return errors::kBadFilesState.Make({.file = options_.path},
                                         "one of its files is none");
    }
    const auto path = entry[0].get<std::string>();
    ARROW_ASSIGN_OR_RAISE(io::FileInfo info, surroundings_.files->Stat(path));
    if (!info.seekable || info.size != entry[1].get<int64_t>() ||
        info.modified_micros != entry[2].get<int64_t>() ||
        info.version != (entry.size() == 4 ? entry[3].get<std::string>() : "")) {
      return errors::kFileChanged.Make({.file = path}, "");
    }
    files_.push_back(std::make_unique<File>());
    files_.back()->info = std::move(info);
  }
  ARROW_RETURN_NOT_OK(FindHiveColumns());
  ARROW_RETURN_NOT_OK(InferSchema().status());
  splits_.clear();
  std::set<size_t> ranged;
  for (const connector::SplitState& state : unfinished) {
    const Described described(state.split);
    if (!described.Within(files_.size())) {
      return errors::kInternal.Make({},
                                    "a checkpoint names a file that it does not list");
    }
    if (described.range != kWholeFile && ranged.insert(described.file).second) {
      ARROW_ASSIGN_OR_RAISE(auto reader, OpenFile(*files_[described.file]));
      ARROW_RETURN_NOT_OK(reader->Ranges(split_size_).status());
    }
    splits_.push_back(state.split);
  }
  restored_ = true;
  return Status::OK();
}

// In the order of names, whoever reads them: which file is the earlier one must not
// depend on chance. A run that goes on from a checkpoint has the files of the first.
Status FilesSource::CompareFiles() {
  if (!ComparesAll(options_)) return Status::OK();
  EarlierFiles earlier(options_, in_files_);
  for (const auto& file : files_) {
    if (!file->info.seekable) continue;
    formats::Input input;
    input.name = file->info.path;
    ARROW_ASSIGN_OR_RAISE(input.file, surroundings_.files->OpenRead(input.name));
    ARROW_ASSIGN_OR_RAISE(input.file_size, input.file->GetSize());
    const Status status = earlier.Compare(input, FormatContext()).status();
    if (!status.ok()) return WithWhere(status, {.file = input.name});
  }
  return Status::OK();
}

Result<std::vector<connector::Split>> FilesSource::Discover() {
  if (restored_ || !splits_.empty()) {
    // Nobody has read any: time is known to go by splits only now.
    if (!restored_ && event_time_) ARROW_RETURN_NOT_OK(CutSplits());
    ARROW_RETURN_NOT_OK(FindEventTimes());
    return splits_;
  }
  ARROW_RETURN_NOT_OK(InferSchema().status());
  ARROW_RETURN_NOT_OK(CompareFiles());
  ARROW_RETURN_NOT_OK(CutSplits());
  return splits_;
}

Status FilesSource::CutSplits() {
  splits_.clear();
  auto add = [this](std::string name, std::string description, int64_t bytes,
                    int64_t rows) {
    connector::Split split;
    split.id = SplitId{static_cast<int64_t>(splits_.size())};
    split.name = std::move(name);
    split.description = std::move(description);
    split.approximate_bytes = bytes;
    split.approximate_rows = rows;
    splits_.push_back(std::move(split));
  };
  const int64_t run_weight = RunWeight();
  for (size_t i = 0; i < files_.size();) {
    const io::FileInfo& info = files_[i]->info;
    if (!MayMatch(i)) {
      add(info.path, fmt::format("{} {}", i, kWholeFile), 0, 0);
      ++i;
      continue;
    }
    if (!info.seekable || !MayHaveParts(info)) {
      const size_t count = RunFrom(i, run_weight);
      if (count == 1) {
        add(info.path, fmt::format("{} {}", i, kWholeFile),
            std::max<int64_t>(info.size, 0), -1);
      } else {
        int64_t bytes = 0;
        for (size_t f = i; f < i + count; ++f) bytes += files_[f]->info.size;
        add(fmt::format("{} and {} more", info.path, count - 1),
            fmt::format("{} +{}", i, count), bytes, -1);
      }
      i += count;
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(auto reader, OpenFile(*files_[i]));
    ARROW_ASSIGN_OR_RAISE(auto ranges, reader->Ranges(split_size_));
    for (size_t r = 0; r < ranges.size(); ++r) {
      add(fmt::format("{}[{}/{}]", info.path, r + 1, ranges.size()),
          fmt::format("{} {}", i, r), ranges[r].approximate_bytes,
          ranges[r].approximate_rows);
    }
    ++i;
  }
  return Status::OK();
}

// As MayHaveParts compares it with the size of a split.
int64_t FilesSource::WeightOf(const io::FileInfo& info) const {
  const bool packed = CompressionNamed(options_, info.path) != io::Compression::kNone;
  return packed ? info.size * kUsualRatio : info.size;
}

// The weight of the small files that one split reads. 0 where each is a split: time goes
// by splits, and the rows of a later file may be older than those of the one before.
int64_t FilesSource::RunWeight() const {
  if (event_time_) return 0;
  int64_t all = 0;
  for (const auto& file : files_) {
    if (file->info.seekable && !MayHaveParts(file->info)) all += WeightOf(file->info);
  }
  return std::min(split_size_, all / kSplitsOfSmallFiles);
}

// How many files the split has that begins with small file `first`.
size_t FilesSource::RunFrom(size_t first, int64_t run_weight) const {
  int64_t weight = 0;
  size_t end = first;
  for (; end < files_.size(); ++end) {
    const io::FileInfo& info = files_[end]->info;
    if (!info.seekable || MayHaveParts(info) || !MayMatch(end)) break;
    weight += WeightOf(info);
    if (weight > run_weight) break;
  }
  return std::max<size_t>(end - first, 1);
}

// Unread splits hold the watermark back at the minimum that their statistics give. Only
// files that are open already are asked: opening ten thousand small ones for their
// footers would cost more than it gains.
Status FilesSource::FindEventTimes() {
  if (!event_time_) return Status::OK();
  for (connector::Split& split : splits_) {
    const Described described(split);
    if (described.range == kWholeFile) continue;
    ARROW_ASSIGN_OR_RAISE(auto reader, OpenRows(described.file));
    if (auto least =
            reader->MinEventTime(static_cast<size_t>(described.range), *event_time_)) {
      split.min_event_time = *least;
    }
  }
  return Status::OK();
}

Status FilesSource::Preflight(connector::Report& report) {
  const std::string subject = "source " + options_.path;
  Status status = InferSchema().status();
  for (size_t i = 1; status.ok() && i < files_.size(); ++i) {
    if (files_[i]->info.seekable)
      status = surroundings_.files->OpenRead(files_[i]->info.path).status();
  }
  if (status.ok()) status = CompareFiles();
  if (!status.ok()) {
    report.Error(subject, status);
  } else {
    report.Note(subject,
                fmt::format("{} file{}, {} columns", files_.size(),
                            files_.size() == 1 ? "" : "s", schema_->num_fields()));
  }
  return Status::OK();
}

connector::Accepted FilesSource::Push(const connector::Pushdown& pushdown) {
  pushdown_.columns = pushdown.columns;
  pushdown_.predicate = pushdown.predicate;
  pushdown_.limit = pushdown.limit;
  event_time_ = pushdown.event_time;
  return {.columns = true, .predicate_exact = false, .limit = false};
}

Result<std::unique_ptr<connector::SplitReader>> FilesSource::Open(
    const connector::Split& split) {
  if (options_.remote) {
    return options_.remote->Offload([this, split] { return OpenHere(split); });
  }
  const Described described(split);
  if (described.Within(files_.size()) && IsUnopenedPipe(*files_[described.file])) {
    return offload_.Read([this, split] { return OpenHere(split); });
  }
  return OpenHere(split);
}

Result<std::unique_ptr<connector::SplitReader>> FilesSource::OpenHere(
    const connector::Split& split) {
  const Described described(split);
  if (!described.Within(files_.size())) {
    return errors::kInternal.Make({}, "split '{}' is none of this source",
                                  split.description);
  }
  if (described.count == 1) return OpenSplit(described.file, described.range);
  return std::make_unique<FileRunReader>(described.count,
                                         [this, first = described.file](size_t index) {
                                           return OpenSplit(first + index, kWholeFile);
                                         });
}

Result<std::unique_ptr<connector::SplitReader>> FilesSource::OpenSplit(size_t file,
                                                                       int64_t range) {
  // What a pipe gave is gone: a second reader would begin in the middle.
  File& opened = *files_[file];
  if (!opened.info.seekable && opened.taken.exchange(true)) {
    return errors::kFileUnreadable.Make({.file = opened.info.path},
                                        "a stream can't be read again");
  }
  std::vector<size_t> ordinals;
  // Its folders rule it out.
  if (!MayMatch(file)) {
    return std::make_unique<FileSplitReader>(
        opened.info.path, nullptr, std::move(ordinals), pushdown_, FormatContext());
  }
  ARROW_ASSIGN_OR_RAISE(auto reader, OpenRows(file));
  if (range == kWholeFile) {
    ARROW_ASSIGN_OR_RAISE(auto ranges, reader->Ranges(split_size_));
    for (size_t i = 0; i < ranges.size(); ++i) ordinals.push_back(i);
  } else {
    ordinals.push_back(static_cast<size_t>(range));
  }
  return std::make_unique<FileSplitReader>(files_[file]->info.path, std::move(reader),
                                           std::move(ordinals), pushdown_,
                                           FormatContext());
}

}  // namespace millrace::files
