#include "millrace/formats/parquet/columns_internal.h"

#include <arrow/type.h>
#include <parquet/arrow/schema.h>

#include "millrace/formats/parquet/errors.h"

namespace millrace::formats::parquet_format {

namespace {

void CollectLeaves(const parquet::arrow::SchemaField& field, std::vector<int>& out) {
  if (field.column_index >= 0) out.push_back(field.column_index);
  for (const auto& child : field.children) CollectLeaves(child, out);
}

}  // namespace

Result<Columns> MapColumns(const parquet::arrow::SchemaManifest& manifest,
                           const std::shared_ptr<arrow::Schema>& declared,
                           const Columns* first, const std::string& file) {
  arrow::FieldVector fields;
  for (const auto& field : manifest.schema_fields) fields.push_back(field.field);
  Columns out;
  ARROW_ASSIGN_OR_RAISE(static_cast<StoredColumns&>(out),
                        MapStoredColumns(*arrow::schema(std::move(fields)), declared,
                                         first, file, errors::kParquetSchema));
  for (const int field : out.fields) {
    CollectLeaves(manifest.schema_fields[static_cast<size_t>(field)],
                  out.leaves.emplace_back());
  }
  return out;
}

}  // namespace millrace::formats::parquet_format
