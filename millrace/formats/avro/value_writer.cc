#include "millrace/formats/avro/value_writer.h"

#include <cstring>

#include <arrow/array.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>

#include "millrace/formats/avro/errors.h"
#include "millrace/formats/avro/wire.h"

namespace millrace::formats::avro {

// A column of the batch that is bound, by its buffers.
struct RecordWriter::Column {
  std::string name;
  arrow::Type::type id = arrow::Type::NA;
  bool nullable = false;  // a union with null is written
  int32_t width = 0;
  const arrow::Array* array = nullptr;
  const uint8_t* valid = nullptr;  // null: no NULL
  int64_t offset = 0;
  const uint8_t* values = nullptr;  // behind the offset but for booleans
  const int32_t* offsets = nullptr;
  std::vector<std::unique_ptr<Column>> children;
  int null_branch = -1;  // of a union
};

RecordWriter::RecordWriter(std::shared_ptr<arrow::Schema> schema, arrow::MemoryPool* pool)
    : schema_(std::move(schema)), pool_(pool) {
  for (const auto& field : schema_->fields()) columns_.push_back(Make(*field));
}

RecordWriter::~RecordWriter() = default;

std::unique_ptr<RecordWriter::Column> RecordWriter::Make(const arrow::Field& field) {
  auto out = std::make_unique<Column>();
  const arrow::DataType& type = *field.type();
  out->name = field.name();
  out->id = type.id();
  out->nullable = field.nullable() && type.id() != arrow::Type::NA &&
                  type.id() != arrow::Type::DENSE_UNION;
  if (type.id() == arrow::Type::MAP) {
    const auto& map = static_cast<const arrow::MapType&>(type);
    out->children.push_back(Make(*map.key_field()));
    out->children.push_back(Make(*map.item_field()));
  } else {
    for (const auto& child : type.fields()) {
      out->children.push_back(Make(*child));
      if (type.id() == arrow::Type::DENSE_UNION) {
        // Unions don't hold unions: NULL has its own branch.
        out->children.back()->nullable = false;
        if (child->type()->id() == arrow::Type::NA) {
          out->null_branch = static_cast<int>(out->children.size()) - 1;
        }
      }
    }
  }
  if (type.id() == arrow::Type::FIXED_SIZE_BINARY) {
    out->width = static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width();
  } else if (arrow::is_fixed_width(type.id())) {
    out->width = type.bit_width() / 8;
  }
  return out;
}

Status RecordWriter::BindColumn(Column& column, const arrow::Array& array, bool hidden) {
  const arrow::ArrayData& data = *array.data();
  column.array = &array;
  column.offset = data.offset;
  column.valid = array.null_count() > 0 ? array.null_bitmap_data() : nullptr;
  if (!column.nullable && !hidden && column.valid != nullptr &&
      column.id != arrow::Type::NA && column.id != arrow::Type::DENSE_UNION) {
    return errors::kNullNotAllowed.Make({.column = column.name}, "");
  }
  auto bytes = [&](size_t i) {
    return data.buffers[i] ? data.buffers[i]->data() : nullptr;
  };
  switch (column.id) {
    case arrow::Type::NA: return Status::OK();
    case arrow::Type::BOOL: column.values = bytes(1); return Status::OK();
    case arrow::Type::STRING:
    case arrow::Type::BINARY: {
      const auto& text = static_cast<const arrow::BinaryArray&>(array);
      column.offsets = text.raw_value_offsets();
      column.values = bytes(2);
      return Status::OK();
    }
    case arrow::Type::LIST: {
      const auto& list = static_cast<const arrow::ListArray&>(array);
      column.offsets = list.raw_value_offsets();
      return BindColumn(*column.children[0], *list.values(), hidden);
    }
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapArray&>(array);
      column.offsets = map.raw_value_offsets();
      ARROW_RETURN_NOT_OK(BindColumn(*column.children[0], *map.keys(), hidden));
      return BindColumn(*column.children[1], *map.items(), hidden);
    }
    case arrow::Type::STRUCT: {
      const auto& record = static_cast<const arrow::StructArray&>(array);
      for (size_t c = 0; c < column.children.size(); ++c) {
        // Where the record is NULL nobody looks at its fields.
        ARROW_RETURN_NOT_OK(BindColumn(*column.children[c],
                                       *record.field(static_cast<int>(c)),
                                       hidden || column.valid != nullptr));
      }
      return Status::OK();
    }
    case arrow::Type::DENSE_UNION: {
      const auto& either = static_cast<const arrow::DenseUnionArray&>(array);
      for (size_t c = 0; c < column.children.size(); ++c) {
        // NULL is written as the branch that is null.
        ARROW_RETURN_NOT_OK(
            BindColumn(*column.children[c], *either.field(static_cast<int>(c)), true));
      }
      return Status::OK();
    }
    default:
      column.values = bytes(1);
      if (column.values != nullptr) column.values += column.offset * column.width;
      return Status::OK();
  }
}

Status RecordWriter::Bind(const std::vector<std::shared_ptr<arrow::Array>>& columns) {
  for (size_t c = 0; c < columns_.size(); ++c) {
    ARROW_RETURN_NOT_OK(BindColumn(*columns_[c], *columns[c], false));
  }
  return Status::OK();
}

bool RecordWriter::Room(int64_t size) {
  if (size_ + size <= bytes_.capacity()) [[likely]]
    return true;
  Status status = bytes_.Reserve(size_ + size, pool_);
  if (status.ok()) return true;
  status_ = std::move(status);
  return false;
}

