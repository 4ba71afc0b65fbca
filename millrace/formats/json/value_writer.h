// ValueWriter: the values of one type, written as JSON one by one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <arrow/type_fwd.h>

#include "millrace/formats/json/options.h"
#include "millrace/formats/json/output.h"

namespace millrace::formats::json {

/// Refers to the bound array's buffers; remembers across batches what formatters
/// remember. Used by one thread.
class ValueWriter {
 public:
  virtual ~ValueWriter() = default;

  /// Take the next array, of the writer's type or a dictionary of it.
  Status Bind(std::shared_ptr<arrow::Array> array);

  bool IsNull(int64_t i) const {
    if (validity_ == nullptr) return false;
    i += validity_offset_;
    return (validity_[i >> 3] >> (i & 7) & 1) == 0;
  }
  /// Append value `i`, `null` for NULL. False when JSON has no such value.
  bool Write(int64_t i, Output& out) {
    if (IsNull(i)) [[unlikely]] {
      out.Append("null");
      return true;
    }
    return WriteValue(i, out);
  }

 protected:
  explicit ValueWriter(arrow::MemoryPool* pool) : pool_(pool) {}
  virtual Status BindArray() = 0;
  /// Value `i` is not NULL.
  virtual bool WriteValue(int64_t i, Output& out) = 0;

  std::shared_ptr<arrow::Array> array_;  // of the type itself
  arrow::MemoryPool* pool_;

 private:
  const uint8_t* validity_ = nullptr;
  int64_t validity_offset_ = 0;
};

/// `settings` and `pool` outlive the writer. Fails with kJsonUnsupportedType.
Result<std::unique_ptr<ValueWriter>> MakeValueWriter(const arrow::Field& field,
                                                     const WriteSettings& settings,
                                                     arrow::MemoryPool* pool);
/// struct, list, large_list, fixed_size_list and map.
Result<std::unique_ptr<ValueWriter>> MakeNestedWriter(const arrow::Field& field,
                                                      const WriteSettings& settings,
                                                      arrow::MemoryPool* pool);

/// The text as a JSON string.
void AppendString(std::string_view text, Output& out);
/// The text with its quotes, when none of its bytes needs an escape.
bool IsPlain(std::string_view text);

}  // namespace millrace::formats::json
