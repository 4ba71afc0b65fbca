// Text and binary columns, plain and dictionary-encoded, for every text format.
//
// Besides what value_column.h asks, Cells have
//
//     // The contents of all cells have at most so many bytes.
//     int64_t TextBytes() const;
//     // For every row in order either text(row, begin, size), with kTextReadable bytes
//     // that may be read from `begin` on whatever the size, or null(row), which stands
//     // for bad values too.
//     template <bool kBinary> void ForEachText(const arrow::DataType&,
//                                              std::vector<BadValue>* bad, Text&& text,
//                                              Null&& null) const;
#pragma once

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/builder.h>
#include <arrow/type.h>

#include "millrace/formats/text/column.h"
#include "millrace/formats/text_dictionary.h"
#include "millrace/formats/validity.h"

namespace millrace::formats {

inline constexpr size_t kTextReadable = 32;
static_assert(TextDictionary::kReadable <= kTextReadable);

template <class Cells, class Offset, bool kBinary>
class StringParser final : public ColumnParser<Cells> {
 public:
  StringParser(std::shared_ptr<arrow::DataType> type, arrow::MemoryPool* pool)
      : type_(std::move(type)), pool_(pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Cells& cells,
                                              std::vector<BadValue>* bad) override {
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> offset_buffer,
        arrow::AllocateBuffer((cells.count + 1) * static_cast<int64_t>(sizeof(Offset)),
                              pool_));
    Offset* const offsets = reinterpret_cast<Offset*>(offset_buffer->mutable_data());
    const int64_t capacity = cells.TextBytes();
    ARROW_ASSIGN_OR_RAISE(auto values,
                          arrow::AllocateResizableBuffer(
                              capacity + static_cast<int64_t>(kTextReadable), pool_));
    char* const begin = reinterpret_cast<char*>(values->mutable_data());
    char* out = begin;
    Validity validity(cells.count, pool_);
    offsets[0] = 0;
    cells.template ForEachText<kBinary>(
        *type_, bad,
        [&](int64_t row, const char* text, size_t size) __attribute__((always_inline)) {
          // Most texts are short: two moves, whatever the length.
          if (size <= kTextReadable) [[likely]] {
            memcpy(out, text, kTextReadable);
          } else {
            memcpy(out, text, size);
          }
          out += size;
          offsets[row + 1] = static_cast<Offset>(out - begin);
        },
        [&](int64_t row) {
          validity.SetNull(row);
          offsets[row + 1] = static_cast<Offset>(out - begin);
        });
    const int64_t size = out - begin;
    // Give back what quotes and escapes took only when it is much.
    ARROW_RETURN_NOT_OK(values->Resize(size, /*shrink_to_fit=*/size < capacity / 2));
    return validity.Finish(
        type_, cells.count,
        {offset_buffer, std::shared_ptr<arrow::Buffer>(std::move(values))});
  }

 private:
  std::shared_ptr<arrow::DataType> type_;
  arrow::MemoryPool* pool_;
};

// utf8 as dictionary(int32, utf8), changing to plain when the dictionary outgrows its
// use.
template <class Cells>
class DictionaryParser final : public ColumnParser<Cells> {
 public:
  explicit DictionaryParser(arrow::MemoryPool* pool) : pool_(pool) {}

  Result<std::shared_ptr<arrow::Array>> Parse(const Cells& cells,
                                              std::vector<BadValue>* bad) override {
    if (!plain_) {
      const size_t bad_before = bad->size();
      ARROW_ASSIGN_OR_RAISE(auto encoded, Encode(cells, bad));
      if (encoded) return encoded;
      bad->resize(bad_before);
      plain_ =
          std::make_unique<StringParser<Cells, int32_t, false>>(arrow::utf8(), pool_);
      dictionary_ = TextDictionary();
    }
    return plain_->Parse(cells, bad);
  }

 private:
  static constexpr int32_t kMaxEntries = 64 * 1024;

  // Null when the dictionary has grown too large.
  Result<std::shared_ptr<arrow::Array>> Encode(const Cells& cells,
                                               std::vector<BadValue>* bad) {
    ARROW_ASSIGN_OR_RAISE(
        std::shared_ptr<arrow::Buffer> index_buffer,
        arrow::AllocateBuffer(cells.count * static_cast<int64_t>(sizeof(int32_t)),
                              pool_));
    int32_t* const indices = reinterpret_cast<int32_t*>(index_buffer->mutable_data());
    Validity validity(cells.count, pool_);
    cells.template ForEachText<false>(
        *arrow::utf8(), bad,
        [&](int64_t row, const char* text, size_t size) __attribute__((always_inline)) {
          indices[row] = dictionary_.Find(text, size);
        },
        [&](int64_t row) {
          indices[row] = 0;
          validity.SetNull(row);
        });
    if (dictionary_.size() > kMaxEntries) return nullptr;
    if (!values_ || values_->length() != dictionary_.size()) {
      arrow::StringBuilder builder(pool_);
      ARROW_RETURN_NOT_OK(builder.Reserve(dictionary_.size()));
      for (const std::string& entry : dictionary_.entries()) {
        ARROW_RETURN_NOT_OK(builder.Append(entry));
      }
      ARROW_ASSIGN_OR_RAISE(values_, builder.Finish());
    }
    // Indices under NULLs are 0, which an empty dictionary does not have; Arrow ignores
    // them.
    ARROW_ASSIGN_OR_RAISE(auto index_array,
                          validity.Finish(arrow::int32(), cells.count, {index_buffer}));
    return std::make_shared<arrow::DictionaryArray>(
        arrow::dictionary(arrow::int32(), arrow::utf8()), index_array, values_);
  }

  arrow::MemoryPool* pool_;
  TextDictionary dictionary_;
  std::shared_ptr<arrow::Array> values_;  // of all entries, while there are no new ones
  std::unique_ptr<ColumnParser<Cells>> plain_;
};

/// Null for a type that is none of text or binary. `dictionary`: deliver a utf8 column as
/// dictionary for as long as that pays.
template <class Cells>
std::unique_ptr<ColumnParser<Cells>> MakeStringParser(
    const std::shared_ptr<arrow::DataType>& type, bool dictionary,
    arrow::MemoryPool* pool) {
  switch (type->id()) {
    case arrow::Type::STRING:
      if (dictionary) return std::make_unique<DictionaryParser<Cells>>(pool);
      return std::make_unique<StringParser<Cells, int32_t, false>>(type, pool);
    case arrow::Type::LARGE_STRING:
      return std::make_unique<StringParser<Cells, int64_t, false>>(type, pool);
    case arrow::Type::BINARY:
      return std::make_unique<StringParser<Cells, int32_t, true>>(type, pool);
    case arrow::Type::LARGE_BINARY:
      return std::make_unique<StringParser<Cells, int64_t, true>>(type, pool);
    default: return nullptr;
  }
}

}  // namespace millrace::formats