bool RecordWriter::Text(const void* bytes, int64_t size) {
  if (!Room(size + kMaxVarintBytes)) return false;
  uint8_t* out = WriteLong(size, bytes_.data() + size_);
  if (size > 0) memcpy(out, bytes, static_cast<size_t>(size));
  size_ = out + size - bytes_.data();
  return true;
}

// Two's complement, the highest byte first, in as few bytes as hold the sign.
bool RecordWriter::Decimal(const uint8_t* little_endian, int width) {
  uint8_t bytes[32];
  for (int b = 0; b < width; ++b) bytes[b] = little_endian[width - 1 - b];
  int skip = 0;
  while (skip + 1 < width && ((bytes[skip] == 0 && bytes[skip + 1] < 0x80) ||
                              (bytes[skip] == 0xFF && bytes[skip + 1] >= 0x80))) {
    ++skip;
  }
  return Text(bytes + skip, width - skip);
}

bool RecordWriter::Union(Column& column, int64_t i) {
  const auto& array = static_cast<const arrow::DenseUnionArray&>(*column.array);
  int branch = array.child_id(i);
  const int64_t place = array.value_offset(i);
  if (array.field(branch)->IsNull(place)) {
    if (column.null_branch < 0) {
      status_ = errors::kAvroUnrepresentable.Make(
          {.column = column.name}, "NULL in a union that has no branch for it");
      return false;
    }
    branch = column.null_branch;
  }
  if (!Room(kMaxVarintBytes)) return false;
  size_ = WriteLong(branch, bytes_.data() + size_) - bytes_.data();
  return Value(*column.children[static_cast<size_t>(branch)], place);
}

bool RecordWriter::Value(Column& column, int64_t i) {
  if (!Room(2 * kMaxVarintBytes)) return false;
  if (column.nullable) {
    const int64_t bit = column.offset + i;
    const bool null =
        column.valid != nullptr && (column.valid[bit >> 3] >> (bit & 7) & 1) == 0;
    bytes_.data()[size_++] = null ? 0 : 2;
    if (null) return true;
  }
  uint8_t* out = bytes_.data() + size_;
  switch (column.id) {
    case arrow::Type::NA: return true;
    case arrow::Type::BOOL: {
      const int64_t bit = column.offset + i;
      *out = column.values[bit >> 3] >> (bit & 7) & 1;
      ++size_;
      return true;
    }
    case arrow::Type::INT32:
    case arrow::Type::DATE32:
    case arrow::Type::TIME32: {
      int32_t value = 0;
      memcpy(&value, column.values + i * 4, 4);
      size_ = WriteLong(value, out) - bytes_.data();
      return true;
    }
    case arrow::Type::INT64:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP: {
      int64_t value = 0;
      memcpy(&value, column.values + i * 8, 8);
      size_ = WriteLong(value, out) - bytes_.data();
      return true;
    }
    case arrow::Type::FLOAT:
      memcpy(out, column.values + i * 4, 4);
      size_ += 4;
      return true;
    case arrow::Type::DOUBLE:
      memcpy(out, column.values + i * 8, 8);
      size_ += 8;
      return true;
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return Text(column.values + column.offsets[i],
                  column.offsets[i + 1] - column.offsets[i]);
    case arrow::Type::FIXED_SIZE_BINARY:
      if (!Room(column.width)) return false;
      if (column.width > 0) {
        memcpy(bytes_.data() + size_, column.values + i * column.width,
               static_cast<size_t>(column.width));
      }
      size_ += column.width;
      return true;
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return Decimal(column.values + i * column.width, column.width);
    case arrow::Type::INTERVAL_MONTH_DAY_NANO: {
      arrow::MonthDayNanoIntervalType::MonthDayNanos value;
      memcpy(&value, column.values + i * 16, 16);
      const int64_t millis = value.nanoseconds / 1'000'000;
      if (value.months < 0 || value.days < 0 || value.nanoseconds < 0 ||
          value.nanoseconds % 1'000'000 != 0 || millis > UINT32_MAX) {
        status_ = errors::kAvroUnrepresentable.Make(
            {.column = column.name},
            "an interval that is negative or not of whole milliseconds");
        return false;
      }
      const uint32_t parts[3] = {static_cast<uint32_t>(value.months),
                                 static_cast<uint32_t>(value.days),
                                 static_cast<uint32_t>(millis)};
      memcpy(out, parts, sizeof(parts));
      size_ += static_cast<int64_t>(sizeof(parts));
      return true;
    }
    case arrow::Type::LIST:
    case arrow::Type::MAP: {
      const int64_t begin = column.offsets[i], end = column.offsets[i + 1];
      if (end > begin) {
        size_ = WriteLong(end - begin, out) - bytes_.data();
        for (int64_t k = begin; k < end; ++k) {
          for (const auto& child : column.children) {
            if (!Value(*child, k)) return false;
          }
        }
      }
      if (!Room(1)) return false;
      bytes_.data()[size_++] = 0;
      return true;
    }
    case arrow::Type::STRUCT:
      for (const auto& child : column.children) {
        if (!Value(*child, i)) return false;
      }
      return true;
    case arrow::Type::DENSE_UNION: return Union(column, i);
    default:
      status_ =
          errors::kInternal.Make({.column = column.name}, "no writer for this type");
      return false;
  }
}

Status RecordWriter::Write(int64_t i) {
  for (const auto& column : columns_) {
    if (!Value(*column, i)) return status_;
  }
  return Status::OK();
}

}  // namespace millrace::formats::avro
