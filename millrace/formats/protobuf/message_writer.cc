#include "millrace/formats/protobuf/message_writer.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arrow/array.h>
#include <arrow/compute/cast.h>
#include <arrow/compute/exec.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include "millrace/data/dictionary.h"
#include "millrace/data/type_name.h"
#include "millrace/formats/protobuf/errors.h"
#include "millrace/formats/protobuf/wire.h"

namespace millrace::formats::protobuf_format {

// One field, bound to the array that holds its values.
struct MessageWriter::Column {
  const Field* field = nullptr;  // null: the whole row
  std::string name;              // for messages
  // kMessage: those with a column, by number downwards. kMap: key and value, backwards.
  std::vector<std::unique_ptr<Column>> children;
  std::vector<int> places;  // of the children among the arrays

  std::shared_ptr<arrow::Array> array;  // of items
  const arrow::Array* nulls = nullptr;  // of the whole field
  const int32_t* offsets = nullptr;     // kRepeated, kMap
  const uint8_t* values = nullptr;      // of a fixed width
  const int32_t* text_offsets = nullptr;
  int64_t ticks = 0;  // kTimestamp, kDuration: in a second
  std::shared_ptr<arrow::Array> lists;
};

namespace {

bool EqualsIgnoringCase(const std::string& a, const std::string& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) {
                      return std::tolower(x) == std::tolower(y);
                    });
}

// The field called `name`, or −1. Names of SQL have no case.
int FindField(const MessageType& message, const std::string& name) {
  int found = -1;
  for (size_t i = 0; i < message.fields.size(); ++i) {
    if (message.fields[i].name == name) return static_cast<int>(i);
    if (!EqualsIgnoringCase(message.fields[i].name, name)) continue;
    if (found >= 0) return -1;
    found = static_cast<int>(i);
  }
  return found;
}

bool IsList(const arrow::DataType& type) {
  return type.id() == arrow::Type::LIST || type.id() == arrow::Type::LARGE_LIST ||
         type.id() == arrow::Type::FIXED_SIZE_LIST ||
         type.id() == arrow::Type::LIST_VIEW || type.id() == arrow::Type::LARGE_LIST_VIEW;
}

const arrow::DataType& ValueType(const arrow::DataType& type) {
  return type.id() == arrow::Type::DICTIONARY
             ? *static_cast<const arrow::DictionaryType&>(type).value_type()
             : type;
}

}  // namespace

MessageWriter::MessageWriter(std::shared_ptr<const MessageType> message,
                             arrow::MemoryPool* pool)
    : message_(std::move(message)), pool_(pool), root_(std::make_unique<Column>()) {}

MessageWriter::~MessageWriter() = default;

Result<std::unique_ptr<MessageWriter>> MessageWriter::Make(
    std::shared_ptr<const MessageType> message, const arrow::Schema& schema,
    arrow::MemoryPool* pool) {
  auto out = std::unique_ptr<MessageWriter>(new MessageWriter(std::move(message), pool));
  ARROW_RETURN_NOT_OK(out->Plan(*out->message_, schema.fields(), "", out->root_.get()));
  return out;
}

