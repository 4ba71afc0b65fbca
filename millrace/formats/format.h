// Format: what the files connector (and later queues and object stores) asks of CSV,
// NDJSON, Parquet …
//
// A format turns bytes into batches and back. It knows nothing of folders, globs, commits
// or threads: one reader and one writer are each driven by one thread, and neither ever
// waits: input that is not there yet is answered with kPending.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/budget.h"
#include "millrace/base/config/config.h"
#include "millrace/base/executor.h"
#include "millrace/base/waker.h"
#include "millrace/data/batch.h"
#include "millrace/data/dead_letter.h"
#include "millrace/data/predicate.h"
#include "millrace/data/row_encoder.h"
#include "millrace/io/compression/framed_file.h"
#include "millrace/io/file_system.h"

namespace millrace::formats {

/// Bytes that arrive in order: of a pipe, or of a file that can't be read in any other.
/// Owned by the reader.
class ByteStream {
 public:
  enum class State { kBytes, kPending, kEnd };
  virtual ~ByteStream() = default;
  /// Up to `capacity` bytes into `out`. kPending: none now, `waker` fires when there are.
  virtual Result<State> Read(uint8_t* out, int64_t capacity, int64_t* size,
                             const Waker& waker) = 0;
  /// Can SeekTo be called? False of a pipe, whose bytes are gone.
  virtual bool can_seek() const { return false; }
  /// The next Read answers from that byte on, counted from the stream's first, at the
  /// cost of reading all before it. Forgets an error.
  virtual Status SeekTo(int64_t offset) {
    return Status::NotImplemented("a stream that can't be sought");
  }
};

/// Where the bytes of a reader come from: exactly one of the two is set.
struct Input {
  std::string name;  ///< for errors: the path, or "stdin"
  std::shared_ptr<arrow::io::RandomAccessFile> file;
  int64_t file_size = 0;
  /// The file may grow: a text's last record counts once its line end is there, and the
  /// end of the file is answered with kPending.
  bool growing = false;
  std::shared_ptr<ByteStream> stream;
  /// Unpacked parts of compressed files that are read in several ranges. Null: the file
  /// has a small one of its own.
  std::shared_ptr<io::FrameCache> frames;
};

/// A part of one file that can be read on its own. The numbers mean what the format says
/// (bytes, or row groups).
struct Range {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t approximate_bytes = 0;  ///< for progress and scheduling
  int64_t approximate_rows = -1;  ///< -1 when not known
};

/// What the reader need not deliver.
struct Pushdown {
  std::optional<std::vector<int>>
      columns;                   ///< indices into the schema, ascending; absent: all
  data::PredicatePtr predicate;  ///< may be applied partly; null: none
  std::optional<int64_t> limit;  ///< rows after which nobody reads on, per reader
};

/// What a reader or writer gets from its surroundings.
struct Context {
  arrow::MemoryPool* pool = nullptr;
  data::BadRowPolicy bad_rows = data::BadRowPolicy::kFail;
  /// Where input is prepared ahead of its reader. Null: the reader does it.
  Executor* executor = nullptr;
};

struct ReadResult {
  enum class State { kBatch, kPending, kEnd };
  State state = State::kEnd;
  std::shared_ptr<arrow::RecordBatch> rows;  ///< kBatch: the projected columns
  std::vector<data::DeadLetter>
      dead_letters;  ///< rows set aside since the last call, in any state
  /// Where Seek continues after these rows. Opaque to the caller.
  data::Position position;
  /// Of the input, since the last call, for progress: those of all ranges of a text file
  /// add up to its size.
  int64_t bytes_read = 0;
};

/// Reads one range. Used by one thread at a time; never waits.
class RangeReader {
 public:
  virtual ~RangeReader() = default;
  /// The next rows, about `budget` of them, or less when the range ends.
  virtual Result<ReadResult> Next(const Budget& budget, const Waker& waker) = 0;
  /// Continue after `position`, taken from an earlier reader of the same range. Called
  /// before the first Next.
  virtual Status Seek(const data::Position& position) = 0;
};

/// A file opened for reading: schema and ranges are known.
class FileReader {
 public:
  virtual ~FileReader() = default;
  /// The file's own schema (inferred, declared or stored).
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  /// Parts of about `target_bytes` in file order; one part when the format or its options
  /// forbid splitting.
  virtual Result<std::vector<Range>> Ranges(int64_t target_bytes) = 0;
  /// The least value of timestamp column `column` in that range, in microseconds, where
  /// the file itself tells. Thread-safe.
  virtual std::optional<int64_t> MinEventTime(size_t ordinal, int column) {
    return std::nullopt;
  }
  /// A reader of range number `ordinal` of Ranges' answer. Thread-safe.
  virtual Result<std::unique_ptr<RangeReader>> Open(size_t ordinal,
                                                    const Pushdown& pushdown,
                                                    const Context& context) = 0;
};

/// Puts encoded rows into one file, with what stands before and after them. Used by one
/// thread at a time.
class FileAppender {
 public:
  virtual ~FileAppender() = default;
  virtual Status Append(const data::EncodedRows& rows) = 0;
  /// Append the rows of `piece`, a whole file that a writer of the same format, options
  /// and schema wrote with `appending`, without encoding them again. Memory stays bounded
  /// whatever its size.
  virtual Status AppendFile(
      const std::shared_ptr<arrow::io::RandomAccessFile>& piece) = 0;
  /// Write the format's footer. No Append may follow. Does not sync or close the file.
  virtual Status Finish() = 0;
};

/// Writes one file: an encoder and the appender behind it. Used by one thread at a time.
class FileWriter {
 public:
  FileWriter(std::unique_ptr<data::RowEncoder> encoder,
             std::unique_ptr<FileAppender> appender)
      : encoder_(std::move(encoder)), appender_(std::move(appender)) {}

