// RowEncoder: turns rows into a sink's bytes where the rows are made, so that a single
// writer behind a gather only has to put bytes in order.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::data {

/// A run of rows as bytes that mean something to the sink whose encoder made them (lines
/// of text, a row group). Cheap to copy: the bytes are shared and immutable.
struct EncodedRows {
  std::shared_ptr<arrow::Buffer> bytes;
  int64_t rows = 0;
};

/// Owned and used by one task. Pieces of several encoders may be put after one another in
/// any order of splits: none depends on what another encoder saw.
class RowEncoder {
 public:
  virtual ~RowEncoder() = default;
  /// Take rows, whose columns may be dictionary-encoded; add the pieces that are complete
  /// to `out`.
  virtual Status Encode(const std::shared_ptr<arrow::RecordBatch>& rows,
                        std::vector<EncodedRows>* out) = 0;
  /// Add what was held back to `out`: nothing of the rows so far stays here.
  virtual Status Flush(std::vector<EncodedRows>* out) = 0;
  /// Bytes held back, for limits on a file's size; before compression where it can't be
  /// known yet.
  virtual int64_t buffered_bytes() const = 0;
};

}  // namespace millrace::data