// Finds a field for each of `fields`.
Status MessageWriter::Plan(const MessageType& message, const arrow::FieldVector& fields,
                           const std::string& name, Column* out) {
  std::vector<bool> taken(message.fields.size(), false);
  for (size_t i = 0; i < fields.size(); ++i) {
    const std::string path =
        name.empty() ? fields[i]->name() : name + "." + fields[i]->name();
    const int place = FindField(message, fields[i]->name());
    if (place < 0 || taken[static_cast<size_t>(place)]) {
      return errors::kProtobufSchema.Make({.column = path}, "{} has no field for it",
                                          message.name);
    }
    taken[static_cast<size_t>(place)] = true;
    auto column = std::make_unique<Column>();
    column->field = &message.fields[static_cast<size_t>(place)];
    column->name = path;
    const Field& field = *column->field;
    const arrow::DataType* type = &ValueType(*fields[i]->type());
    const auto differs = [&] {
      return errors::kProtobufSchema.Make({.column = path}, "it is {}, the field is {}",
                                          data::SqlTypeName(*type),
                                          data::SqlTypeName(*ColumnType(field)));
    };
    if (field.repetition == Repetition::kRepeated) {
      if (!IsList(*type)) return differs();
      type = &ValueType(*type->field(0)->type());
    } else if (field.repetition == Repetition::kMap) {
      if (type->id() != arrow::Type::MAP) return differs();
      const auto& map = static_cast<const arrow::MapType&>(*type);
      ARROW_RETURN_NOT_OK(Plan(
          *field.message,
          {arrow::field("key", map.key_type()), arrow::field("value", map.item_type())},
          path, column.get()));
    }
    if (field.repetition != Repetition::kMap && field.kind == Kind::kMessage) {
      if (type->id() != arrow::Type::STRUCT) return differs();
      ARROW_RETURN_NOT_OK(Plan(*field.message, type->fields(), path, column.get()));
    }
    out->children.push_back(std::move(column));
    out->places.push_back(static_cast<int>(i));
  }
  for (size_t i = 0; i < taken.size(); ++i) {
    if (message.fields[i].required && !taken[i]) {
      return errors::kProtobufSchema.Make({}, "{} requires '{}', which no column gives",
                                          message.name, message.fields[i].name);
    }
  }
  // By number, from the last: bytes are written backwards.
  std::vector<size_t> order(out->children.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [out](size_t a, size_t b) {
    return out->children[a]->field->number > out->children[b]->field->number;
  });
  std::vector<std::unique_ptr<Column>> children;
  std::vector<int> places;
  for (const size_t i : order) {
    children.push_back(std::move(out->children[i]));
    places.push_back(out->places[i]);
  }
  out->children = std::move(children);
  out->places = std::move(places);
  return Status::OK();
}

Status MessageWriter::Bind(const arrow::RecordBatch& rows) {
  return BindFields(*root_, rows.columns());
}

Status MessageWriter::BindFields(Column& column, const arrow::ArrayVector& arrays) {
  for (size_t i = 0; i < column.children.size(); ++i) {
    ARROW_RETURN_NOT_OK(
        BindColumn(*column.children[i], arrays[static_cast<size_t>(column.places[i])]));
  }
  return Status::OK();
}

Status MessageWriter::BindColumn(Column& column, std::shared_ptr<arrow::Array> array) {
  ARROW_ASSIGN_OR_RAISE(array, data::Decoded(array, pool_));
  const Field& field = *column.field;
  if (field.repetition == Repetition::kOnce) return BindItem(column, std::move(array));
  if (field.repetition == Repetition::kRepeated &&
      array->type_id() != arrow::Type::LIST) {
    arrow::compute::ExecContext compute(pool_);
    compute.set_use_threads(false);
    auto cast = arrow::compute::Cast(
        array, arrow::compute::CastOptions::Safe(arrow::list(array->type()->field(0))),
        &compute);
    if (!cast.ok()) {
      return errors::kProtobufUnrepresentable.Make({.column = column.name}, "{}",
                                                   cast.status().message());
    }
    array = cast->make_array();
  }
  column.lists = array;
  column.nulls = array.get();
  const auto& lists = static_cast<const arrow::ListArray&>(*array);
  column.offsets = lists.raw_value_offsets();
  if (field.repetition == Repetition::kRepeated) return BindItem(column, lists.values());
  const auto& maps = static_cast<const arrow::MapArray&>(*array);
  return BindFields(column, {maps.keys(), maps.items()});
}

