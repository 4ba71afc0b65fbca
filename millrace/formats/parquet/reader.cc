#include <algorithm>
#include <numeric>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/io/memory.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/properties.h>

#include "millrace/formats/input.h"
#include "millrace/formats/parquet/columns_internal.h"
#include "millrace/formats/parquet/encryption.h"
#include "millrace/formats/parquet/errors.h"
#include "millrace/formats/parquet/parquet_internal.h"
#include "millrace/formats/range_list.h"

namespace millrace::formats::parquet_format {

namespace {

// A column is read as a dictionary when its dictionary page is at most this large: then
// carrying it along costs less than decoding every value (and a group-by looks at codes
// instead of text).
constexpr int64_t kMaxDictionaryPageBytes = 128 * 1024;

// In a smaller row group hardly anything repeats often enough, and somebody would have to
// unify the dictionaries of many.
constexpr int64_t kLeastDictionaryRows = 4096;

constexpr int64_t kMaxBatchRows = 64 * 1024;

// A file that is no larger is read in one piece, footer and all, instead of with a
// request and a buffer a column.
constexpr int64_t kSmallFileBytes = 256 * 1024;

// Whether every data page of the column in this row group is dictionary-encoded with a
// small dictionary.
bool HasSmallDictionary(const parquet::ColumnChunkMetaData& chunk) {
  if (!chunk.has_dictionary_page()) return false;
  if (chunk.data_page_offset() - chunk.dictionary_page_offset() > kMaxDictionaryPageBytes)
    return false;
  for (const parquet::PageEncodingStats& stats : chunk.encoding_stats()) {
    const bool data_page = stats.page_type == parquet::PageType::DATA_PAGE ||
                           stats.page_type == parquet::PageType::DATA_PAGE_V2;
    if (data_page && stats.encoding != parquet::Encoding::RLE_DICTIONARY &&
        stats.encoding != parquet::Encoding::PLAIN_DICTIONARY) {
      return false;
    }
  }
  return !chunk.encoding_stats().empty();
}

arrow::io::ReadRange BytesOf(const parquet::ColumnChunkMetaData& chunk) {
  int64_t begin = chunk.data_page_offset();
  if (chunk.has_dictionary_page() && chunk.dictionary_page_offset() > 0)
    begin = std::min(begin, chunk.dictionary_page_offset());
  return {begin, chunk.total_compressed_size()};
}

struct File {
  std::string name;
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  bool in_memory = false;
  std::shared_ptr<parquet::FileMetaData> metadata;
  Columns columns;
  Keys keys;
};

// `file` or, where it is small, its bytes. A file that ends early is left to the library,
// which says what is missing.
Result<std::shared_ptr<arrow::io::RandomAccessFile>> Whole(
    const std::shared_ptr<arrow::io::RandomAccessFile>& file, int64_t size,
    arrow::MemoryPool* pool) {
  if (size > kSmallFileBytes) return file;
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bytes,
                        arrow::AllocateBuffer(size, pool));
  ARROW_ASSIGN_OR_RAISE(const int64_t got, file->ReadAt(0, size, bytes->mutable_data()));
  if (got < size) return file;
  return std::make_shared<arrow::io::BufferReader>(std::move(bytes));
}

// The same columns in the same order and types.
bool SameColumns(const parquet::FileMetaData& one, const parquet::FileMetaData& other) {
  constexpr const char* kArrowSchema = "ARROW:schema";
  const auto stored = [](const parquet::FileMetaData& metadata) -> std::string {
    const auto& pairs = metadata.key_value_metadata();
    const int at = pairs ? pairs->FindKey(kArrowSchema) : -1;
    return at < 0 ? std::string() : pairs->value(at);
  };
  return one.schema()->Equals(*other.schema()) && stored(one) == stored(other);
}

class ParquetRange final : public RangeReader {
 public:
  ParquetRange(std::shared_ptr<const File> file, std::vector<int> row_groups,
               Pushdown pushdown, Context context)
      : file_(std::move(file)),
        row_groups_(std::move(row_groups)),
        pushdown_(std::move(pushdown)),
        context_(context) {}

