// ColumnWriter: one column of a batch, ready to be written value by value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/formats/csv/dialect.h"
#include "millrace/formats/format_value.h"

namespace millrace::formats::csv {

/// How a string becomes a field.
class TextQuoter {
 public:
  explicit TextQuoter(const WriteDialect& dialect);

  /// Can a text with these bytes stand as it is, whatever its length but zero?
  bool IsPlain(std::string_view bytes) const;
  /// Append the field; at most 2 * size + 2 bytes. Null when it can't be written.
  char* Write(char* d, std::string_view text) const;
  /// Most bytes that Write may need.
  static int64_t MostBytes(int64_t size) { return 2 * size + 2; }

 private:
  bool NeedsQuotes(std::string_view text) const;
  const WriteDialect& dialect_;
  uint8_t special_[4];
};

/// Refers to the batch's buffers; remembers across batches what formatters remember.
/// Used by one thread.
class ColumnWriter {
 public:
  /// Bytes that any value but a long string takes, and that Write may touch.
  static constexpr int64_t kMostBytes = 80;

  ColumnWriter(std::shared_ptr<arrow::Field> field, const WriteDialect& dialect,
               arrow::MemoryPool* pool);

  /// Take the next batch's array, of the field's type or a dictionary of it. Fails with
  /// kCsvUnrepresentable when no value of this type can be written unquoted and quoting
  /// is off.
  Status Bind(std::shared_ptr<arrow::Array> array);

  bool may_be_long() const { return kind_ >= Kind::kText; }
  /// Bytes that Write needs for row `i`, for values that may be long.
  int64_t Size(int64_t i) const {
    switch (kind_) {
      case Kind::kText: return offsets_[i + 1] - offsets_[i];
      case Kind::kLargeText: return large_offsets_[i + 1] - large_offsets_[i];
      case Kind::kRendered: {
        const int32_t entry = indices_[i];
        return IsNull(i) ? 0 : rendered_ends_[entry + 1] - rendered_ends_[entry];
      }
      default: return 0;
    }
  }

  /// Write row `i`; null when the value can't be represented.
  char* Write(char* d, int64_t i) {
    if (validity_ != nullptr && IsNull(i)) [[unlikely]] {
      memcpy(d, null_.data(), null_.size());
      return d + null_.size();
    }
    if (kind_ == Kind::kText) {
      const int32_t begin = offsets_[i];
      return WriteText(d, {text_ + begin, static_cast<size_t>(offsets_[i + 1] - begin)});
    }
    if (kind_ == Kind::kRendered) {
      const int32_t entry = indices_[i];
      const int64_t begin = rendered_ends_[entry];
      const size_t size = static_cast<size_t>(rendered_ends_[entry + 1] - begin);
      if (size <= 32) [[likely]] {
        memcpy(d, rendered_.data() + begin, 32);
      } else {
        memcpy(d, rendered_.data() + begin, size);
      }
      return d + size;
    }
    if (kind_ == Kind::kLargeText) {
      const int64_t begin = large_offsets_[i];
      return WriteText(
          d, {text_ + begin, static_cast<size_t>(large_offsets_[i + 1] - begin)});
    }
    if (!quoted_) [[likely]]
      return WriteValue(d, i);
    *d++ = dialect_.quote;
    d = WriteValue(d, i);
    if (d != nullptr) *d++ = dialect_.quote;
    return d;
  }

  const std::string& name() const;

 private:
  enum class Kind : uint8_t {
    kNull,
    kBool,
    kInt8,
    kInt16,
    kInt32,
    kInt64,
    kUInt8,
    kUInt16,
    kUInt32,
    kUInt64,
    kFloat,
    kDouble,
    kLocalFloat,  // with a decimal separator other than the dot
    kLocalDouble,
    kDate32,
    kTimestamp,
    kTime32,
    kTime64,
    kDecimal128,
    kLocalDecimal128,
    kText,
    kLargeText,
    kRendered,
  };

  bool IsNull(int64_t i) const {
    if (validity_ == nullptr) return false;
    i += validity_offset_;
    return (validity_[i >> 3] >> (i & 7) & 1) == 0;
  }

  char* WriteText(char* d, std::string_view text) {
    if (plain_ && !text.empty()) [[likely]] {
      // Most strings are short: two 16-byte moves whatever the length, except at the
      // buffer's end.
      if (text.size() <= 32 && text.data() + 32 <= text_end_) [[likely]] {
        memcpy(d, text.data(), 32);
        return d + text.size();
      }
      memcpy(d, text.data(), text.size());
      return d + text.size();
    }
    return quoter_.Write(d, text);
  }

  char* WriteValue(char* d, int64_t i);
  char* WriteDecimal(char* d, int64_t i) const;
  char* SetDecimal(char* begin, char* end) const;
  Status BindText(const arrow::ArrayData& data);
  Status BindDictionary(const arrow::Array& array);
  bool MustQuoteValues() const;

  std::shared_ptr<arrow::Field> field_;
  const WriteDialect& dialect_;
  arrow::MemoryPool* pool_;
  TextQuoter quoter_;
  std::string null_;
  bool text_type_ = false;  // strings and what is rendered as text
  Kind kind_ = Kind::kNull;
  bool quoted_ = false;  // values of fixed width stand in quotes
  bool plain_ = false;   // no string of this batch needs quotes
  bool zoned_ = false;
  int64_t per_second_ = 1;
  int fraction_digits_ = 0;
  int32_t scale_ = 0;

  std::shared_ptr<arrow::Array> array_;  // keeps the buffers alive
  const uint8_t* validity_ = nullptr;
  int64_t validity_offset_ = 0;
  const void* values_ = nullptr;
  int64_t bit_offset_ = 0;
  const int32_t* offsets_ = nullptr;
  const int64_t* large_offsets_ = nullptr;
  const char* text_ = nullptr;
  const char* text_end_ = nullptr;
  const int32_t* indices_ = nullptr;
  std::shared_ptr<arrow::Array> dictionary_;  // whose entries are rendered
  std::string rendered_;  // padded: entries are copied 32 bytes at a time
  std::vector<int64_t> rendered_ends_;

  RealFormatter real_;
  DateFormatter date_;
};

}  // namespace millrace::formats::csv
