// A source over a GeneratedTable.
#pragma once

#include <memory>
#include <string>

#include "millrace/connector/registry.h"
#include "millrace/connectors/generators/row_maker.h"

namespace millrace::generators {

/// Splits with an end are ranges of numbers, in order. Those without are lanes: blocks of
/// numbers dealt out in turn, so that all of them are at about the same time. A position
/// is the next number. `owner` names the connector in errors.
std::unique_ptr<connector::Source> MakeGeneratedSource(
    std::string owner, GeneratedTable table, const connector::Surroundings& surroundings);

/// The columns of `schema` that the user declared, in that order, by their names in any
/// case: answers their indices. Null: all. Fails with kNoSuchGenerated.
Result<std::vector<int>> DeclaredColumns(const std::string& owner,
                                         const arrow::Schema& schema,
                                         const std::shared_ptr<arrow::Schema>& declared);

}  // namespace millrace::generators
