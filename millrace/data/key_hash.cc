#include "millrace/data/key_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cmath>
#include <cstring>

#include <arrow/array.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

namespace millrace::data {

namespace {

constexpr uint64_t kSeed = 0x4D696C6C72616365ull;  // "Millrace"
constexpr uint64_t kNullHash = 0x9AE16A3B2F90404Full;

uint64_t HashWord(uint64_t word) {
  return XXH3_64bits_withSeed(&word, sizeof(word), kSeed);
}

uint64_t HashDouble(double value) {
  if (std::isnan(value)) return HashWord(0x7FF8000000000000ull);
  if (value == 0) value = 0;  // −0 and 0 are one key
  uint64_t word;
  std::memcpy(&word, &value, sizeof(word));
  return HashWord(word);
}

// Order matters: (a, b) and (b, a) are different keys.
uint64_t Combine(uint64_t left, uint64_t right) {
  uint64_t mixed = left ^ (right + 0x9E3779B97F4A7C15ull + (left << 6) + (left >> 2));
  mixed ^= mixed >> 32;
  return mixed * 0xD6E8FEB86659FD93ull;
}

template <typename Value>
void ForEachHash(const arrow::Array& array, bool first, uint64_t* out, Value&& value) {
  const int64_t rows = array.length();
  const bool nulls = array.null_count() > 0;
  for (int64_t i = 0; i < rows; ++i) {
    const uint64_t hash = nulls && array.IsNull(i) ? kNullHash : value(i);
    out[i] = first ? hash : Combine(out[i], hash);
  }
}

template <typename CType>
void HashNumbers(const arrow::Array& array, bool first, uint64_t* out) {
  const CType* values = array.data()->GetValues<CType>(1);
  ForEachHash(array, first, out, [values](int64_t i) {
    if constexpr (std::is_floating_point_v<CType>) {
      return HashDouble(values[i]);
    } else {
      return HashWord(static_cast<uint64_t>(static_cast<int64_t>(values[i])));
    }
  });
}

template <typename ArrayType>
void HashText(const arrow::Array& array, bool first, uint64_t* out) {
  const auto& text = static_cast<const ArrayType&>(array);
  ForEachHash(array, first, out, [&text](int64_t i) {
    const auto view = text.GetView(i);
    return XXH3_64bits_withSeed(view.data(), view.size(), kSeed);
  });
}

Status HashColumn(const arrow::Array& array, bool first, uint64_t* out);

Status HashDictionary(const arrow::DictionaryArray& array, bool first, uint64_t* out) {
  std::vector<uint64_t> hashes(static_cast<size_t>(array.dictionary()->length()));
  ARROW_RETURN_NOT_OK(HashColumn(*array.dictionary(), true, hashes.data()));
  const auto& indices = static_cast<const arrow::Int32Array&>(*array.indices());
  ForEachHash(array, first, out,
              [&](int64_t i) { return hashes[static_cast<size_t>(indices.Value(i))]; });
  return Status::OK();
}

Status HashColumn(const arrow::Array& array, bool first, uint64_t* out) {
  using arrow::Type;
  switch (array.type_id()) {
    case Type::NA:
      ForEachHash(array, first, out, [](int64_t) { return kNullHash; });
      break;
    case Type::BOOL: {
      const auto& values = static_cast<const arrow::BooleanArray&>(array);
      ForEachHash(array, first, out,
                  [&](int64_t i) { return HashWord(values.Value(i) ? 1 : 0); });
      break;
    }
    case Type::INT8: HashNumbers<int8_t>(array, first, out); break;
    case Type::INT16: HashNumbers<int16_t>(array, first, out); break;
    case Type::INT32:
    case Type::DATE32:
    case Type::TIME32: HashNumbers<int32_t>(array, first, out); break;
    case Type::INT64:
    case Type::DATE64:
    case Type::TIME64:
    case Type::TIMESTAMP:
    case Type::DURATION: HashNumbers<int64_t>(array, first, out); break;
    case Type::UINT8: HashNumbers<uint8_t>(array, first, out); break;
    case Type::UINT16: HashNumbers<uint16_t>(array, first, out); break;
    case Type::UINT32: HashNumbers<uint32_t>(array, first, out); break;
    case Type::UINT64: HashNumbers<uint64_t>(array, first, out); break;
    case Type::FLOAT: HashNumbers<float>(array, first, out); break;
    case Type::DOUBLE: HashNumbers<double>(array, first, out); break;
    case Type::STRING:
    case Type::BINARY: HashText<arrow::BinaryArray>(array, first, out); break;
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: HashText<arrow::LargeBinaryArray>(array, first, out); break;
    case Type::FIXED_SIZE_BINARY:
      HashText<arrow::FixedSizeBinaryArray>(array, first, out);
      break;
    case Type::DECIMAL128:
    case Type::DECIMAL256: {
      // Sign extended to 32 bytes, so that one value has one hash in either width.
      const auto& values = static_cast<const arrow::FixedSizeBinaryArray&>(array);
      const int32_t width = values.byte_width();
      ForEachHash(array, first, out, [&](int64_t i) {
        const uint8_t* bytes = values.GetValue(i);
        uint8_t wide[32];
        std::memset(wide, (bytes[width - 1] & 0x80) != 0 ? 0xFF : 0, sizeof(wide));
        std::memcpy(wide, bytes, static_cast<size_t>(width));
        return XXH3_64bits_withSeed(wide, sizeof(wide), kSeed);
      });
      break;
    }
    case Type::INTERVAL_MONTH_DAY_NANO: {
      const auto& values = static_cast<const arrow::MonthDayNanoIntervalArray&>(array);
      ForEachHash(array, first, out, [&](int64_t i) {
        const auto value = values.GetValue(i);
        const int64_t parts[3] = {value.months, value.days, value.nanoseconds};
        return XXH3_64bits_withSeed(parts, sizeof(parts), kSeed);
      });
      break;
    }
    case Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
      if (dictionary.indices()->type_id() != Type::INT32) {
        return Status::NotImplemented("dictionary index type ",
                                      *dictionary.indices()->type());
      }
      return HashDictionary(dictionary, first, out);
    }
    default: return Status::NotImplemented("a key of type ", *array.type());
  }
  return Status::OK();
}

}  // namespace

