// What a decoder has gathered, as Arrow arrays.
#include <algorithm>
#include <cstring>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <simdjson.h>

#include "millrace/data/dictionary.h"
#include "millrace/formats/avro/decoder.h"
#include "millrace/formats/avro/errors.h"

namespace millrace::formats::avro {

namespace {

// The first text that is no UTF-8, or −1. All is looked at in one piece; then none may
// begin inside a character.
int64_t FirstInvalid(const char* data, const int32_t* offsets, int64_t count) {
  const int32_t end = offsets[count];
  bool cut = false;
  if (simdjson::validate_utf8(data, static_cast<size_t>(end))) {
    for (int64_t i = 1; i < count; ++i) {
      cut |= offsets[i] < end && (data[offsets[i]] & 0xC0) == 0x80;
    }
    if (!cut) return -1;
  }
  for (int64_t i = 0; i < count; ++i) {
    if (!simdjson::validate_utf8(data + offsets[i],
                                 static_cast<size_t>(offsets[i + 1] - offsets[i]))) {
      return i;
    }
  }
  return -1;
}

// The first value outside of a day, or −1. NULL is 0.
template <typename T>
int64_t FirstOutside(const uint8_t* bytes, int64_t count, T day) {
  const T* values = reinterpret_cast<const T*>(bytes);
  for (int64_t i = 0; i < count; ++i) {
    if (values[i] < 0 || values[i] >= day) return i;
  }
  return -1;
}

int64_t RowOf(int64_t first_row, int64_t i) {
  return first_row < 0 ? -1 : first_row + i + 1;
}

}  // namespace

Decoder::Column Decoder::TakeText(Node& node, std::shared_ptr<arrow::Buffer> valid,
                                  int64_t nulls, int64_t first_row) {
  if (node.type->id() == arrow::Type::STRING && node.op == Op::kText) {
    const int64_t i = FirstInvalid(reinterpret_cast<const char*>(node.data.data()),
                                   node.values.as<int32_t>(), node.length);
    if (i >= 0) {
      return errors::kAvroInvalidUtf8.Make(
          {.file = file_, .row = RowOf(first_row, i), .column = node.name}, "");
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto offsets, node.values.Take((node.length + 1) * 4, pool_));
  node.last_bytes = node.data_length;
  ARROW_ASSIGN_OR_RAISE(auto data,
                        node.data.Take(std::exchange(node.data_length, 0), pool_));
  return arrow::ArrayData::Make(node.type, node.length,
                                {std::move(valid), std::move(offsets), std::move(data)},
                                nulls);
}

Decoder::Column Decoder::TakeEnum(Node& node, std::shared_ptr<arrow::Buffer> valid,
                                  int64_t nulls, int64_t first_row) {
  ARROW_ASSIGN_OR_RAISE(auto codes, node.values.Take(node.length * 4, pool_));
  auto coded =
      arrow::ArrayData::Make(arrow::dictionary(arrow::int32(), node.type), node.length,
                             {std::move(valid), std::move(codes)}, nulls);
  coded->dictionary = node.dictionary->data();
  if (first_row >= 0 && node.in_dictionary) return coded;
  ARROW_ASSIGN_OR_RAISE(const auto values, data::Decoded(arrow::MakeArray(coded), pool_));
  return values->data();
}

Decoder::Column Decoder::TakeUnion(Node& node, int64_t length) {
  ARROW_ASSIGN_OR_RAISE(auto codes, node.values.Take(length, pool_));
  ARROW_ASSIGN_OR_RAISE(auto places, node.data.Take(length * 4, pool_));
  auto out = arrow::ArrayData::Make(node.type, length,
                                    {nullptr, std::move(codes), std::move(places)}, 0);
  out->child_data.resize(static_cast<size_t>(node.type->num_fields()));
  for (size_t i = 0; i < node.children.size(); ++i) {
    if (node.children[i]->op == Op::kFail) continue;
    ARROW_ASSIGN_OR_RAISE(out->child_data[static_cast<size_t>(node.codes[i])],
                          Take(*node.children[i], -1));
  }
  for (size_t i = 0; i < out->child_data.size(); ++i) {
    if (out->child_data[i]) continue;
    ARROW_ASSIGN_OR_RAISE(
        const auto none,
        arrow::MakeEmptyArray(node.type->field(static_cast<int>(i))->type(), pool_));
    out->child_data[i] = none->data();
  }
  return out;
}

Decoder::Column Decoder::Take(Node& node, int64_t first_row) {
  if (node.op == Op::kDefault) {
    node.length = 0;
    return Take(*node.children[0], first_row);
  }
  const int64_t length = node.length;
  std::shared_ptr<arrow::Buffer> valid;
  int64_t nulls = 0;
  if (node.nullable && length > 0) {
    if (memchr(node.valid.data(), 0, static_cast<size_t>(length)) != nullptr) {
      ARROW_ASSIGN_OR_RAISE(valid, PackBits(node.valid.data(), length, pool_, &nulls));
    }
  }
  Column out = arrow::ArrayData::Make(node.type, length, {valid}, nulls);
  switch (node.op) {
    case Op::kNull: {
      ARROW_ASSIGN_OR_RAISE(const auto none,
                            arrow::MakeArrayOfNull(node.type, length, pool_));
      out = none->data();
      break;
    }
    case Op::kBoolean: {
      int64_t zeros = 0;
      ARROW_ASSIGN_OR_RAISE(auto bits,
                            PackBits(node.values.data(), length, pool_, &zeros));
      (*out)->buffers.push_back(std::move(bits));
      break;
    }
    case Op::kText:
    case Op::kUuid: {
      // A column that never had room has no offsets.
      ARROW_RETURN_NOT_OK(Reserve(node, 0));
      out = TakeText(node, std::move(valid), nulls, first_row);
      break;
    }
    case Op::kEnum: out = TakeEnum(node, std::move(valid), nulls, first_row); break;
    case Op::kArray: {
      ARROW_RETURN_NOT_OK(Reserve(node, 0));
      ARROW_ASSIGN_OR_RAISE(auto offsets, node.values.Take((length + 1) * 4, pool_));
      (*out)->buffers.push_back(std::move(offsets));
      ARROW_ASSIGN_OR_RAISE(auto items, Take(*node.children[0], -1));
      (*out)->child_data.push_back(std::move(items));
      break;
    }
    case Op::kMap: {
      ARROW_RETURN_NOT_OK(Reserve(node, 0));
      ARROW_ASSIGN_OR_RAISE(auto offsets, node.values.Take((length + 1) * 4, pool_));
      (*out)->buffers.push_back(std::move(offsets));
      ARROW_ASSIGN_OR_RAISE(auto keys, Take(*node.children[0], -1));
      ARROW_ASSIGN_OR_RAISE(auto values, Take(*node.children[1], -1));
      const int64_t pairs = keys->length;
      (*out)->child_data.push_back(
          arrow::ArrayData::Make(node.type->field(0)->type(), pairs, {nullptr},
                                 {std::move(keys), std::move(values)}, 0));
      break;
    }
    case Op::kRecord:
      for (Node* child : node.columns) {
        ARROW_ASSIGN_OR_RAISE(auto column, Take(*child, -1));
        (*out)->child_data.push_back(std::move(column));
      }
      break;
    case Op::kUnion: out = TakeUnion(node, length); break;
    default: {
      int64_t outside = -1;
      if (node.type->id() == arrow::Type::TIME32) {
        outside = FirstOutside<int32_t>(node.values.data(), length, 86'400'000);
      } else if (node.type->id() == arrow::Type::TIME64) {
        outside = FirstOutside<int64_t>(node.values.data(), length, 86'400'000'000);
      }
      if (outside >= 0) {
        return errors::kAvroBroken.Make(
            {.file = file_, .row = RowOf(first_row, outside), .column = node.name},
            "a time of day is longer than a day");
      }
      ARROW_ASSIGN_OR_RAISE(auto values, node.values.Take(length * node.width, pool_));
      (*out)->buffers.push_back(std::move(values));
    }
  }
  node.length = 0;
  return out;
}

Result<std::shared_ptr<arrow::RecordBatch>> Decoder::Finish(int64_t first_row) {
  std::vector<std::shared_ptr<arrow::ArrayData>> columns;
  arrow::FieldVector fields;
  for (size_t i = 0; i < columns_.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto column, Take(*columns_[i], first_row));
    const auto& field = schema_->field(static_cast<int>(i));
    if (!field->nullable() && column->GetNullCount() > 0) {
      return errors::kAvroSchema.Make({.file = file_, .column = field->name()},
                                      "it has NULL, where none is expected");
    }
    fields.push_back(field->WithType(column->type));
    columns.push_back(std::move(column));
  }
  for (const auto& node : program_) {
    if (node->op == Op::kDefault) node->length = 0;
  }
  last_rows_ = rows_;
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)),
                                  std::exchange(rows_, 0), std::move(columns));
}

}  // namespace millrace::formats::avro
