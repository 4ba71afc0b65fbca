// Arrays that are filled row by row from a function, without a builder's checks.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/type.h>

#include "millrace/base/result.h"
#include "millrace/connectors/generators/draws.h"

namespace millrace::generators {

/// `type` is stored as T; `value(i)` is row i.
template <typename T, typename Value>
Result<std::shared_ptr<arrow::Array>> FixedArray(
    const std::shared_ptr<arrow::DataType>& type, int64_t rows, arrow::MemoryPool* pool,
    const Value& value) {
  ARROW_ASSIGN_OR_RAISE(
      std::shared_ptr<arrow::Buffer> buffer,
      arrow::AllocateBuffer(rows * static_cast<int64_t>(sizeof(T)), pool));
  T* out = reinterpret_cast<T*>(buffer->mutable_data());
  for (int64_t i = 0; i < rows; ++i) out[i] = value(i);
  return arrow::MakeArray(
      arrow::ArrayData::Make(type, rows, {nullptr, std::move(buffer)}, 0));
}

/// Bytes that `fill` of TextArray may write behind the end of a text.
inline constexpr int64_t kFillSlack = 8;

/// Text of `size(i)` bytes, written by `fill(i, size, char* out)`, in the order of rows.
/// Fails with CapacityError beyond 2 GiB.
template <typename Size, typename Fill>
Result<std::shared_ptr<arrow::Array>> TextArray(int64_t rows, arrow::MemoryPool* pool,
                                                const Size& size, const Fill& fill) {
  ARROW_ASSIGN_OR_RAISE(
      std::shared_ptr<arrow::Buffer> offsets,
      arrow::AllocateBuffer((rows + 1) * static_cast<int64_t>(sizeof(int32_t)), pool));
  auto* at = reinterpret_cast<int32_t*>(offsets->mutable_data());
  int64_t total = 0;
  at[0] = 0;
  for (int64_t i = 0; i < rows; ++i) {
    total += size(i);
    if (total > INT32_MAX - kFillSlack) {
      return Status::CapacityError("the texts of one batch take more than 2 GiB");
    }
    at[i + 1] = static_cast<int32_t>(total);
  }
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> bytes,
                        arrow::AllocateBuffer(total + kFillSlack, pool));
  char* out = reinterpret_cast<char*>(bytes->mutable_data());
  for (int64_t i = 0; i < rows; ++i) fill(i, at[i + 1] - at[i], out + at[i]);
  return std::make_shared<arrow::StringArray>(
      rows, std::move(offsets), arrow::SliceBuffer(std::move(bytes), 0, total));
}

/// Entries of `dictionary` by `index(i)`: a dictionary column, or plain text where the
/// rows are fewer than the entries, which every expression would have to go through.
template <typename Index>
Result<std::shared_ptr<arrow::Array>> ChosenText(
    const std::shared_ptr<arrow::StringArray>& dictionary, int64_t rows,
    arrow::MemoryPool* pool, const Index& index) {
  if (rows < dictionary->length()) {
    return TextArray(
        rows, pool, [&](int64_t i) { return dictionary->value_length(index(i)); },
        [&](int64_t i, int64_t size, char* out) {
          memcpy(out, dictionary->GetView(index(i)).data(), static_cast<size_t>(size));
        });
  }
  ARROW_ASSIGN_OR_RAISE(auto indices,
                        FixedArray<int32_t>(arrow::int32(), rows, pool, index));
  return std::make_shared<arrow::DictionaryArray>(
      arrow::dictionary(arrow::int32(), arrow::utf8()), std::move(indices), dictionary);
}

/// Each byte of `bits` as a letter from a to z, nearly uniform.
inline uint64_t Letters(uint64_t bits) {
  constexpr uint64_t kEven = 0x00FF00FF00FF00FFull;
  const uint64_t even = ((bits & kEven) * 26 >> 8) & kEven;
  const uint64_t odd = ((bits >> 8 & kEven) * 26 >> 8) & kEven;
  return (even | odd << 8) + 0x6161616161616161ull;
}

/// `size` letters by the sequence from `key`; writes up to 7 bytes more.
inline void FillLetters(uint64_t key, int64_t size, char* out) {
  const Draws draws(key);
  for (int64_t at = 0; at < size; at += 8) {
    const uint64_t letters = Letters(draws.At(at / 8));
    memcpy(out + at, &letters, 8);
  }
}

}  // namespace millrace::generators