Status HashRows(const std::vector<std::shared_ptr<arrow::Array>>& columns, int64_t rows,
                uint64_t* out) {
  if (columns.empty()) std::fill(out, out + rows, kSeed);
  for (size_t i = 0; i < columns.size(); ++i) {
    ARROW_RETURN_NOT_OK(HashColumn(*columns[i], i == 0, out));
  }
  return Status::OK();
}

Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> ScatterByKey(
    const std::shared_ptr<arrow::RecordBatch>& batch, const std::vector<int>& key_columns,
    int targets, arrow::MemoryPool* pool) {
  const int64_t rows = batch->num_rows();
  std::vector<std::shared_ptr<arrow::RecordBatch>> out(static_cast<size_t>(targets));
  if (rows == 0) return out;
  std::vector<std::shared_ptr<arrow::Array>> keys;
  for (int column : key_columns) keys.push_back(batch->column(column));
  std::vector<uint64_t> hashes(static_cast<size_t>(rows));
  ARROW_RETURN_NOT_OK(HashRows(keys, rows, hashes.data()));

  std::vector<std::shared_ptr<arrow::ResizableBuffer>> selections;
  std::vector<int32_t*> ends;
  for (int i = 0; i < targets; ++i) {
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(rows * 4, pool));
    ends.push_back(reinterpret_cast<int32_t*>(buffer->mutable_data()));
    selections.push_back(std::move(buffer));
  }
  for (int64_t i = 0; i < rows; ++i) {
    const int target =
        ShardOfKeyGroup(KeyGroupOf(hashes[static_cast<size_t>(i)]), targets);
    *ends[static_cast<size_t>(target)]++ = static_cast<int32_t>(i);
  }
  arrow::compute::ExecContext context(pool);
  context.set_use_threads(false);
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t count =
        ends[i] - reinterpret_cast<const int32_t*>(selections[i]->data());
    if (count == 0) continue;
    if (count == rows) {
      out[i] = batch;
      continue;
    }
    ARROW_RETURN_NOT_OK(selections[i]->Resize(count * 4, false));
    auto chosen = std::make_shared<arrow::Int32Array>(count, std::move(selections[i]));
    ARROW_ASSIGN_OR_RAISE(
        arrow::Datum taken,
        arrow::compute::Take(batch, chosen, arrow::compute::TakeOptions::NoBoundsCheck(),
                             &context));
    out[i] = taken.record_batch();
  }
  return out;
}

}  // namespace millrace::data
