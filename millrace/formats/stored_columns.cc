#include "millrace/formats/stored_columns.h"

#include <algorithm>

#include <arrow/array.h>
#include <arrow/compute/api.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <arrow/util/key_value_metadata.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include "millrace/data/dictionary.h"
#include "millrace/data/type_name.h"
#include "millrace/formats/value_text.h"

namespace millrace::formats {

namespace {

// Layouts that few kernels know become the usual ones where they enter: views text and
// bytes, half floats REAL, runs and nested dictionaries their values. The same type where
// nothing changes.
std::shared_ptr<arrow::DataType> UsualType(const std::shared_ptr<arrow::DataType>& type) {
  switch (type->id()) {
    case arrow::Type::STRING_VIEW: return arrow::utf8();
    case arrow::Type::BINARY_VIEW: return arrow::binary();
    case arrow::Type::HALF_FLOAT: return arrow::float32();
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(*type);
      return arrow::decimal128(decimal.precision(), decimal.scale());
    }
    case arrow::Type::DICTIONARY:
      return UsualType(static_cast<const arrow::DictionaryType&>(*type).value_type());
    case arrow::Type::RUN_END_ENCODED:
      return UsualType(static_cast<const arrow::RunEndEncodedType&>(*type).value_type());
    case arrow::Type::EXTENSION:
      return UsualType(static_cast<const arrow::ExtensionType&>(*type).storage_type());
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::LIST_VIEW:
    case arrow::Type::LARGE_LIST_VIEW:
    case arrow::Type::FIXED_SIZE_LIST:
    case arrow::Type::MAP:
    case arrow::Type::STRUCT: break;
    default: return type;
  }
  arrow::FieldVector fields;
  bool changed = false;
  for (const auto& field : type->fields()) {
    auto usual = UsualType(field->type());
    changed |= usual != field->type();
    fields.push_back(field->WithType(std::move(usual)));
  }
  switch (type->id()) {
    case arrow::Type::LIST_VIEW: return arrow::list(fields[0]);
    case arrow::Type::LARGE_LIST_VIEW: return arrow::large_list(fields[0]);
    default: break;
  }
  if (!changed) return type;
  switch (type->id()) {
    case arrow::Type::LIST: return arrow::list(fields[0]);
    case arrow::Type::LARGE_LIST: return arrow::large_list(fields[0]);
    case arrow::Type::FIXED_SIZE_LIST:
      return arrow::fixed_size_list(
          fields[0], static_cast<const arrow::FixedSizeListType&>(*type).list_size());
    case arrow::Type::MAP:
      return std::make_shared<arrow::MapType>(
          fields[0], static_cast<const arrow::MapType&>(*type).keys_sorted());
    default: return arrow::struct_(std::move(fields));
  }
}

// What the stream has. Dictionaries are an encoding here, not a type: the stream says the
// value type and remembers the file's wish.
std::shared_ptr<arrow::Schema> UsualSchema(const arrow::Schema& stored) {
  arrow::FieldVector fields;
  for (const auto& field : stored.fields()) {
    fields.push_back(field->WithType(UsualType(field->type()))->RemoveMetadata());
    if (field->type()->id() == arrow::Type::DICTIONARY) {
      fields.back() = fields.back()->WithMetadata(
          arrow::key_value_metadata({kDictionaryMark}, {"true"}));
    }
  }
  return arrow::schema(std::move(fields));
}

// May a batch carry the column along as it is, as a dictionary of values of `type`?
bool IsCarried(const arrow::DataType& column, const arrow::DataType& type) {
  if (column.id() != arrow::Type::DICTIONARY) return false;
  const auto& coded = static_cast<const arrow::DictionaryType&>(column);
  return coded.index_type()->id() == arrow::Type::INT32 &&
         (type.id() == arrow::Type::STRING || type.id() == arrow::Type::BINARY) &&
         coded.value_type()->Equals(type);
}

// `column` in a layout that casts know.
Result<std::shared_ptr<arrow::Array>> Plain(std::shared_ptr<arrow::Array> column,
                                            arrow::compute::ExecContext* compute) {
  for (;;) {
    if (column->type_id() == arrow::Type::EXTENSION) {
      column = static_cast<const arrow::ExtensionArray&>(*column).storage();
    } else if (column->type_id() == arrow::Type::RUN_END_ENCODED) {
      ARROW_ASSIGN_OR_RAISE(const arrow::Datum decoded,
                            arrow::compute::RunEndDecode(column, compute));
      column = decoded.make_array();
    } else if (column->type_id() == arrow::Type::LIST_VIEW) {
      // The cast leaves items behind that belong to no list.
      ARROW_ASSIGN_OR_RAISE(column, arrow::ListArray::FromListView(
                                        static_cast<const arrow::ListViewArray&>(*column),
                                        compute->memory_pool()));
    } else if (column->type_id() == arrow::Type::LARGE_LIST_VIEW) {
      ARROW_ASSIGN_OR_RAISE(column,
                            arrow::LargeListArray::FromListView(
                                static_cast<const arrow::LargeListViewArray&>(*column),
                                compute->memory_pool()));
    } else if (column->type_id() == arrow::Type::DICTIONARY) {
      ARROW_ASSIGN_OR_RAISE(column, data::Decoded(column, compute->memory_pool()));
    } else {
      return column;
    }
  }
}

// Does every value of `from` have an equal one in `to`, which Arrow's cast finds?
bool Widens(const arrow::DataType& from, const arrow::DataType& to) {
  using arrow::Type;
  if (arrow::is_integer(from.id()) && arrow::is_integer(to.id())) {
    const bool from_signed = arrow::is_signed_integer(from.id());
    const bool to_signed = arrow::is_signed_integer(to.id());
    if (from_signed == to_signed) return from.bit_width() <= to.bit_width();
    return to_signed && from.bit_width() < to.bit_width();
  }
  if (to.id() == Type::DOUBLE) {
    return from.id() == Type::FLOAT ||
           (arrow::is_integer(from.id()) && from.bit_width() <= 32);
  }
  if (from.id() == Type::STRING) {
    return to.id() == Type::LARGE_STRING || to.id() == Type::BINARY;
  }
  if (from.id() == Type::LARGE_STRING) return to.id() == Type::STRING;
  if (from.id() == Type::BINARY) return to.id() == Type::LARGE_BINARY;
  if (from.id() == Type::LARGE_BINARY) return to.id() == Type::BINARY;
  if (from.id() == Type::TIMESTAMP && to.id() == Type::TIMESTAMP) {
    const auto& a = static_cast<const arrow::TimestampType&>(from);
    const auto& b = static_cast<const arrow::TimestampType&>(to);
    return a.unit() <= b.unit() && a.timezone().empty() == b.timezone().empty();
  }
  if (arrow::is_decimal(from.id()) && arrow::is_decimal(to.id())) {
    const auto& a = static_cast<const arrow::DecimalType&>(from);
    const auto& b = static_cast<const arrow::DecimalType&>(to);
    return a.scale() <= b.scale() &&
           a.precision() - a.scale() <= b.precision() - b.scale();
  }
  return false;
}

bool EqualsIgnoringCase(const std::string& a, const std::string& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) {
                      return std::tolower(x) == std::tolower(y);
                    });
}

