// Which column of a node the watermark speaks of.
#pragma once

#include <optional>

#include "millrace/plan/node.h"

namespace millrace::plan {

/// The column of `node` whose values are greater than every watermark that was passed on
/// before their row, as long as that holds for the rows that are read: the column of a
/// scan's WATERMARK, carried along, or the end of the windows of an aggregation. Absent
/// where there is none, or where nobody knows.
std::optional<int> EventTimeOf(const Node& node);

}  // namespace millrace::plan