// The values of a field, or the items of one that is repeated.
Status MessageWriter::BindItem(Column& column, std::shared_ptr<arrow::Array> array) {
  const Field& field = *column.field;
  ARROW_ASSIGN_OR_RAISE(array, data::Decoded(array, pool_));
  if (field.kind == Kind::kMessage) {
    const auto& message = static_cast<const arrow::StructArray&>(*array);
    column.array = array;
    if (field.repetition == Repetition::kOnce) column.nulls = column.array.get();
    return BindFields(column, message.fields());
  }
  std::shared_ptr<arrow::DataType> type = field.type;
  if ((field.kind == Kind::kTimestamp && array->type_id() == arrow::Type::TIMESTAMP) ||
      (field.kind == Kind::kDuration && array->type_id() == arrow::Type::DURATION)) {
    // Its own unit: nothing is lost, and nothing overflows.
    const auto unit =
        field.kind == Kind::kTimestamp
            ? static_cast<const arrow::TimestampType&>(*array->type()).unit()
            : static_cast<const arrow::DurationType&>(*array->type()).unit();
    constexpr int64_t kTicks[] = {1, 1000, 1'000'000, 1'000'000'000};
    column.ticks = kTicks[unit];
    type = array->type();
  } else if (field.kind == Kind::kTimestamp || field.kind == Kind::kDuration) {
    column.ticks = 1'000'000'000;
  }
  if (!array->type()->Equals(*type)) {
    arrow::compute::ExecContext compute(pool_);
    compute.set_use_threads(false);
    auto cast =
        arrow::compute::Cast(array, arrow::compute::CastOptions::Safe(type), &compute);
    if (!cast.ok()) {
      if (ErrorDetail::Of(cast.status()) != nullptr) return cast.status();
      return errors::kProtobufUnrepresentable.Make({.column = column.name}, "{}",
                                                   cast.status().message());
    }
    array = cast->make_array();
  }
  column.array = array;
  if (field.repetition == Repetition::kOnce) column.nulls = column.array.get();
  if (field.kind == Kind::kText || field.kind == Kind::kEnum) {
    const auto& text = static_cast<const arrow::BinaryArray&>(*array);
    column.text_offsets = text.raw_value_offsets();
    column.values = text.value_data() ? text.value_data()->data() : nullptr;
  } else if (field.kind != Kind::kBool) {
    const auto& data = *array->data();
    const int width =
        static_cast<const arrow::FixedWidthType&>(*data.type).bit_width() / 8;
    column.values =
        data.buffers[1] ? data.buffers[1]->data() + data.offset * width : nullptr;
  }
  return Status::OK();
}

bool MessageWriter::Bad(const Column& column, std::string text) {
  status_ = errors::kProtobufUnrepresentable.Make({.column = column.name}, "{}", text);
  return false;
}

// Room before the bytes that are there.
bool MessageWriter::Room(int64_t bytes) {
  if (used_ + bytes <= bytes_.capacity()) [[likely]]
    return true;
  constexpr int64_t kMostBytes = INT32_MAX;
  if (used_ + bytes > kMostBytes) {
    status_ = errors::kProtobufUnrepresentable.Make({}, "a message of more than 2 GiB");
    return false;
  }
  Growing larger;
  Status status = larger.Reserve(std::max<int64_t>(2 * (used_ + bytes), 4096), pool_);
  if (!status.ok()) {
    status_ = std::move(status);
    return false;
  }
  if (used_ > 0) {
    memcpy(larger.data() + larger.capacity() - used_,
           bytes_.data() + bytes_.capacity() - used_, static_cast<size_t>(used_));
  }
  bytes_ = std::move(larger);
  return true;
}

bool MessageWriter::Put(const void* bytes, int64_t size) {
  if (!Room(size)) return false;
  used_ += size;
  if (size > 0) {
    memcpy(bytes_.data() + bytes_.capacity() - used_, bytes, static_cast<size_t>(size));
  }
  return true;
}

bool MessageWriter::PutVarint(uint64_t value) {
  uint8_t bytes[kMaxVarintBytes];
  return Put(bytes, WriteVarint(value, bytes) - bytes);
}

bool MessageWriter::PutTag(const Field& field, bool end) {
  Wire wire = Wire::kVarint;
  switch (field.kind) {
    case Kind::kFixed32: wire = Wire::kFixed32; break;
    case Kind::kFixed64: wire = Wire::kFixed64; break;
    case Kind::kMessage:
      wire = !field.group ? Wire::kBytes : end ? Wire::kEndGroup : Wire::kGroup;
      break;
    case Kind::kText:
    case Kind::kTimestamp:
    case Kind::kDuration: wire = Wire::kBytes; break;
    default: break;
  }
  if (field.wrapped || field.repetition == Repetition::kMap) wire = Wire::kBytes;
  return PutVarint(uint64_t{field.number} << 3 | static_cast<uint64_t>(wire));
}

bool MessageWriter::EnumNumber(Column& column, int64_t i, int32_t* out) {
  const std::string_view name(
      reinterpret_cast<const char*>(column.values) + column.text_offsets[i],
      static_cast<size_t>(column.text_offsets[i + 1] - column.text_offsets[i]));
  const EnumType& type = *column.field->enumeration;
  if (const auto known = type.by_name.find(name); known != type.by_name.end()) {
    *out = known->second;
    return true;
  }
  const auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), *out);
  if (fault == std::errc() && end == name.data() + name.size() && !type.closed) {
    return true;
  }
  return Bad(column, fmt::format("its enum has no '{}'", name.substr(0, 100)));
}

