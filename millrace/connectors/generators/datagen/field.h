// Fields: one column of generated values, each a function of its row's number.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <arrow/type_fwd.h>

#include "millrace/base/config/config.h"
#include "millrace/base/result.h"

namespace millrace::generators::datagen {

/// Makes a column's values. Used by one reader.
class Field {
 public:
  virtual ~Field() = default;
  /// Values of the rows `numbers` as the kind has them; they are then cast to the column.
  virtual Result<std::shared_ptr<arrow::Array>> Make(std::span<const int64_t> numbers,
                                                     arrow::MemoryPool* pool) = 0;
};

/// A column after its options were checked. Immutable.
struct FieldPlan {
  std::shared_ptr<arrow::Field> column;
  uint64_t seed = 0;  ///< of this column
  double null_share = 0;
  std::function<std::unique_ptr<Field>()> new_field;
  /// Microseconds of row n, where the values grow with n.
  std::function<int64_t(int64_t n)> event_time;
};

/// The options of columns, by patterns.
const ConfigSpec& FieldSpec();

/// Which kind, and what it needs, from `config`; fails with kBadOption where an option
/// does not belong to the kind. `owner` names the connector.
Result<FieldPlan> PlanField(const std::string& owner, const Config& config,
                            const std::shared_ptr<arrow::Field>& column, uint64_t seed,
                            arrow::MemoryPool* pool);

/// Values of a planned column: made, cast to its type, some of them NULL. Fails with
/// kDoesNotFit where a value is none of the type.
Result<std::shared_ptr<arrow::Array>> MakeColumn(const FieldPlan& plan, Field& field,
                                                 std::span<const int64_t> numbers,
                                                 arrow::MemoryPool* pool);

}  // namespace millrace::generators::datagen
