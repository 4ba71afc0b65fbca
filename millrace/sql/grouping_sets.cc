#include "millrace/sql/grouping_sets_internal.h"

#include <algorithm>
#include <map>

#include "millrace/sql/errors.h"
#include "millrace/sql/expression_binder_internal.h"

namespace millrace::sql {

void GroupingSets::AddKey(int key) {
  for (Mask& set : sets_) set |= Mask{1} << key;
}

Status GroupingSets::AddItem(GroupItem::Kind kind,
                             const std::vector<std::vector<std::optional<int>>>& parts,
                             Location where) {
  expands_ = true;
  std::vector<Mask> masks;
  size_t with_bounds = 0;
  for (const auto& part : parts) {
    Mask mask = 0;
    bool bound = false;
    for (const std::optional<int>& key : part) {
      if (key) mask |= Mask{1} << *key;
      bound |= !key;
    }
    with_bounds += bound ? 1 : 0;
    masks.push_back(mask);
  }
  const bool listed = kind == GroupItem::Kind::kGroupingSets;
  if (with_bounds > 0 && !(listed && with_bounds == parts.size())) {
    return NotSupported(where, "a set without the bounds of the window");
  }
  std::vector<Mask> own;
  if (listed) {
    own = masks;
  } else if (kind == GroupItem::Kind::kRollup) {
    Mask set = 0;
    own.push_back(set);
    for (const Mask mask : masks) own.push_back(set |= mask);
    std::reverse(own.begin(), own.end());
  } else {
    if (masks.size() >= 16) return NotSupported(where, "CUBE of so many keys");
    // All first, then without the last.
    for (size_t without = 0; without < size_t{1} << masks.size(); ++without) {
      Mask set = 0;
      for (size_t i = 0; i < masks.size(); ++i) {
        if ((without >> (masks.size() - 1 - i) & 1) == 0) set |= masks[i];
      }
      own.push_back(set);
    }
  }
  if (own.size() * sets_.size() > kMostSets) {
    return NotSupported(where, "more than " + std::to_string(kMostSets) + " sets");
  }
  std::vector<Mask> combined;
  for (const Mask outer : sets_) {
    for (const Mask inner : own) combined.push_back(outer | inner);
  }
  sets_ = std::move(combined);
  return Status::OK();
}

std::vector<plan::GroupingSet> GroupingSets::Sets(size_t keys) const {
  std::vector<plan::GroupingSet> out;
  std::map<Mask, int64_t> times;
  for (const Mask mask : sets_) {
    plan::GroupingSet set;
    int64_t without = 0;
    for (size_t i = 0; i < keys; ++i) {
      const bool has = (mask >> i & 1) != 0;
      set.has_key.push_back(has);
      without = without * 2 + (has ? 0 : 1);
    }
    set.id = (times[mask]++ << keys) + without;
    out.push_back(std::move(set));
  }
  return out;
}

}  // namespace millrace::sql
