#include "millrace/connectors/files/row_order.h"

#include <algorithm>

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "millrace/connectors/files/errors.h"
#include "millrace/data/sort_order.h"
#include "millrace/data/type_name.h"

namespace millrace::files {

Result<std::shared_ptr<arrow::Schema>> WithRowOrder(
    const std::shared_ptr<arrow::Schema>& schema, const Parsed& options) {
  ARROW_ASSIGN_OR_RAISE(const auto order,
                        data::ParseSortOrder(options.own.GetString("sort_by")));
  if (order.empty()) return schema;
  for (const data::SortColumn& column : order) {
    const int index = schema->GetFieldIndex(column.name);
    if (index < 0) {
      const std::string near = NearestName(column.name, schema->field_names());
      return errors::kSortColumn.Make(
          {.column = column.name}, "there is no such column{}",
          near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
    }
    const arrow::DataType& type = *schema->field(index)->type();
    if (arrow::is_nested(type.id())) {
      return errors::kSortColumn.Make({.column = column.name}, "{} has no order",
                                      data::SqlTypeName(type));
    }
  }
  auto metadata = schema->HasMetadata() ? schema->metadata()->Copy()
                                        : std::make_shared<arrow::KeyValueMetadata>();
  ARROW_RETURN_NOT_OK(metadata->Set(data::kSortOrderMark, data::ToText(order)));
  return schema->WithMetadata(std::move(metadata));
}

Status CheckRowOrder(const Parsed& options, bool folder, bool checkpointed) {
  ARROW_ASSIGN_OR_RAISE(const auto order,
                        data::ParseSortOrder(options.own.GetString("sort_by")));
  if (order.empty() || folder) return Status::OK();
  if (checkpointed) {
    return errors::kNotInOrder.Make({.file = options.path},
                                    "every checkpoint adds rows to it");
  }
  if (options.own.GetString("mode") == "append") {
    return errors::kNotInOrder.Make({.file = options.path}, "it has rows already");
  }
  return Status::OK();
}

}  // namespace millrace::files