// The field of the file called `name`, or −1. Names of SQL have no case.
int FindField(const arrow::Schema& schema, const std::string& name) {
  if (const int exact = schema.GetFieldIndex(name); exact >= 0) return exact;
  int found = -1;
  for (int i = 0; i < schema.num_fields(); ++i) {
    if (!EqualsIgnoringCase(schema.field(i)->name(), name)) continue;
    if (found >= 0) return -1;
    found = i;
  }
  return found;
}

std::vector<std::string> SortedNames(const arrow::Schema& schema) {
  std::vector<std::string> names = schema.field_names();
  std::sort(names.begin(), names.end());
  return names;
}

std::string ListText(const arrow::Schema& schema) {
  std::vector<std::string> out;
  for (const auto& field : schema.fields()) {
    out.push_back(field->name() + " " + data::SqlTypeName(*field->type()));
  }
  return fmt::format("{}", fmt::join(out, ", "));
}

}  // namespace

Result<StoredColumns> MapStoredColumns(const arrow::Schema& stored,
                                       const std::shared_ptr<arrow::Schema>& declared,
                                       const StoredColumns* first,
                                       const std::string& file,
                                       const ErrorSpec& differs) {
  StoredColumns out;
  out.own = UsualSchema(stored);
  out.schema = declared ? declared : out.own;
  if (first != nullptr && SortedNames(*out.own) != SortedNames(*first->own)) {
    return differs.Make({.file = file}, "it has ({}), the first file ({})",
                        ListText(*out.own), ListText(*first->own));
  }
  for (int i = 0; i < out.schema->num_fields(); ++i) {
    const arrow::Field& wanted = *out.schema->field(i);
    const int field = declared ? FindField(*out.own, wanted.name()) : i;
    if (field < 0) {
      return differs.Make({.file = file, .column = wanted.name()}, "it has ({})",
                          ListText(*out.own));
    }
    const arrow::DataType& type = *out.own->field(field)->type();
    if (!type.Equals(*wanted.type())) {
      if (!Widens(type, *wanted.type())) {
        return differs.Make({.file = file, .column = wanted.name()},
                            "it is {} there, {} is expected", data::SqlTypeName(type),
                            data::SqlTypeName(*wanted.type()));
      }
      out.same_types = false;
    }
    // A dictionary that batches may carry along is as good as its values.
    const arrow::DataType& in_file = *stored.field(field)->type();
    out.as_stored &=
        stored.field(field)->name() == wanted.name() &&
        (in_file.Equals(*wanted.type()) || IsCarried(in_file, *wanted.type()));
    out.fields.push_back(field);
  }
  return out;
}

