#include "millrace/connectors/files/watch_reader.h"

#include <algorithm>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/ranges.h>

#include "millrace/base/error.h"
#include "millrace/connectors/files/errors.h"
#include "millrace/formats/input.h"
#include "millrace/io/errors.h"

namespace millrace::files {

namespace {

constexpr int64_t kHeadBytes = 1 << 20;
constexpr uint64_t kPositionVersion = 1;
constexpr int kVersionShift = 56;

void PutNumber(uint64_t value, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out->push_back(static_cast<char>(value >> shift));
}

uint64_t NumberAt(std::string_view bytes, size_t at) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// Offset after the last line end in the file's first bytes; 0 where there is none.
Result<int64_t> LinesOfHead(arrow::io::RandomAccessFile& file, int64_t size,
                            arrow::MemoryPool* pool) {
  ARROW_ASSIGN_OR_RAISE(auto head,
                        arrow::AllocateBuffer(std::min(size, kHeadBytes), pool));
  ARROW_ASSIGN_OR_RAISE(const int64_t got,
                        file.ReadAt(0, head->size(), head->mutable_data()));
  const std::string_view text(reinterpret_cast<const char*>(head->data()),
                              static_cast<size_t>(got));
  return static_cast<int64_t>(text.rfind('\n') + 1);
}

// The size of the file's part that has complete lines only, so far as its first bytes
// tell.
Result<int64_t> CompleteSize(arrow::io::RandomAccessFile& file, int64_t size,
                             arrow::MemoryPool* pool) {
  if (size > kHeadBytes) return size;
  return LinesOfHead(file, size, pool);
}

class WatchReader final : public connector::SplitReader {
 public:
  WatchReader(std::shared_ptr<const WatchReading> reading, WatchedFilePtr file,
              std::weak_ptr<WatchedFiles> search)
      : reading_(std::move(reading)), file_(std::move(file)), search_(std::move(search)) {
    at_.mark = file_->mark();
  }

  Status Seek(const data::Position& position) override {
    if (position.empty()) return Status::OK();
    auto at = WatchPosition::Decode(position);
    if (!at) {
      return errors::kBadFilesState.Make({.file = file_->path()},
                                         "a position that this version never gave out");
    }
    at_ = std::move(*at);
    file_->SetMark(at_.mark);
    return Status::OK();
  }

  Result<connector::PollResult> Poll(const Budget& budget, const Waker& waker) override {
    auto result = PollFile(budget, waker);
    if (!result.ok()) return WithWhere(result.status(), {.file = file_->path()});
    return result;
  }

 private:
  Result<connector::PollResult> PollFile(const Budget& budget, const Waker& waker) {
    connector::PollResult out;
    for (;;) {
      if (!range_) {
        // Before the look, so that nothing that comes after it is missed.
        file_->WakeOnChange(waker);
        ARROW_ASSIGN_OR_RAISE(out.state, Look());
        if (out.state != connector::PollState::kBatch) return out;
      }
      ARROW_ASSIGN_OR_RAISE(formats::ReadResult read, range_->Next(budget, waker));
      out.bytes_read += read.bytes_read;
      for (data::DeadLetter& letter : read.dead_letters) {
        if (letter.where.file.empty()) letter.where.file = file_->path();
        out.dead_letters.push_back(std::move(letter));
      }
      ARROW_RETURN_NOT_OK(MoveTo(read.position));
      if (read.state == formats::ReadResult::State::kBatch) {
        if (read.rows->num_rows() == 0) continue;
        out.state = connector::PollState::kBatch;
        out.batch.rows = std::move(read.rows);
        out.batch.end = at_.Encode();
        return out;
      }
      range_.reset();
      if (whole() && static_cast<size_t>(++at_.range) < ranges_) {
        at_.inner.clear();
        ARROW_RETURN_NOT_OK(OpenRange());
        continue;
      }
      reader_.reset();
      open_.reset();
      if (!whole()) continue;
      // A file that is read whole is read once.
      out.state = connector::PollState::kEnd;
      return out;
    }
  }

