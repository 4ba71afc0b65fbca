// The columns of persons, auctions and bids.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/connectors/generators/nexmark/rules.h"

namespace millrace::generators::nexmark {

/// Texts that many rows share. Immutable.
struct Words {
  std::shared_ptr<arrow::StringArray> names;  ///< of persons, first and last
  std::shared_ptr<arrow::StringArray> cities;
  std::shared_ptr<arrow::StringArray> states;
  std::shared_ptr<arrow::StringArray> channels;  ///< hot ones, then the others
  std::shared_ptr<arrow::StringArray> urls;      ///< of each channel
};
Result<std::shared_ptr<const Words>> MakeWords(const Rules& rules,
                                               arrow::MemoryPool* pool);

/// What a column is made from; `events` are all of the column's kind.
struct Making {
  const Rules& rules;
  const Words& words;
  std::span<const int64_t> events;
  arrow::MemoryPool* pool;
};

struct Column {
  const char* name;
  std::shared_ptr<arrow::DataType> type;
  Result<std::shared_ptr<arrow::Array>> (*make)(const Making& making);
};

/// Named as the benchmark names them; without the time, which all have.
const std::vector<Column>& ColumnsOf(Kind kind);
/// When the events happened, in the unit of `type`.
Result<std::shared_ptr<arrow::Array>> TimeColumn(
    const Making& making, const std::shared_ptr<arrow::DataType>& type);
inline constexpr const char kTimeColumn[] = "dateTime";

}  // namespace millrace::generators::nexmark
