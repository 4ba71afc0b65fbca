#include "millrace/state/state_file.h"

#include <algorithm>
#include <map>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/io/interfaces.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <xxhash.h>

#include "millrace/base/failpoint.h"
#include "millrace/data/key_hash.h"
#include "millrace/io/errors.h"
#include "millrace/io/pooled_file.h"
#include "millrace/state/errors.h"

namespace millrace::state {

namespace {

// What an IPC writer writes, into a file and into a checksum.
class SectionStream final : public arrow::io::OutputStream {
 public:
  explicit SectionStream(io::WritableFile* file)
      : file_(file), begin_(file->position()), hash_(XXH3_createState()) {
    XXH3_64bits_reset(hash_);
    set_mode(arrow::io::FileMode::WRITE);
  }
  ~SectionStream() override { XXH3_freeState(hash_); }

  using OutputStream::Write;
  Status Write(const void* data, int64_t bytes) override {
    XXH3_64bits_update(hash_, data, static_cast<size_t>(bytes));
    return file_->Write(data, bytes);
  }
  Status Close() override {
    closed_ = true;
    return Status::OK();
  }
  bool closed() const override { return closed_; }
  Result<int64_t> Tell() const override { return file_->position() - begin_; }
  uint64_t checksum() const { return XXH3_64bits_digest(hash_); }

 private:
  io::WritableFile* const file_;
  const int64_t begin_;
  XXH3_state_t* const hash_;
  bool closed_ = false;
};

void NoteGroups(const arrow::RecordBatch& rows, Section* section) {
  const uint16_t* groups = rows.column_data(0)->GetValues<uint16_t>(1);
  for (int64_t i = 0; i < rows.num_rows(); ++i) {
    section->first_group = std::min<int>(section->first_group, groups[i]);
    section->last_group = std::max<int>(section->last_group, groups[i]);
  }
}

Result<Section> WritePiece(io::WritableFile& file, const Piece& piece,
                           arrow::MemoryPool* pool) {
  Section section;
  section.part = piece.part;
  section.extent = piece.extent;
  section.part_rows = piece.part_rows;
  section.offset = file.position();
  section.first_group = data::kKeyGroups;
  SectionStream stream(&file);
  arrow::ipc::IpcWriteOptions options;
  options.memory_pool = pool;
  options.use_threads = false;
  ARROW_ASSIGN_OR_RAISE(
      auto writer, arrow::ipc::MakeStreamWriter(&stream, piece.rows->schema(), options));
  for (;;) {
    std::shared_ptr<arrow::RecordBatch> rows;
    ARROW_RETURN_NOT_OK(piece.rows->ReadNext(&rows));
    if (!rows) break;
    NoteGroups(*rows, &section);
    section.rows += rows->num_rows();
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*rows));
  }
  ARROW_RETURN_NOT_OK(writer->Close());
  section.length = file.position() - section.offset;
  section.checksum = stream.checksum();
  return section;
}

Result<uint64_t> ChecksumOf(arrow::io::RandomAccessFile& file, const Section& section) {
  constexpr int64_t kBlock = 256 * 1024;  // stays in the second-level cache
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> hash(XXH3_createState(),
                                                                      &XXH3_freeState);
  XXH3_64bits_reset(hash.get());
  std::vector<char> block(static_cast<size_t>(std::min(kBlock, section.length)));
  for (int64_t at = 0; at < section.length;) {
    ARROW_ASSIGN_OR_RAISE(
        const int64_t read,
        file.ReadAt(section.offset + at, std::min(kBlock, section.length - at),
                    block.data()));
    if (read == 0) break;  // shorter than it was: the checksum says so
    XXH3_64bits_update(hash.get(), block.data(), static_cast<size_t>(read));
    at += read;
  }
  return XXH3_64bits_digest(hash.get());
}

Where WhereOf(const connector::ManifestStore& store, const Section& section) {
  return {.file = store.location() + "/state/" + section.file, .byte = section.offset};
}