  /// Append rows; columns as in the schema given at creation, possibly
  /// dictionary-encoded.
  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows);
  /// Append rows that another encoder of the same format, options and schema made.
  Status Append(const data::EncodedRows& rows);
  /// Write what is held back to the file.
  Status Flush();
  /// The same, and the format's footer. No Write may follow. Does not sync
  /// or close the file.
  Status Finish();
  /// Bytes that are not in the file yet.
  int64_t buffered_bytes() const { return encoder_->buffered_bytes(); }

 private:
  Status AppendPieces();
  const std::unique_ptr<data::RowEncoder> encoder_;
  const std::unique_ptr<FileAppender> appender_;
  std::vector<data::EncodedRows> pieces_;
};

/// Where a file tells its columns.
enum class ColumnsTold {
  kStored,    ///< names and types stand in the file
  kInHeader,  ///< names stand before the rows, types are guessed
  kInRows,    ///< each row names its own, types are guessed
};

/// A format. Stateless and thread-safe; one instance lives as long as the engine.
class Format {
 public:
  virtual ~Format() = default;
  virtual std::string_view name() const = 0;  ///< "csv"
  virtual std::string_view doc() const = 0;   ///< one sentence
  virtual std::vector<std::string> extensions()
      const = 0;  ///< without the dot, lower case
  virtual const ConfigSpec& read_options() const = 0;
  virtual const ConfigSpec& write_options() const = 0;
  virtual bool can_read_stream() const = 0;  ///< false: needs a seekable file
  virtual ColumnsTold columns_told() const { return ColumnsTold::kStored; }
  virtual bool can_append() const = 0;  ///< rows may be appended to an existing file
  /// The same, of files written with these options.
  virtual bool appends(const Config& write_options) const { return can_append(); }
  /// The extension of a file written with these options, without the first dot.
  virtual std::string extension(const Config& write_options) const {
    return extensions().front();
  }
  /// May its files be compressed as a whole, which their last extension tells?
  virtual bool compresses() const { return false; }
  /// Can a file that is still being written be told from a whole one?
  virtual bool tells_its_end() const { return false; }
  /// May a file whose opening failed with `failure` only not have been written so far?
  /// What tells its columns may come, or the record be closed.
  virtual bool may_be_unfinished(const Status& failure) const { return false; }