Result<std::shared_ptr<arrow::RecordBatch>> StoredColumns::Fit(
    std::shared_ptr<arrow::RecordBatch> rows, const std::vector<int>& wanted,
    arrow::MemoryPool* pool) const {
  if (as_stored || rows->num_columns() == 0) return rows;
  arrow::compute::ExecContext compute(pool);
  compute.set_use_threads(false);
  arrow::ArrayVector values(wanted.size());
  arrow::FieldVector fields(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto& field = schema->field(wanted[i]);
    std::shared_ptr<arrow::Array> column = rows->column(static_cast<int>(i));
    if (!IsCarried(*column->type(), *field->type())) {
      ARROW_ASSIGN_OR_RAISE(column, Plain(std::move(column), &compute));
      if (!column->type()->Equals(*field->type())) {
        ARROW_ASSIGN_OR_RAISE(
            const arrow::Datum cast,
            arrow::compute::Cast(column, arrow::compute::CastOptions::Safe(field->type()),
                                 &compute));
        column = cast.make_array();
      }
    }
    fields[i] = arrow::field(field->name(), column->type(), field->nullable());
    values[i] = std::move(column);
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows->num_rows(),
                                  std::move(values));
}

namespace {

// The first row of text that is no UTF-8, or −1. All of it is looked at in one piece;
// then no value may begin inside a character.
template <class Array>
int64_t FirstInvalid(const Array& array) {
  const auto* offsets = array.raw_value_offsets();
  const char* data = reinterpret_cast<const char*>(array.value_data()->data());
  const int64_t rows = array.length();
  const auto begin = offsets[0], end = offsets[rows];
  if (begin == end) return -1;
  bool cut = false;
  if (simdjson::validate_utf8(data + begin, static_cast<size_t>(end - begin))) {
    for (int64_t i = 1; i < rows; ++i) {
      cut |= offsets[i] < end && (data[offsets[i]] & 0xC0) == 0x80;
    }
    if (!cut) return -1;
  }
  for (int64_t i = 0; i < rows; ++i) {
    if (array.IsValid(i) &&
        !simdjson::validate_utf8(data + offsets[i],
                                 static_cast<size_t>(offsets[i + 1] - offsets[i]))) {
      return i;
    }
  }
  return -1;
}

}  // namespace

Status CheckUtf8(const arrow::RecordBatch& rows, int64_t first_row,
                 const std::string& file, const ErrorSpec& invalid) {
  for (int c = 0; c < rows.num_columns(); ++c) {
    const arrow::Array* column = rows.column(c).get();
    const bool coded = column->type_id() == arrow::Type::DICTIONARY;
    if (coded)
      column = static_cast<const arrow::DictionaryArray&>(*column).dictionary().get();
    if (column->length() == 0) continue;
    int64_t row = -1;
    if (column->type_id() == arrow::Type::STRING) {
      row = FirstInvalid(static_cast<const arrow::StringArray&>(*column));
    } else if (column->type_id() == arrow::Type::LARGE_STRING) {
      row = FirstInvalid(static_cast<const arrow::LargeStringArray&>(*column));
    }
    if (row < 0) continue;
    return invalid.Make({.file = file,
                         .row = coded ? -1 : first_row + row + 1,
                         .column = rows.schema()->field(c)->name()},
                        "{}", ValueText(*column, row));
  }
  return Status::OK();
}

}  // namespace millrace::formats