// The file of `section`, whose bytes are as they were written.
Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenSection(
    connector::ManifestStore& store, const Section& section, const Where& where) {
  auto opened = store.OpenFile(section.file);
  if (ErrorNumber(opened.status()) == errors::kFileNotFound.number) {
    return errors::kStateDamaged.Make(where, "it is missing");
  }
  ARROW_ASSIGN_OR_RAISE(auto file, std::move(opened));
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
  if (section.offset + section.length > size) {
    return errors::kStateDamaged.Make(where, "it ends at byte {}", size);
  }
  ARROW_ASSIGN_OR_RAISE(const uint64_t checksum, ChecksumOf(*file, section));
  if (checksum != section.checksum) {
    return errors::kStateDamaged.Make(where, "its checksum does not fit");
  }
  return file;
}

class StoredState final : public OperatorState {
 public:
  StoredState(connector::ManifestStore* store, const OperatorEntry* entry, int task,
              int tasks, arrow::MemoryPool* pool)
      : store_(store), entry_(entry), task_(task), tasks_(tasks), pool_(pool) {
    facts_ = entry->facts;
  }

  int64_t PartRows(std::string_view part, Rows rows) const override {
    std::map<int, int64_t> of_task;
    for (const Section& section : entry_->sections) {
      if (!Concerns(section, part, rows)) continue;
      const bool whole = section.extent == Extent::kWhole;
      const int64_t held = whole ? section.rows : section.part_rows;
      if (held == 0) continue;
      int mine = 0;
      for (int group = section.first_group; group <= section.last_group; ++group)
        mine += rows == Rows::kAll || IsMine(group) ? 1 : 0;
      // Key groups are alike: they are dealt by a hash.
      of_task[section.task] =
          held * mine / (section.last_group - section.first_group + 1);
    }
    int64_t out = 0;
    for (const auto& [task, count] : of_task) out += count;
    return out;
  }

  Status Visit(std::string_view part, Rows rows, const Visitor& visitor) const override {
    return VisitEach(entry_->sections.begin(), entry_->sections.end(), part, rows,
                     visitor);
  }

  Status VisitNewestFirst(std::string_view part, Rows rows,
                          const Visitor& visitor) const override {
    return VisitEach(entry_->sections.rbegin(), entry_->sections.rend(), part, rows,
                     visitor);
  }

 private:
  template <typename Iterator>
  Status VisitEach(Iterator at, Iterator end, std::string_view part, Rows rows,
                   const Visitor& visitor) const {
    for (; at != end; ++at) {
      const Section& section = *at;
      if (!Concerns(section, part, rows)) continue;
      const Where where = WhereOf(*store_, section);
      auto status = VisitSection(section, rows, visitor, where);
      if (!status.ok()) return WithWhere(status, where);
    }
    return Status::OK();
  }

  bool Concerns(const Section& section, std::string_view part, Rows rows) const {
    return section.part == part && section.rows > 0 &&
           (rows == Rows::kAll || Mine(section));
  }
  bool IsMine(int group) const { return data::ShardOfKeyGroup(group, tasks_) == task_; }
  // Groups are dealt to tasks in ranges, so looking at both ends is enough.
  bool Mine(const Section& section) const {
    return data::ShardOfKeyGroup(section.first_group, tasks_) <= task_ &&
           task_ <= data::ShardOfKeyGroup(section.last_group, tasks_);
  }
  bool AllMine(const Section& section) const {
    return IsMine(section.first_group) && IsMine(section.last_group);
  }