bool MessageWriter::Moment(Column& column, int64_t i) {
  int64_t value = 0;
  memcpy(&value, column.values + i * 8, 8);
  int64_t seconds = value / column.ticks;
  int64_t rest = value % column.ticks;
  // Seconds of a Timestamp are rounded down, a Duration's have the sign of its parts.
  const bool timestamp = column.field->kind == Kind::kTimestamp;
  if (timestamp && rest < 0) {
    rest += column.ticks;
    --seconds;
  }
  const int64_t least = timestamp ? -62'135'596'800 : -315'576'000'000;
  const int64_t most = timestamp ? 253'402'300'799 : 315'576'000'000;
  if (seconds < least || seconds > most) return Bad(column, "a time out of range");
  const int64_t nanos = rest * (1'000'000'000 / column.ticks);
  constexpr uint64_t kSecondsTag = 1 << 3, kNanosTag = 2 << 3;
  const int64_t before = used_;
  if (nanos != 0 && !(PutVarint(static_cast<uint64_t>(nanos)) && PutVarint(kNanosTag))) {
    return false;
  }
  if (seconds != 0 &&
      !(PutVarint(static_cast<uint64_t>(seconds)) && PutVarint(kSecondsTag))) {
    return false;
  }
  return PutVarint(static_cast<uint64_t>(used_ - before));
}

// Item `i` without its tag. With `skip_zero` one that is its type's zero is left out.
bool MessageWriter::Item(Column& column, int64_t i, bool skip_zero, bool* zero) {
  const Field& field = *column.field;
  const auto put = [&](uint64_t value) {
    *zero = skip_zero && value == 0;
    return *zero || PutVarint(value);
  };
  *zero = false;
  switch (field.kind) {
    case Kind::kBool:
      return put(static_cast<const arrow::BooleanArray&>(*column.array).Value(i) ? 1 : 0);
    case Kind::kVarint32: {
      int32_t value = 0;
      memcpy(&value, column.values + i * 4, 4);
      // Negative numbers are written with 64 bits.
      return put(field.type->id() == arrow::Type::UINT32
                     ? static_cast<uint64_t>(static_cast<uint32_t>(value))
                     : static_cast<uint64_t>(static_cast<int64_t>(value)));
    }
    case Kind::kZigZag32: {
      int32_t value = 0;
      memcpy(&value, column.values + i * 4, 4);
      return put(ZigZag(value));
    }
    case Kind::kVarint64: {
      uint64_t value = 0;
      memcpy(&value, column.values + i * 8, 8);
      return put(value);
    }
    case Kind::kZigZag64: {
      int64_t value = 0;
      memcpy(&value, column.values + i * 8, 8);
      return put(ZigZag(value));
    }
    case Kind::kFixed32: {
      uint32_t value = 0;
      memcpy(&value, column.values + i * 4, 4);
      *zero = skip_zero && value == 0;
      return *zero || Put(&value, 4);
    }
    case Kind::kFixed64: {
      uint64_t value = 0;
      memcpy(&value, column.values + i * 8, 8);
      *zero = skip_zero && value == 0;
      return *zero || Put(&value, 8);
    }
    case Kind::kText: {
      const int64_t size = column.text_offsets[i + 1] - column.text_offsets[i];
      *zero = skip_zero && size == 0;
      return *zero || (Put(column.values + column.text_offsets[i], size) &&
                       PutVarint(static_cast<uint64_t>(size)));
    }
    case Kind::kEnum: {
      int32_t number = 0;
      if (!EnumNumber(column, i, &number)) return false;
      return put(static_cast<uint64_t>(static_cast<int64_t>(number)));
    }
    case Kind::kTimestamp:
    case Kind::kDuration: return Moment(column, i);
    case Kind::kMessage: {
      if (field.group) return PutTag(field, /*end=*/true) && Fields(column, i);
      const int64_t before = used_;
      return Fields(column, i) && PutVarint(static_cast<uint64_t>(used_ - before));
    }
  }
  return true;
}

// Item `i`, which is there, with its tag.
bool MessageWriter::Tagged(Column& column, int64_t i) {
  const Field& field = *column.field;
  bool zero = false;
  if (!field.wrapped) return Item(column, i, false, &zero) && PutTag(field);
  // Inside the wrapper it is field 1, and left out when it is zero.
  const int64_t before = used_;
  if (!Item(column, i, /*skip_zero=*/true, &zero)) return false;
  if (!zero) {
    Field inside = {};
    inside.number = 1;
    inside.kind = field.kind;
    if (!PutTag(inside)) return false;
  }
  return PutVarint(static_cast<uint64_t>(used_ - before)) && PutTag(field);
}

bool MessageWriter::FieldOf(Column& column, int64_t i) {
  const Field& field = *column.field;
  const bool null = column.nulls->IsNull(i);
  if (field.repetition == Repetition::kOnce) {
    if (null) {
      return field.nullable || Bad(column, "NULL in a field that can't be without value");
    }
    // A field without presence that is zero is left out.
    if (field.implicit) {
      bool zero = false;
      return Item(column, i, /*skip_zero=*/true, &zero) && (zero || PutTag(field));
    }
    return Tagged(column, i);
  }
  if (null) return Bad(column, "NULL in a repeated field, where only empty can be");
  const int32_t begin = column.offsets[i], end = column.offsets[i + 1];
  if (field.repetition == Repetition::kMap) {
    for (int32_t k = end - 1; k >= begin; --k) {
      const int64_t before = used_;
      for (const auto& part : column.children) {
        if (part->nulls->IsNull(k)) return Bad(*part, "NULL in a map");
        if (!Tagged(*part, k)) return false;
      }
      if (!PutVarint(static_cast<uint64_t>(used_ - before)) || !PutTag(field)) {
        return false;
      }
    }
    return true;
  }
  for (int32_t k = begin; k < end; ++k) {
    if (column.array->IsNull(k)) return Bad(column, "NULL in a repeated field");
  }
  if (!field.packed) {
    for (int32_t k = end - 1; k >= begin; --k) {
      if (!Tagged(column, k)) return false;
    }
    return true;
  }
  if (begin == end) return true;
  const int64_t before = used_;
  bool zero = false;
  for (int32_t k = end - 1; k >= begin; --k) {
    if (!Item(column, k, false, &zero)) return false;
  }
  return PutVarint(static_cast<uint64_t>(used_ - before)) &&
         PutVarint(uint64_t{field.number} << 3 | static_cast<uint64_t>(Wire::kBytes));
}

bool MessageWriter::Fields(Column& message, int64_t i) {
  for (const auto& column : message.children) {
    if (!FieldOf(*column, i)) return false;
  }
  return true;
}

Status MessageWriter::Append(int64_t i, Growing* out, int64_t* size) {
  used_ = 0;
  if (!Fields(*root_, i)) return status_;
  if (!PutVarint(static_cast<uint64_t>(used_))) return status_;
  ARROW_RETURN_NOT_OK(out->Reserve(*size + used_, pool_));
  memcpy(out->data() + *size, bytes_.data() + bytes_.capacity() - used_,
         static_cast<size_t>(used_));
  *size += used_;
  return Status::OK();
}

}  // namespace millrace::formats::protobuf_format
