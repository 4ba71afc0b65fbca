#include <algorithm>

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/compute/cast.h>
#include <arrow/compute/exec.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/data/dictionary.h"
#include "millrace/data/type_name.h"
#include "millrace/formats/orc/orc_internal.h"

namespace millrace::formats::orc_format {

namespace {

using TypePtr = std::shared_ptr<arrow::DataType>;

constexpr int32_t kMostDigits = 38;

Result<TypePtr> WrittenType(const TypePtr& type, const std::string& column);

Result<TypePtr> WrittenNested(const arrow::DataType& type, const std::string& column) {
  arrow::FieldVector fields;
  for (const auto& field : type.fields()) {
    ARROW_ASSIGN_OR_RAISE(auto written, WrittenType(field->type(), column));
    fields.push_back(field->WithType(std::move(written)));
  }
  switch (type.id()) {
    case arrow::Type::STRUCT: return arrow::struct_(std::move(fields));
    case arrow::Type::MAP:
      return std::make_shared<arrow::MapType>(
          fields[0], static_cast<const arrow::MapType&>(type).keys_sorted());
    case arrow::Type::LARGE_LIST: return arrow::large_list(fields[0]);
    // Lists of a fixed size keep room for those that are NULL, which ORC has not.
    default: return arrow::list(fields[0]);
  }
}

Result<TypePtr> WrittenType(const TypePtr& type, const std::string& column) {
  switch (type->id()) {
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
    case arrow::Type::DATE32: return type;
    case arrow::Type::TIMESTAMP: return type;
    case arrow::Type::UINT8: return arrow::int16();
    case arrow::Type::UINT16: return arrow::int32();
    case arrow::Type::UINT32: return arrow::int64();
    case arrow::Type::UINT64: return arrow::decimal128(20, 0);
    case arrow::Type::HALF_FLOAT: return arrow::float32();
    case arrow::Type::DATE64: return arrow::date32();
    case arrow::Type::STRING_VIEW: return arrow::utf8();
    case arrow::Type::BINARY_VIEW: return arrow::binary();
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(*type);
      if (decimal.precision() > kMostDigits || decimal.scale() < 0 ||
          decimal.scale() > decimal.precision()) {
        break;
      }
      return arrow::decimal128(decimal.precision(), decimal.scale());
    }
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST:
    case arrow::Type::MAP:
    case arrow::Type::STRUCT: return WrittenNested(*type, column);
    default: break;
  }
  return errors::kOrcUnsupported.Make({.column = column}, "{}", data::SqlTypeName(*type));
}

bool HasStruct(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRUCT ||
         std::any_of(type.fields().begin(), type.fields().end(),
                     [](const auto& field) { return HasStruct(*field->type()); });
}

bool BeginsLater(const arrow::ArrayData& data) {
  return data.offset > 0 ||
         std::any_of(data.child_data.begin(), data.child_data.end(),
                     [](const auto& child) { return BeginsLater(*child); });
}

}  // namespace

Result<std::shared_ptr<arrow::Schema>> WrittenSchema(const arrow::Schema& schema) {
  arrow::FieldVector fields;
  for (const auto& field : schema.fields()) {
    ARROW_ASSIGN_OR_RAISE(auto type, WrittenType(field->type(), field->name()));
    fields.push_back(arrow::field(field->name(), std::move(type)));
  }
  return arrow::schema(std::move(fields));
}

Result<std::shared_ptr<arrow::RecordBatch>> ToWritten(
    const arrow::RecordBatch& rows, const std::shared_ptr<arrow::Schema>& written,
    arrow::MemoryPool* pool) {
  arrow::compute::ExecContext compute(pool);
  compute.set_use_threads(false);
  arrow::ArrayVector columns;
  for (int i = 0; i < rows.num_columns(); ++i) {
    const TypePtr& type = written->field(i)->type();
    ARROW_ASSIGN_OR_RAISE(auto column, data::Decoded(rows.column(i), pool));
    if (!column->type()->Equals(*type)) {
      ARROW_ASSIGN_OR_RAISE(
          const arrow::Datum cast,
          arrow::compute::Cast(column, arrow::compute::CastOptions::Safe(type),
                               &compute));
      column = cast.make_array();
    }
    // The library forgets where the fields of a STRUCT begin, and which of them are NULL
    // when the STRUCT is a slice: these are copied, so that all begin at 0.
    if (HasStruct(*type) && BeginsLater(*column->data())) {
      ARROW_ASSIGN_OR_RAISE(column, arrow::Concatenate({column}, pool));
    }
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(written, rows.num_rows(), std::move(columns));
}

}  // namespace millrace::formats::orc_format
