#include "millrace/data/dictionary.h"

#include <arrow/array.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/exec.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

namespace millrace::data {

bool IsDictionary(const arrow::Array& array) {
  return array.type_id() == arrow::Type::DICTIONARY;
}

const std::shared_ptr<arrow::DataType>& LogicalType(
    const arrow::DataType& type, const std::shared_ptr<arrow::DataType>& self) {
  if (type.id() != arrow::Type::DICTIONARY) return self;
  return static_cast<const arrow::DictionaryType&>(type).value_type();
}

Result<std::shared_ptr<arrow::Array>> Decoded(const std::shared_ptr<arrow::Array>& array,
                                              arrow::MemoryPool* pool) {
  if (!IsDictionary(*array)) return array;
  const auto& dictionary = static_cast<const arrow::DictionaryArray&>(*array);
  arrow::compute::ExecContext context(pool);
  context.set_use_threads(false);
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum values,
      arrow::compute::Take(dictionary.dictionary(), dictionary.indices(),
                           arrow::compute::TakeOptions::NoBoundsCheck(), &context));
  return values.make_array();
}

Result<std::shared_ptr<arrow::RecordBatch>> DecodedTo(
    const std::shared_ptr<arrow::RecordBatch>& rows,
    const std::shared_ptr<arrow::Schema>& schema, arrow::MemoryPool* pool) {
  std::vector<std::shared_ptr<arrow::Array>> columns = rows->columns();
  for (int i = 0; i < schema->num_fields(); ++i) {
    if (IsDictionary(*columns[i]) &&
        schema->field(i)->type()->id() != arrow::Type::DICTIONARY) {
      ARROW_ASSIGN_OR_RAISE(columns[i], Decoded(columns[i], pool));
    }
  }
  return arrow::RecordBatch::Make(schema, rows->num_rows(), std::move(columns));
}

}  // namespace millrace::data
