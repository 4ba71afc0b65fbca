#include "millrace/formats/avro/reader.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/formats/avro/codec.h"
#include "millrace/formats/avro/errors.h"
#include "millrace/formats/range_list.h"

namespace millrace::formats::avro {

namespace {

// Records that take no bytes, as many as a count says.
constexpr int64_t kMaxEmptyRecords = 1 << 24;
constexpr int64_t kMaxBatchRows = 64 * 1024;

struct File {
  Input input;
  std::string head;  // bytes that a stream has given
  Header header;
  int64_t max_block_bytes = 0;
  Columns columns;
};

class AvroRange final : public RangeReader {
 public:
  AvroRange(std::shared_ptr<const File> file, const Range& range, bool first,
            std::vector<int> wanted, const Pushdown& pushdown, const Context& context)
      : file_(std::move(file)),
        wanted_(std::move(wanted)),
        limit_(pushdown.limit),
        context_(context),
        blocks_(file_->input, file_->head, file_->header.sync,
                first ? file_->header.size : range.begin, range.end, !first,
                file_->max_block_bytes, context.pool),
        unreported_(first ? file_->header.size : 0),
        begin_(first ? file_->header.size : range.begin),
        end_(range.end) {}

  Status Make() {
    ARROW_ASSIGN_OR_RAISE(
        decoder_, MakeDecoder(file_->columns, wanted_, file_->input.name, context_.pool));
    ARROW_ASSIGN_OR_RAISE(codec_, MakeBlockCodec(file_->header.codec, -1,
                                                 file_->input.name, context_.pool));
    return Status::OK();
  }

  Status Seek(const data::Position& position) override {
    if (position.empty()) return Status::OK();
    int64_t block = 0;  // where it begins; `skip_` records of it are done
    if (!PairOf(position, &block, &skip_) || block < begin_ || skip_ < 0) {
      return errors::kInternal.Make({.file = file_->input.name},
                                    "a position that this range never gave");
    }
    blocks_.StartAt(block);
    unreported_ = 0;
    return Status::OK();
  }

  Result<ReadResult> Next(const Budget& budget, const Waker& waker) override {
    ReadResult out;
    if (limit_ && rows_ >= *limit_) return out;
    const int64_t most_rows = std::clamp<int64_t>(
        std::min(budget.rows, budget.bytes / decoder_->row_bytes()), 1, kMaxBatchRows);
    int64_t bytes_left = std::max<int64_t>(budget.bytes, 1);
    while (decoder_->rows() < most_rows && bytes_left > 0) {
      if (records_left_ == 0) {
        ARROW_ASSIGN_OR_RAISE(const auto state, NextBlock(waker));
        if (state == ByteStream::State::kBytes) continue;
        if (decoder_->rows() > 0) break;
        out.bytes_read = std::exchange(unreported_, 0);
        if (state == ByteStream::State::kPending) out.state = ReadResult::State::kPending;
        return out;
      }
      const uint8_t* const before = at_;
      const uint8_t* const stop =
          end_of_block_ - at_ > bytes_left ? at_ + bytes_left : end_of_block_;
      ARROW_ASSIGN_OR_RAISE(
          const int64_t done,
          decoder_->Decode(&at_, stop, end_of_block_,
                           std::min(records_left_, most_rows - decoder_->rows()),
                           rows_ + decoder_->rows()));
      records_left_ -= done;
      records_done_ += done;
      bytes_left -= at_ - before;
      ARROW_RETURN_NOT_OK(CheckBlock());
    }
    ARROW_ASSIGN_OR_RAISE(auto rows, decoder_->Finish(rows_));
    ARROW_ASSIGN_OR_RAISE(
        out.rows, file_->columns.stored.Fit(std::move(rows), wanted_, context_.pool));
    rows_ += out.rows->num_rows();
    out.state = ReadResult::State::kBatch;
    out.position = records_left_ == 0 ? PairPosition(block_.end, 0)
                                      : PairPosition(block_.begin, records_done_);
    out.bytes_read = std::exchange(unreported_, 0);
    return out;
  }

 private:
  // The next block that holds a record.
  Result<ByteStream::State> NextBlock(const Waker& waker) {
    ARROW_ASSIGN_OR_RAISE(const auto state, blocks_.Next(&block_, waker));
    if (state != ByteStream::State::kBytes) return state;
    unreported_ += block_.end - block_.begin;
    std::span<const uint8_t> plain = block_.bytes;
    if (codec_) {
      auto got = codec_->Decompress(block_.bytes, file_->max_block_bytes, &plain_);
      if (!got.ok()) return WithWhere(got.status(), {.byte = block_.begin});
      plain = *got;
    }
    at_ = plain.data();
    end_of_block_ = at_ + plain.size();
    records_left_ = block_.records;
    records_done_ = 0;
    const int64_t size = static_cast<int64_t>(plain.size());
    const int64_t least = decoder_->min_record_bytes();
    if (least > 0 ? records_left_ > size / least : records_left_ > kMaxEmptyRecords) {
      return Broken("it holds fewer records than it says");
    }
    ARROW_RETURN_NOT_OK(CheckBlock());
    if (skip_ > 0) ARROW_RETURN_NOT_OK(SkipRecords());
    return state;
  }