  /// Open for reading. `declared` replaces inference when it is given (column names and
  /// types). `like`: a file of this format that was opened before as the first of a set,
  /// whose columns this one must have, or null.
  virtual Result<std::unique_ptr<FileReader>> OpenReader(
      Input input, const Config& options, const std::shared_ptr<arrow::Schema>& declared,
      const FileReader* like, const Context& context) const = 0;

  /// Encodes rows of `schema`, apart from any file.
  virtual Result<std::unique_ptr<data::RowEncoder>> MakeEncoder(
      const Config& options, const std::shared_ptr<arrow::Schema>& schema,
      const Context& context) const = 0;
  /// May the rows of one file be encoded split by split? False when that would cut pieces
  /// smaller than the options ask for.
  virtual bool encodes_splits(const Config& options) const { return true; }
  /// May rows of `schema` be appended to a file that begins with `head`? Fails with the
  /// format's own error, which says what differs.
  virtual Status CheckAppend(std::string_view head, const Config& options,
                             const arrow::Schema& schema, const Context& context) const {
    return Status::OK();
  }
  /// Encoded pieces go to a file byte for byte, so that they may be compressed before.
  virtual bool pieces_stay(const Config& options) const { return true; }
  /// How many bytes of a file of `size` bytes, which CheckAppend has passed, stay when
  /// rows are appended: what closes its rows does not. 0: it holds none, and is begun
  /// anew.
  virtual Result<int64_t> AppendAt(arrow::io::RandomAccessFile& file, int64_t size,
                                   const Config& options) const {
    return size;
  }
  /// `existing`, which is not empty, has been copied to `to`: add what its last record
  /// lacks, so that rows may follow.
  virtual Status EndLastRecord(
      const std::shared_ptr<arrow::io::RandomAccessFile>& existing, const Config& options,
      io::WritableFile& to, const Context& context) const;
  /// Puts encoded rows of `schema` into `file`, which outlives the appender. `appending`:
  /// the file already holds rows (no header again), or, when it is empty, is to be a
  /// piece that AppendFile puts behind others.
  virtual Result<std::unique_ptr<FileAppender>> OpenAppender(
      io::WritableFile& file, const Config& options,
      const std::shared_ptr<arrow::Schema>& schema, bool appending,
      const Context& context) const = 0;

  /// Both of them in one.
  Result<std::unique_ptr<FileWriter>> OpenWriter(
      io::WritableFile& file, const Config& options,
      const std::shared_ptr<arrow::Schema>& schema, bool appending,
      const Context& context) const;
};

/// `text`, whose files may be compressed: with options for that, when reading also by
/// extension and first bytes. What has frames that tell their sizes is read in ranges
/// like plain files; everything else is a stream, unpacked ahead on the executor.
std::unique_ptr<Format> MakeCompressible(std::unique_ptr<Format> text);

/// How structs become columns.
struct Flattening {
  std::string separator = "_";  ///< between the names on a column's path
  int64_t depth = std::numeric_limits<int64_t>::max();  ///< structs in structs, opened
};

/// `nested` with structs as columns: a field b of the struct a is a column a_b, both when
/// files are read and when they are written. Lists and maps stay as they are. Fails when
/// files are opened, with kFlatCollision, kFlatDiffers, kFlatUnknown.
std::shared_ptr<const Format> MakeFlat(std::shared_ptr<const Format> nested,
                                       Flattening how);

std::unique_ptr<Format> MakeCsvFormat();
std::unique_ptr<Format> MakeJsonFormat();
std::unique_ptr<Format> MakeFixedFormat();  ///< text in columns of fixed width
std::unique_ptr<Format> MakeParquetFormat();
std::unique_ptr<Format> MakeAvroFormat();
std::unique_ptr<Format> MakeOrcFormat();
std::unique_ptr<Format> MakeProtobufFormat();
std::unique_ptr<Format> MakeArrowFormat();        ///< Arrow IPC, the form of a file
std::unique_ptr<Format> MakeArrowStreamFormat();  ///< Arrow IPC, the form of a stream

}  // namespace millrace::formats
