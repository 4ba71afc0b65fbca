// The end of an ORC file: metadata (statistics of stripes), footer, postscript, and the
// postscript's size in the last byte.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/formats/orc/statistics.h"

namespace millrace::formats::orc_format {

/// Does the file begin and end as one of ORC does, with sizes that are within it, and
/// with types that CheckTypes lets pass? The library takes a tail at its word. An error
/// without a number, or kOrcCodec. `name` is for messages.
Status CheckTail(arrow::io::RandomAccessFile& file, const std::string& name,
                 arrow::MemoryPool* pool);

struct StripePlace {
  uint64_t offset = 0;
  uint64_t index_bytes = 0;
  uint64_t data_bytes = 0;
  uint64_t footer_bytes = 0;
  uint64_t rows = 0;

  uint64_t bytes() const { return index_bytes + data_bytes + footer_bytes; }
};

/// What stands in a file that the library wrote.
struct Tail {
  std::string postscript;
  std::string footer;  ///< not compressed
  int64_t metadata_begin = 0;
  int64_t metadata_bytes = 0;
  std::vector<StripePlace> stripes;
  std::vector<std::string> statistics;  ///< messages, one a column
};

/// The tail of `file`. Throws what the library throws.
Result<Tail> ReadTail(const std::shared_ptr<arrow::io::RandomAccessFile>& file,
                      arrow::MemoryPool* pool);

/// A tail for stripes and statistics of several files, whose columns and options are
/// those of `like`. `metadata_bytes`: of theirs, after one another, as they stand before
/// it. `content_bytes`: what stands before those.
std::string WriteTail(const Tail& like, const std::vector<StripePlace>& stripes,
                      const std::vector<ColumnStatistics>& statistics,
                      int64_t content_bytes, int64_t metadata_bytes);

}  // namespace millrace::formats::orc_format
