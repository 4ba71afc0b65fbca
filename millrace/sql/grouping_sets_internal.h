// ROLLUP, CUBE and GROUPING SETS as the list of sets that they stand for.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "millrace/base/result.h"
#include "millrace/plan/expand_node.h"
#include "millrace/sql/ast.h"

namespace millrace::sql {

/// The sets of a GROUP BY, as its items come: those of all items combined.
class GroupingSets {
 public:
  static constexpr size_t kMostKeys = 32;
  static constexpr size_t kMostSets = 4096;

  /// A key that all sets have.
  void AddKey(int key);
  /// An item; `parts` are the keys of its elements, absent for a bound of the window,
  /// which all sets of a query have. Fails with errors::kSqlNotSupported.
  Status AddItem(GroupItem::Kind kind,
                 const std::vector<std::vector<std::optional<int>>>& parts,
                 Location where);
  /// Is there more than plain keys?
  bool expands() const { return expands_; }

  /// The sets over `keys` keys. The low bits of an id tell, the first key the highest,
  /// the keys that the set is without; those above number sets of the same keys.
  std::vector<plan::GroupingSet> Sets(size_t keys) const;

 private:
  using Mask = uint64_t;  // bit i: key i

  bool expands_ = false;
  std::vector<Mask> sets_{0};
};

}  // namespace millrace::sql