  Status Seek(const data::Position& position) override {
    if (position.empty()) return Status::OK();
    if (!OffsetOf(position, &rows_to_skip_)) {
      return errors::kInternal.Make({.file = file_->name},
                                    "a position that this range never gave");
    }
    rows_done_ = rows_to_skip_;
    return Status::OK();
  }

  Result<ReadResult> Next(const Budget& budget, const Waker&) override {
    auto read =
        Caught(errors::kParquetBroken, file_->name, [&] { return NextRows(budget); });
    if (read.ok() || file_->keys.empty()) return read;
    return FailedDecryption(read.status(), file_->name, *file_->columns.schema, wanted_);
  }

 private:
  Result<ReadResult> NextRows(const Budget& budget) {
    ReadResult out;
    if (pushdown_.limit && rows_done_ >= *pushdown_.limit) return out;
    while (true) {
      if (!batches_) {
        if (next_group_ == row_groups_.size()) return out;
        const int group = row_groups_[next_group_++];
        const int64_t group_rows = file_->metadata->RowGroup(group)->num_rows();
        if (rows_to_skip_ > 0 && rows_to_skip_ >= group_rows) {
          rows_to_skip_ -= group_rows;
          continue;
        }
        ARROW_RETURN_NOT_OK(OpenGroup(group, budget, &out));
        continue;
      }
      std::shared_ptr<arrow::RecordBatch> rows;
      ARROW_RETURN_NOT_OK(batches_->ReadNext(&rows));
      if (!rows) {
        out.bytes_read += group_bytes_;
        group_bytes_ = 0;
        batches_.reset();
        reader_.reset();
        continue;
      }
      if (rows_to_skip_ > 0) {
        const int64_t skip = std::min(rows_to_skip_, rows->num_rows());
        rows_to_skip_ -= skip;
        rows = rows->Slice(skip);
        if (rows->num_rows() == 0) continue;
      }
      if (rows->num_columns() == 0 && !wanted_.empty()) {
        return Status::Invalid("columns are missing");
      }
      ARROW_ASSIGN_OR_RAISE(rows,
                            file_->columns.Fit(std::move(rows), wanted_, context_.pool));
      ARROW_RETURN_NOT_OK(
          CheckUtf8(*rows, rows_done_, file_->name, errors::kParquetInvalidUtf8));
      ReportBytes(rows->num_rows(), &out);
      rows_done_ += rows->num_rows();
      out.state = ReadResult::State::kBatch;
      out.rows = std::move(rows);
      out.position = OffsetPosition(rows_done_);
      return out;
    }
  }

  // The group's compressed bytes spread over its rows, so that progress moves while a
  // large group is read.
  void ReportBytes(int64_t rows, ReadResult* out) {
    if (group_rows_left_ <= 0) return;
    const int64_t part =
        group_bytes_ * std::min(rows, group_rows_left_) / group_rows_left_;
    out->bytes_read += part;
    group_bytes_ -= part;
    group_rows_left_ -= rows;
  }