  Status VisitSection(const Section& section, Rows wanted, const Visitor& visitor,
                      const Where& where) const {
    ARROW_ASSIGN_OR_RAISE(auto file, OpenSection(*store_, section, where));
    arrow::ipc::IpcReadOptions options;
    options.memory_pool = pool_;
    options.use_threads = false;
    // Read piece by piece: a section is as large as the state of a task.
    ARROW_ASSIGN_OR_RAISE(const auto stream,
                          arrow::io::RandomAccessFile::GetStream(
                              std::make_shared<io::PooledFile>(std::move(file), pool_),
                              section.offset, section.length));
    ARROW_ASSIGN_OR_RAISE(auto reader,
                          arrow::ipc::RecordBatchStreamReader::Open(stream, options));
    const bool all = wanted == Rows::kAll || AllMine(section);
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> rows;
      ARROW_RETURN_NOT_OK(reader->ReadNext(&rows));
      if (!rows) return Status::OK();
      if (!all) {
        ARROW_ASSIGN_OR_RAISE(rows, OnlyMine(rows));
      }
      if (rows->num_rows() == 0) continue;
      ARROW_ASSIGN_OR_RAISE(rows, rows->RemoveColumn(0));
      ARROW_RETURN_NOT_OK(visitor(rows, section.extent));
    }
  }

  Result<std::shared_ptr<arrow::RecordBatch>> OnlyMine(
      const std::shared_ptr<arrow::RecordBatch>& rows) const {
    const uint16_t* groups = rows->column_data(0)->GetValues<uint16_t>(1);
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> chosen,
                          arrow::AllocateBuffer(rows->num_rows() * 4, pool_));
    auto* indices = reinterpret_cast<int32_t*>(chosen->mutable_data());
    int64_t count = 0;
    for (int64_t i = 0; i < rows->num_rows(); ++i) {
      indices[count] = static_cast<int32_t>(i);
      count += IsMine(groups[i]) ? 1 : 0;
    }
    if (count == rows->num_rows()) return rows;
    arrow::compute::ExecContext context(pool_);
    context.set_use_threads(false);
    ARROW_ASSIGN_OR_RAISE(
        arrow::Datum taken,
        arrow::compute::Take(rows, arrow::Datum(arrow::Int32Array(count, chosen).data()),
                             arrow::compute::TakeOptions::NoBoundsCheck(), &context));
    return taken.record_batch();
  }

  connector::ManifestStore* const store_;
  const OperatorEntry* const entry_;
  const int task_;
  const int tasks_;
  arrow::MemoryPool* const pool_;
};

}  // namespace

Result<std::vector<std::vector<Section>>> WriteStateFile(
    connector::ManifestStore& store, const std::string& name, int task,
    std::vector<std::vector<Piece>> operators, arrow::MemoryPool* pool) {
  ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.snapshot"));
  ARROW_ASSIGN_OR_RAISE(auto file, store.CreateFile(name));
  ARROW_RETURN_NOT_OK(
      file->Write(kStateFileMagic.data(), static_cast<int64_t>(kStateFileMagic.size())));
  std::vector<std::vector<Section>> out(operators.size());
  for (size_t i = 0; i < operators.size(); ++i) {
    for (const Piece& piece : operators[i]) {
      ARROW_ASSIGN_OR_RAISE(Section section, WritePiece(*file, piece, pool));
      section.task = task;
      section.file = name;
      out[i].push_back(std::move(section));
    }
  }
  ARROW_RETURN_NOT_OK(file->Sync());
  ARROW_RETURN_NOT_OK(file->Close());
  ARROW_RETURN_NOT_OK(failpoint::Reach("checkpoint.snapshot.done"));
  return out;
}

std::unique_ptr<OperatorState> OpenOperatorState(connector::ManifestStore* store,
                                                 const OperatorEntry* entry, int task,
                                                 int tasks, arrow::MemoryPool* pool) {
  return std::make_unique<StoredState>(store, entry, task, tasks, pool);
}

Status CheckOperatorState(connector::ManifestStore& store, const OperatorEntry& entry) {
  for (const Section& section : entry.sections) {
    const Where where = WhereOf(store, section);
    ARROW_RETURN_NOT_OK(WithWhere(OpenSection(store, section, where).status(), where));
  }
  return Status::OK();
}

void AppendSections(std::vector<Section> after, std::vector<Section>* sections) {
  for (Section& section : after) {
    if (section.extent == Extent::kWhole) {
      std::erase_if(*sections, [&](const Section& before) {
        return before.task == section.task && before.part == section.part;
      });
    }
    sections->push_back(std::move(section));
  }
}

}  // namespace millrace::state
