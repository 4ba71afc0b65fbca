#include "millrace/connectors/blackhole/touch.h"

#include <algorithm>

#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

namespace millrace::blackhole {

namespace {

constexpr int64_t kCacheLine = 64;

uint64_t TouchBytes(const arrow::Buffer& buffer, int64_t begin, int64_t end) {
  end = std::min(end, buffer.size());
  uint64_t seen = 0;
  for (int64_t at = begin; at < end; at += kCacheLine) seen ^= buffer.data()[at];
  // A part that begins inside a line reaches into one more.
  if (begin < end) seen ^= buffer.data()[end - 1];
  return seen;
}

struct Range {
  int64_t begin = 0;
  int64_t end = 0;
};

template <typename Offset>
Range RangeOf(const arrow::ArrayData& data) {
  const Offset* offsets = data.GetValues<Offset>(1);
  return {offsets[0], offsets[data.length]};
}

// Which bytes of the buffer behind the offsets the rows use.
Range ValueBytes(const arrow::ArrayData& data, const arrow::Buffer& values) {
  switch (data.type->id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY: return RangeOf<int32_t>(data);
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY: return RangeOf<int64_t>(data);
    default: return {0, values.size()};
  }
}

uint64_t TouchBuffer(const arrow::ArrayData& data,
                     const arrow::DataTypeLayout::BufferSpec& spec,
                     const arrow::Buffer& buffer) {
  const int64_t begin = data.offset, end = data.offset + data.length;
  switch (spec.kind) {
    case arrow::DataTypeLayout::BITMAP:
      return TouchBytes(buffer, begin / 8, (end + 7) / 8);
    case arrow::DataTypeLayout::FIXED_WIDTH:
      return TouchBytes(buffer, begin * spec.byte_width, end * spec.byte_width);
    case arrow::DataTypeLayout::VARIABLE_WIDTH: {
      const Range used = ValueBytes(data, buffer);
      return TouchBytes(buffer, used.begin, used.end);
    }
    case arrow::DataTypeLayout::ALWAYS_NULL: break;
  }
  return 0;
}

}  // namespace

uint64_t Touch(const arrow::ArrayData& data) {
  if (data.length == 0) return 0;
  uint64_t seen = 0;
  const arrow::DataTypeLayout layout = data.type->layout();
  for (size_t i = 0; i < data.buffers.size(); ++i) {
    if (!data.buffers[i] || !data.buffers[i]->is_cpu()) continue;
    // Types of views have any number of buffers of one kind at their end.
    const auto& spec =
        i < layout.buffers.size() ? layout.buffers[i] : layout.variadic_spec.value();
    seen ^= TouchBuffer(data, spec, *data.buffers[i]);
  }
  for (const auto& child : data.child_data) seen ^= Touch(*child);
  if (data.dictionary) seen ^= Touch(*data.dictionary);
  return seen;
}

uint64_t Touch(const arrow::RecordBatch& rows) {
  uint64_t seen = 0;
  for (int i = 0; i < rows.num_columns(); ++i) seen ^= Touch(*rows.column_data(i));
  return seen;
}

}  // namespace millrace::blackhole