  // Records that an earlier reader gave are decoded once more, and dropped.
  Status SkipRecords() {
    if (skip_ > records_left_) {
      return errors::kInternal.Make({.file = file_->input.name},
                                    "a position that this range never gave");
    }
    while (skip_ > 0) {
      ARROW_ASSIGN_OR_RAISE(
          const int64_t done,
          decoder_->Decode(&at_, end_of_block_, end_of_block_,
                           std::min(skip_, kMaxBatchRows), records_done_));
      ARROW_RETURN_NOT_OK(decoder_->Finish(records_done_).status());
      skip_ -= done;
      records_left_ -= done;
      records_done_ += done;
      if (done == 0) return Broken("it holds fewer records than it says");
    }
    return CheckBlock();
  }

  // Records and bytes come to their end together.
  Status CheckBlock() const {
    if (records_left_ == 0 && at_ != end_of_block_) {
      return Broken("bytes are left behind its last record");
    }
    if (records_left_ > 0 && at_ == end_of_block_ && decoder_->min_record_bytes() > 0) {
      return Broken("it holds fewer records than it says");
    }
    return Status::OK();
  }

  Status Broken(std::string_view why) const {
    return errors::kAvroBroken.Make({.file = file_->input.name, .byte = block_.begin},
                                    "a block: {}", why);
  }

  const std::shared_ptr<const File> file_;
  const std::vector<int> wanted_;
  const std::optional<int64_t> limit_;
  const Context context_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<BlockCodec> codec_;
  BlockReader blocks_;
  Growing plain_;
  Block block_;
  const uint8_t* at_ = nullptr;
  const uint8_t* end_of_block_ = nullptr;
  int64_t records_left_ = 0;
  int64_t records_done_ = 0;
  int64_t skip_ = 0;
  int64_t rows_ = 0;
  int64_t unreported_;
  const int64_t begin_;
  const int64_t end_;
};

class AvroFile final : public FileReader {
 public:
  explicit AvroFile(std::shared_ptr<const File> file) : file_(std::move(file)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override {
    return file_->columns.stored.schema;
  }
  const Columns& columns() const { return file_->columns; }

  Result<std::vector<Range>> Ranges(int64_t target_bytes) override {
    return ranges_.Once([&] { return Cut(target_bytes); });
  }

  Result<std::unique_ptr<RangeReader>> Open(size_t ordinal, const Pushdown& pushdown,
                                            const Context& context) override {
    ARROW_ASSIGN_OR_RAISE(const Range range, ranges_.At(ordinal, file_->input.name));
    std::vector<int> wanted;
    if (pushdown.columns) {
      wanted = *pushdown.columns;
    } else {
      wanted.resize(file_->columns.columns.size());
      std::iota(wanted.begin(), wanted.end(), 0);
    }
    auto out = std::make_unique<AvroRange>(file_, range, ordinal == 0, std::move(wanted),
                                           pushdown, context);
    ARROW_RETURN_NOT_OK(out->Make());
    return out;
  }

 private:
  std::vector<Range> Cut(int64_t target_bytes) const {
    std::vector<Range> ranges;
    if (!file_->input.file) {
      ranges.push_back({0, std::numeric_limits<int64_t>::max(), 0});
      return ranges;
    }
    const int64_t size = file_->input.file_size;
    const int64_t step = std::max<int64_t>(target_bytes, 1);
    for (int64_t begin = 0; begin < size; begin += step) {
      const int64_t end = std::min(size, begin + step);
      // Blocks begin behind the header.
      if (end <= file_->header.size && end < size) continue;
      const int64_t from = ranges.empty() ? 0 : begin;
      ranges.push_back({from, end, end - from});
      if (step > size) break;
    }
    return ranges;
  }

  const std::shared_ptr<const File> file_;
  RangeList ranges_;
};

}  // namespace

const ConfigSpec& ReadSpec() {
  static const ConfigSpec spec({
      {.name = "max_block_bytes",
       .type = OptionType::kBytes,
       .default_value = "256MiB",
       .doc = "The most bytes that one block may have, in the file and decompressed."},
  });
  return spec;
}

Result<std::unique_ptr<FileReader>> OpenAvroReader(
    Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
    const FileReader* first, const Context& context) {
  auto file = std::make_shared<File>();
  InputHead head(input);
  ARROW_ASSIGN_OR_RAISE(file->header, ReadHeader(head, input.name));
  if (!input.file) file->head = head.text();
  file->max_block_bytes =
      std::clamp<int64_t>(options.GetInt("max_block_bytes"), 1, INT32_MAX);
  // An unknown codec is told before anything is read.
  ARROW_RETURN_NOT_OK(
      MakeBlockCodec(file->header.codec, -1, input.name, context.pool).status());
  ARROW_ASSIGN_OR_RAISE(auto writer, ParseSchema(file->header.schema, input.name));
  const Columns* of_first =
      first != nullptr ? &static_cast<const AvroFile*>(first)->columns() : nullptr;
  ARROW_ASSIGN_OR_RAISE(file->columns,
                        MapColumns(std::move(writer), declared, of_first, input.name));
  // Types that don't go together are told here, too.
  std::vector<int> all(file->columns.columns.size());
  std::iota(all.begin(), all.end(), 0);
  ARROW_RETURN_NOT_OK(MakeDecoder(file->columns, all, input.name, context.pool).status());
  file->input = std::move(input);
  return std::make_unique<AvroFile>(std::move(file));
}

}  // namespace millrace::formats::avro