  bool whole() const { return !reading_->options->format->can_append(); }

  // kBatch: there is something to read, and it is open. Otherwise what Poll answers.
  Result<connector::PollState> Look() {
    using connector::PollState;
    if (file_->gone()) return PollState::kEnd;
    const std::string path = file_->path();
    const auto info = reading_->files->Stat(path);
    if (!info.ok() || !file_->MayBe(*info)) {
      // Renamed or deleted: the search finds out which, and wakes.
      if (auto search = search_.lock()) search->ScanLater();
      return PollState::kCaughtUp;
    }
    if (info->size == seen_size_ && info->modified_micros == seen_modified_) {
      return PollState::kCaughtUp;
    }
    ARROW_ASSIGN_OR_RAISE(auto opened, OpenIdentified(*reading_->files, *info));
    if (!opened) {
      if (auto search = search_.lock()) search->ScanLater();
      return PollState::kCaughtUp;
    }
    ARROW_ASSIGN_OR_RAISE(const int64_t size, opened->GetSize());
    ARROW_RETURN_NOT_OK(KeepGeneration(*opened, size));
    ARROW_ASSIGN_OR_RAISE(const bool open, OpenReader(std::move(opened), size));
    // What has come since the Stat is another change.
    seen_size_ = info->size;
    seen_modified_ = info->modified_micros;
    return open ? PollState::kBatch : PollState::kCaughtUp;
  }

  // How many bytes of a text were read; false at its beginning.
  bool TextOffset(int64_t* offset) const {
    return !whole() && formats::OffsetOf(data::Position(at_.inner), offset);
  }

  Status MoveTo(const data::Position& inner) {
    if (inner.bytes() == at_.inner) return Status::OK();
    at_.inner = inner.bytes();
    int64_t offset = 0;
    if (TextOffset(&offset)) {
      ARROW_ASSIGN_OR_RAISE(at_.before, MarkBefore(*open_, offset));
    }
    return Status::OK();
  }

  // Cut short, with another beginning, or with something else where it was read last:
  // somebody began to write it anew.
  Status KeepGeneration(arrow::io::RandomAccessFile& file, int64_t size) {
    ARROW_ASSIGN_OR_RAISE(bool same, Bears(file, size, at_.mark));
    int64_t offset = 0;
    if (same && TextOffset(&offset)) {
      same = size >= offset;
      if (same) {
        ARROW_ASSIGN_OR_RAISE(same, BearsBefore(file, offset, at_.before));
      }
    }
    if (!same) {
      ++at_.generation;
      at_.range = 0;
      at_.inner.clear();
      at_.mark = {};
      at_.before = {};
      own_ = nullptr;
      judged_ = false;
    }
    if (at_.mark.size < FileMark::kMostBytes) {
      ARROW_ASSIGN_OR_RAISE(at_.mark, MarkOf(file, size));
      file_->SetMark(at_.mark);
    }
    return Status::OK();
  }

  // False when there is nothing complete to read.
  Result<bool> OpenReader(std::shared_ptr<arrow::io::RandomAccessFile> file,
                          int64_t size) {
    const formats::Context& context = reading_->context;
    if (!whole() && at_.inner.empty()) {
      // A header that is half there would be taken for a wrong one.
      ARROW_ASSIGN_OR_RAISE(const int64_t complete,
                            CompleteSize(*file, size, context.pool));
      if (complete == 0) return false;
    }
    formats::Input input;
    input.name = file_->path();
    open_ = file;
    input.file = std::move(file);
    input.file_size = size;
    input.growing = !whole();
    const Status judged = JudgeFile(input);
    auto opened = judged.ok() ? OpenFile(input) : judged;
    if (!opened.ok()) {
      open_.reset();
      if (reading_->options->format->may_be_unfinished(opened.status())) return false;
      return opened.status();
    }
    reader_ = std::move(*opened);
    if (!reader_->schema()->Equals(*reading_->schema, /*check_metadata=*/false)) {
      return errors::kSchemaDiffers.Make({.file = file_->path()}, "it has ({})",
                                         reader_->schema()->ToString());
    }
    ARROW_ASSIGN_OR_RAISE(const auto ranges,
                          reader_->Ranges(std::numeric_limits<int64_t>::max()));
    ranges_ = ranges.size();
    if (static_cast<size_t>(at_.range) >= ranges_) return false;
    ARROW_RETURN_NOT_OK(OpenRange());
    return true;
  }