  Status OpenGroup(int group, const Budget& budget, ReadResult* out) {
    parquet::ReaderProperties properties(context_.pool);
    // Pages instead of whole column chunks in memory: a row group of a million rows needs
    // a megabyte a column.
    if (!file_->in_memory) {
      properties.enable_buffered_stream();
      properties.set_buffer_size(256 * 1024);
    }
    parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
    arrow_properties.set_pre_buffer(false);
    if (auto decryption = Decryption(file_->keys, file_->metadata->schema())) {
      properties.file_decryption_properties(std::move(decryption));
    }
    auto metadata = file_->metadata->RowGroup(group);
    const arrow::Schema& schema = *file_->columns.schema;
    if (pushdown_.columns) {
      wanted_ = *pushdown_.columns;
    } else {
      wanted_.resize(static_cast<size_t>(schema.num_fields()));
      std::iota(wanted_.begin(), wanted_.end(), 0);
    }
    std::vector<int> leaves;
    std::vector<arrow::io::ReadRange> ranges;
    group_bytes_ = 0;
    int64_t decoded_bytes = 0;
    for (int column : wanted_) {
      for (int leaf : file_->columns.leaves[static_cast<size_t>(column)]) {
        leaves.push_back(leaf);
        ARROW_RETURN_NOT_OK(
            CheckKey(*file_->metadata, group, leaf, file_->name, file_->keys));
        auto chunk = metadata->ColumnChunk(leaf);
        ranges.push_back(BytesOf(*chunk));
        group_bytes_ += chunk->total_compressed_size();
        decoded_bytes += chunk->total_uncompressed_size();
        const auto type = schema.field(column)->type()->id();
        if ((type == arrow::Type::STRING || type == arrow::Type::BINARY) &&
            file_->columns.same_types && metadata->num_rows() >= kLeastDictionaryRows &&
            HasSmallDictionary(*chunk)) {
          arrow_properties.set_read_dictionary(leaf, true);
        }
      }
    }
    group_rows_left_ = metadata->num_rows();
    // Wide rows: as many as the budget has bytes for.
    const int64_t row_bytes = decoded_bytes / std::max<int64_t>(group_rows_left_, 1) + 1;
    const int64_t batch_rows = std::clamp<int64_t>(
        std::min(budget.rows, budget.bytes / row_bytes), 1, kMaxBatchRows);
    if (leaves.empty()) return CountOnly(metadata->num_rows(), batch_rows);
    arrow_properties.set_batch_size(batch_rows);
    // A remote file fetches them in a few requests.
    ARROW_RETURN_NOT_OK(file_->file->WillNeed(ranges));
    auto reader =
        parquet::ParquetFileReader::Open(file_->file, properties, file_->metadata);
    ARROW_RETURN_NOT_OK(parquet::arrow::FileReader::Make(context_.pool, std::move(reader),
                                                         arrow_properties)
                            .Value(&reader_));
    ARROW_ASSIGN_OR_RAISE(batches_, reader_->GetRecordBatchReader({group}, leaves));
    return Status::OK();
  }

  // COUNT(*) reads no column: rows without columns, from the footer alone.
  Status CountOnly(int64_t rows, int64_t batch_rows) {
    const auto schema = arrow::schema({});
    arrow::RecordBatchVector batches;
    for (int64_t at = 0; at < rows; at += batch_rows) {
      batches.push_back(arrow::RecordBatch::Make(schema, std::min(batch_rows, rows - at),
                                                 arrow::ArrayVector{}));
    }
    ARROW_ASSIGN_OR_RAISE(batches_,
                          arrow::RecordBatchReader::Make(std::move(batches), schema));
    return Status::OK();
  }

