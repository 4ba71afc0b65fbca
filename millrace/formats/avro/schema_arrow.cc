// Avro types as those of columns.
#include <arrow/type.h>

#include "millrace/formats/avro/errors.h"
#include "millrace/formats/avro/schema.h"

namespace millrace::formats::avro {

namespace {

constexpr size_t kMaxBranches = 127;  // of Arrow's unions

// What a branch of a union is called.
std::string BranchName(const Type& type) {
  static constexpr const char* kNames[] = {"null",   "boolean", "int",    "long", "float",
                                           "double", "bytes",   "string", "",     "",
                                           "array",  "map",     "",       ""};
  return type.name.empty() ? kNames[static_cast<int>(type.kind)] : type.name;
}

std::shared_ptr<arrow::DataType> TimestampOf(Logical logical) {
  using arrow::TimeUnit;
  switch (logical) {
    case Logical::kTimestampMillis: return arrow::timestamp(TimeUnit::MILLI, "UTC");
    case Logical::kTimestampMicros: return arrow::timestamp(TimeUnit::MICRO, "UTC");
    case Logical::kTimestampNanos: return arrow::timestamp(TimeUnit::NANO, "UTC");
    case Logical::kLocalTimestampMillis: return arrow::timestamp(TimeUnit::MILLI);
    case Logical::kLocalTimestampMicros: return arrow::timestamp(TimeUnit::MICRO);
    case Logical::kLocalTimestampNanos: return arrow::timestamp(TimeUnit::NANO);
    default: return arrow::int64();
  }
}

std::shared_ptr<arrow::DataType> DecimalOf(const Type& type) {
  if (type.precision <= 38) return arrow::decimal128(type.precision, type.scale);
  return arrow::decimal256(type.precision, type.scale);
}

Result<std::shared_ptr<arrow::Field>> ArrowField(const std::string& name,
                                                 const Type& type,
                                                 const std::string& file) {
  ARROW_ASSIGN_OR_RAISE(auto arrow_type, ArrowTypeOf(type, file));
  return arrow::field(name, std::move(arrow_type), IsNullable(type));
}

}  // namespace

int NullBranch(const Type& type, const Type** value) {
  *value = nullptr;
  if (type.kind != Kind::kUnion || type.children.size() > 2) return -1;
  int found = -1;
  for (size_t i = 0; i < type.children.size(); ++i) {
    if (type.children[i]->kind == Kind::kNull) {
      found = static_cast<int>(i);
    } else {
      *value = type.children[i].get();
    }
  }
  return found;
}

bool IsNullable(const Type& type) {
  if (type.kind == Kind::kNull) return true;
  if (type.kind != Kind::kUnion) return false;
  for (const TypePtr& branch : type.children) {
    if (branch->kind == Kind::kNull) return true;
  }
  return false;
}

Result<std::shared_ptr<arrow::DataType>> ArrowTypeOf(const Type& type,
                                                     const std::string& file) {
  switch (type.kind) {
    case Kind::kNull: return arrow::null();
    case Kind::kBoolean: return arrow::boolean();
    case Kind::kInt:
      if (type.logical == Logical::kDate) return arrow::date32();
      if (type.logical == Logical::kTimeMillis) {
        return arrow::time32(arrow::TimeUnit::MILLI);
      }
      return arrow::int32();
    case Kind::kLong:
      if (type.logical == Logical::kTimeMicros) {
        return arrow::time64(arrow::TimeUnit::MICRO);
      }
      return TimestampOf(type.logical);
    case Kind::kFloat: return arrow::float32();
    case Kind::kDouble: return arrow::float64();
    case Kind::kBytes:
      return type.logical == Logical::kDecimal ? DecimalOf(type) : arrow::binary();
    case Kind::kString: return arrow::utf8();
    case Kind::kFixed:
      if (type.logical == Logical::kDecimal) return DecimalOf(type);
      if (type.logical == Logical::kDuration) return arrow::month_day_nano_interval();
      if (type.logical == Logical::kUuid) return arrow::utf8();
      return arrow::fixed_size_binary(static_cast<int32_t>(type.size));
    case Kind::kEnum: return arrow::utf8();
    case Kind::kArray: {
      ARROW_ASSIGN_OR_RAISE(auto item, ArrowField("item", *type.children[0], file));
      return arrow::list(std::move(item));
    }
    case Kind::kMap: {
      ARROW_ASSIGN_OR_RAISE(auto value, ArrowField("value", *type.children[0], file));
      return std::make_shared<arrow::MapType>(
          arrow::field("key", arrow::utf8(), /*nullable=*/false), std::move(value));
    }
    case Kind::kRecord: {
      arrow::FieldVector fields;
      for (const Field& field : type.fields) {
        ARROW_ASSIGN_OR_RAISE(auto child, ArrowField(field.name, *field.type, file));
        fields.push_back(std::move(child));
      }
      return arrow::struct_(std::move(fields));
    }
    case Kind::kUnion: break;
  }
  const Type* value = nullptr;
  if (NullBranch(type, &value) >= 0 || type.children.size() == 1) {
    return value != nullptr ? ArrowTypeOf(*value, file) : arrow::null();
  }
  if (type.children.size() > kMaxBranches) {
    return errors::kAvroUnsupported.Make({.file = file}, "a union of {} types",
                                         type.children.size());
  }
  arrow::FieldVector fields;
  for (const TypePtr& branch : type.children) {
    ARROW_ASSIGN_OR_RAISE(auto field, ArrowField(BranchName(*branch), *branch, file));
    fields.push_back(std::move(field));
  }
  return arrow::dense_union(std::move(fields));
}

Result<std::shared_ptr<arrow::Schema>> ArrowSchemaOf(const Type& type,
                                                     const std::string& file) {
  arrow::FieldVector fields;
  for (const Field& field : type.fields) {
    ARROW_ASSIGN_OR_RAISE(auto column, ArrowField(field.name, *field.type, file));
    fields.push_back(std::move(column));
  }
  return arrow::schema(std::move(fields));
}

}  // namespace millrace::formats::avro