  bool has_policy() const { return reading_->options->own.has("schema_policy"); }
  formats::ColumnsTold told() const { return reading_->options->format->columns_told(); }

  // Decides whether this generation of the file may be read, once for all; where each row
  // names its columns, again with every row, until there are as many bytes as a sample
  // has. It goes by the first bytes only, so that a restart decides the same.
  Status JudgeFile(formats::Input input) {
    using formats::ColumnsTold;
    const Parsed& options = *reading_->options;
    // Without a policy declared columns are found by place where names don't tell them.
    const bool by_names = told() == ColumnsTold::kInHeader && !reading_->declared;
    if (judged_ || (!has_policy() && !by_names)) return Status::OK();
    const bool full = input.file_size >= kHeadBytes;
    if (!whole()) {
      ARROW_ASSIGN_OR_RAISE(const int64_t lines, LinesOfHead(*input.file, input.file_size,
                                                             reading_->context.pool));
      if (lines > 0) input.file_size = lines;
      input.growing = false;
    }
    if (!has_policy()) return JudgeNames(input);
    auto judged = JudgeColumns(options, input, reading_->schema, reading_->earlier.get(),
                               reading_->context);
    const bool in_rows = told() == ColumnsTold::kInRows;
    if (!judged.ok()) {
      // Rows that nobody can read say nothing of columns. The reader says what is wrong.
      const bool differs = ErrorNumber(judged.status()) == errors::kSchemaDiffers.number;
      if (!in_rows || differs) return judged.status();
      own_ = reading_->schema;
      return Status::OK();
    }
    own_ = std::move(judged->own);
    judged_ = !in_rows || full;
    // The next checkpoint is to know of it.
    if (judged->new_to_earlier) {
      if (auto search = search_.lock()) search->WakeFinder();
    }
    return Status::OK();
  }

  // As without a policy a file of a set is judged that is read once.
  Status JudgeNames(const formats::Input& input) {
    const Parsed& options = *reading_->options;
    ARROW_ASSIGN_OR_RAISE(const auto reader, options.format->OpenReader(
                                                 input, options.format_options, nullptr,
                                                 nullptr, reading_->context));
    auto own = reader->schema()->field_names();
    auto expected = reading_->schema->field_names();
    std::sort(own.begin(), own.end());
    std::sort(expected.begin(), expected.end());
    if (own != expected) {
      return errors::kSchemaDiffers.Make(
          {.file = file_->path()}, "it has ({}), expected ({})",
          fmt::join(reader->schema()->field_names(), ", "),
          fmt::join(reading_->schema->field_names(), ", "));
    }
    judged_ = true;
    return Status::OK();
  }

  Result<std::shared_ptr<formats::FileReader>> OpenFile(const formats::Input& input) {
    const Parsed& options = *reading_->options;
    if (has_policy()) {
      return OpenJudged(options, input, own_, reading_->schema, reading_->context);
    }
    return options.format->OpenReader(input, options.format_options, reading_->schema,
                                      nullptr, reading_->context);
  }

  Status OpenRange() {
    ARROW_ASSIGN_OR_RAISE(range_, reader_->Open(static_cast<size_t>(at_.range),
                                                reading_->pushdown, reading_->context));
    if (at_.inner.empty()) return Status::OK();
    return range_->Seek(data::Position(at_.inner));
  }

