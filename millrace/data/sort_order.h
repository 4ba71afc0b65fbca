// The order of rows as an option says it: `a, b DESC NULLS LAST`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/result.h"

namespace millrace::data {

struct SortColumn {
  std::string name;
  bool descending = false;
  bool nulls_first = false;

  bool operator==(const SortColumn&) const = default;
};

/// Names divided by commas, each perhaps with ASC or DESC and NULLS FIRST or LAST behind
/// it; in double quotes a name may hold anything. NULLs are last where nothing says
/// otherwise. "" is no order. Fails with errors::kBadOption.
Result<std::vector<SortColumn>> ParseSortOrder(std::string_view text);

/// What ParseSortOrder reads as `order`.
std::string ToText(const std::vector<SortColumn>& order);

/// Metadata of a schema whose rows come in an order: ToText of it.
inline constexpr const char kSortOrderMark[] = "millrace.sort_order";

}  // namespace millrace::data