  const std::shared_ptr<const File> file_;
  const std::vector<int> row_groups_;
  const Pushdown pushdown_;
  const Context context_;
  size_t next_group_ = 0;
  std::vector<int> wanted_;  // columns of the schema
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::shared_ptr<arrow::RecordBatchReader> batches_;
  int64_t rows_done_ = 0;
  int64_t rows_to_skip_ = 0;
  int64_t group_bytes_ = 0;
  int64_t group_rows_left_ = 0;
};

class ParquetFile final : public FileReader {
 public:
  explicit ParquetFile(std::shared_ptr<const File> file) : file_(std::move(file)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override {
    return file_->columns.schema;
  }

  const File& file() const { return *file_; }

  Result<std::vector<Range>> Ranges(int64_t target_bytes) override {
    return ranges_.Once([&] { return Cut(target_bytes); });
  }

  std::optional<int64_t> MinEventTime(size_t ordinal, int column) override {
    const auto range = ranges_.At(ordinal, file_->name);
    if (!range.ok() || !file_->columns.same_types) return std::nullopt;
    std::optional<int64_t> least;
    for (int64_t group = range->begin; group < range->end; ++group) {
      auto micros = MinMicros(*file_->metadata, static_cast<int>(group),
                              file_->columns.schema->field(column)->name());
      if (!micros) return std::nullopt;
      least = std::min(least.value_or(*micros), *micros);
    }
    return least;
  }

  Result<std::unique_ptr<RangeReader>> Open(size_t ordinal, const Pushdown& pushdown,
                                            const Context& context) override {
    ARROW_ASSIGN_OR_RAISE(const Range range, ranges_.At(ordinal, file_->name));
    return Caught(errors::kParquetBroken, file_->name,
                  [&]() -> Result<std::unique_ptr<RangeReader>> {
                    std::vector<int> groups;
                    for (int64_t group = range.begin; group < range.end; ++group) {
                      const int number = static_cast<int>(group);
                      if (!pushdown.predicate || !file_->columns.same_types ||
                          MayMatch(*file_->metadata, number, *file_->columns.schema,
                                   *pushdown.predicate)) {
                        groups.push_back(number);
                      }
                    }
                    return std::make_unique<ParquetRange>(file_, std::move(groups),
                                                          pushdown, context);
                  });
  }

 private:
  std::vector<Range> Cut(int64_t target_bytes) const {
    std::vector<Range> ranges;
    const parquet::FileMetaData& metadata = *file_->metadata;
    for (int group = 0; group < metadata.num_row_groups(); ++group) {
      auto row_group = metadata.RowGroup(group);
      const int64_t bytes = row_group->total_compressed_size() > 0
                                ? row_group->total_compressed_size()
                                : row_group->total_byte_size();
      if (ranges.empty() || ranges.back().approximate_bytes + bytes > target_bytes) {
        ranges.push_back({group, group, 0, 0});
      }
      Range& range = ranges.back();
      range.end = group + 1;
      range.approximate_bytes += bytes;
      range.approximate_rows += row_group->num_rows();
    }
    if (ranges.empty()) ranges.push_back({0, 0, 0, 0});
    return ranges;
  }

  const std::shared_ptr<const File> file_;
  RangeList ranges_;
};

}  // namespace

const ConfigSpec& ReadSpec() { return KeyOptions(); }

Result<std::unique_ptr<FileReader>> OpenParquetReader(
    Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
    const FileReader* first, const Context& context) {
  const std::string name = input.name;
  ARROW_ASSIGN_OR_RAISE(Keys keys, MakeKeys(options));
  const File* like =
      first != nullptr ? &static_cast<const ParquetFile*>(first)->file() : nullptr;
  return Caught(
      errors::kParquetBroken, name, [&]() -> Result<std::unique_ptr<FileReader>> {
        auto file = std::make_shared<File>();
        file->name = name;
        ARROW_ASSIGN_OR_RAISE(file->file,
                              Whole(input.file, input.file_size, context.pool));
        file->in_memory = file->file != input.file;
        file->keys = std::move(keys);
        ARROW_ASSIGN_OR_RAISE(file->metadata,
                              OpenFooter(file->file, name, file->keys, context.pool));
        // One of thousands that were written alike.
        if (like != nullptr && SameColumns(*like->metadata, *file->metadata)) {
          file->columns = like->columns;
          return std::make_unique<ParquetFile>(std::move(file));
        }
        parquet::ArrowReaderProperties arrow_properties(false);
        parquet::arrow::SchemaManifest manifest;
        ARROW_RETURN_NOT_OK(parquet::arrow::SchemaManifest::Make(
            file->metadata->schema(), file->metadata->key_value_metadata(),
            arrow_properties, &manifest));
        ARROW_ASSIGN_OR_RAISE(
            file->columns, MapColumns(manifest, declared,
                                      like != nullptr ? &like->columns : nullptr, name));
        return std::make_unique<ParquetFile>(std::move(file));
      });
}

}  // namespace millrace::formats::parquet_format