  const std::shared_ptr<const WatchReading> reading_;
  const WatchedFilePtr file_;
  const std::weak_ptr<WatchedFiles> search_;
  WatchPosition at_;
  int64_t seen_size_ = -1, seen_modified_ = -1;        // when it was last read to its end
  std::shared_ptr<arrow::io::RandomAccessFile> open_;  // what reader_ reads
  std::shared_ptr<formats::FileReader> reader_;
  std::unique_ptr<formats::RangeReader> range_;
  size_t ranges_ = 0;
  std::shared_ptr<arrow::Schema> own_;  // what this generation is opened with
  bool judged_ = false;                 // and what comes can't change that
};

}  // namespace

// Version 1 has the mark of what was read last behind that of the beginning. Its number
// stands before the generation, so that positions of it come after those of version 0.
data::Position WatchPosition::Encode() const {
  std::string out;
  PutNumber(kPositionVersion << kVersionShift | static_cast<uint64_t>(generation), &out);
  PutNumber(static_cast<uint64_t>(range), &out);
  out += inner;
  for (const FileMark& one : {mark, before}) {
    PutNumber(static_cast<uint64_t>(one.size), &out);
    PutNumber(one.hash, &out);
  }
  return data::Position(std::move(out));
}

std::optional<WatchPosition> WatchPosition::Decode(const data::Position& position) {
  constexpr size_t kMark = 16, kBegin = 16;
  const std::string& bytes = position.bytes();
  if (bytes.size() < kBegin + kMark) return std::nullopt;
  const uint64_t first = NumberAt(bytes, 0);
  const uint64_t version = first >> kVersionShift;
  const size_t marks = version == 0 ? kMark : 2 * kMark;
  if (version > kPositionVersion || bytes.size() < kBegin + marks) return std::nullopt;
  WatchPosition out;
  out.generation = static_cast<int64_t>(first & ((uint64_t{1} << kVersionShift) - 1));
  out.range = static_cast<int64_t>(NumberAt(bytes, 8));
  const size_t end = bytes.size() - marks;
  out.inner = bytes.substr(kBegin, end - kBegin);
  auto mark_at = [&](size_t at) {
    return FileMark{static_cast<int64_t>(NumberAt(bytes, at)), NumberAt(bytes, at + 8)};
  };
  out.mark = mark_at(end);
  if (version > 0) out.before = mark_at(end + kMark);
  for (const FileMark& one : {out.mark, out.before}) {
    if (one.size < 0 || one.size > FileMark::kMostBytes) return std::nullopt;
  }
  if (out.range < 0) return std::nullopt;
  return out;
}

std::unique_ptr<connector::SplitReader> MakeWatchReader(
    std::shared_ptr<const WatchReading> reading, WatchedFilePtr file,
    std::weak_ptr<WatchedFiles> search) {
  return std::make_unique<WatchReader>(std::move(reading), std::move(file),
                                       std::move(search));
}

Result<std::shared_ptr<arrow::Schema>> InferWatched(const WatchReading& reading,
                                                    const std::string& path) {
  const Parsed& options = *reading.options;
  formats::Input input;
  input.name = path;
  auto file = reading.files->OpenRead(path);
  if (!file.ok()) {
    if (ErrorNumber(file.status()) == errors::kFileNotFound.number) return nullptr;
    return file.status();
  }
  input.file = std::move(*file);
  ARROW_ASSIGN_OR_RAISE(input.file_size, input.file->GetSize());
  const bool whole = !options.format->can_append();
  if (!whole) {
    // A line that is half there would teach wrong types.
    ARROW_ASSIGN_OR_RAISE(input.file_size, CompleteSize(*input.file, input.file_size,
                                                        reading.context.pool));
    if (input.file_size == 0) return nullptr;
  }
  auto opened = options.format->OpenReader(std::move(input), options.format_options,
                                           nullptr, nullptr, reading.context);
  if (!opened.ok()) {
    if (options.format->may_be_unfinished(opened.status())) return nullptr;
    return WithWhere(opened.status(), {.file = path});
  }
  return (*opened)->schema();
}

}  // namespace millrace::files
