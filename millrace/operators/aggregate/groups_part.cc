#include "millrace/operators/aggregate/groups_part.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <utility>

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/data/key_hash.h"

namespace millrace::operators {

namespace {

constexpr const char* kPart = "groups";
constexpr int64_t kChunk = 64 * 1024;
// Rows are spilled where memory is short: in smaller pieces.
constexpr int64_t kSpillChunk = 16 * 1024;

}  // namespace

GroupsPart::GroupsPart(const plan::AggregateNode& node,
                       std::vector<expr::TypePtr> state_types,
                       const WindowBounds* windows, Evaluation& evaluation,
                       SpillSpace* spill)
    : evaluation_(&evaluation),
      spill_(spill),
      windows_(windows),
      time_type_(node.schema()->field(0)->type()),
      // What an aggregation in two halves deals by, an aggregation in one piece must use
      // as well: it may be restored as the other.
      hash_windows_(windows != nullptr && node.can_split()) {
  arrow::FieldVector fields;
  if (windows_ != nullptr) fields.push_back(arrow::field("window", arrow::int64()));
  for (const expr::ExprPtr& key : node.keys()) {
    fields.push_back(arrow::field("key" + std::to_string(fields.size()), key->type()));
  }
  first_state_ = static_cast<int>(fields.size());
  for (const expr::TypePtr& type : state_types) {
    fields.push_back(arrow::field("state" + std::to_string(fields.size()), type));
  }
  schema_ = arrow::schema(std::move(fields));
  spilled_schema_ = WithKeyGroup(schema_);
}

// Rows are dealt by the starts of windows and the keys.
Result<std::shared_ptr<arrow::Array>> GroupsPart::KeyGroups(const Arrays& columns,
                                                            int64_t rows) {
  Arrays keys(columns.begin() + (windows_ != nullptr ? 1 : 0),
              columns.begin() + first_state_);
  if (hash_windows_) {
    ARROW_ASSIGN_OR_RAISE(auto starts,
                          windows_->Starts(*columns[0], time_type_, evaluation_->pool()));
    keys.insert(keys.begin(), std::move(starts));
  }
  return KeyGroupsOf(keys, rows, evaluation_->pool());
}

Result<GroupsPart::Rows> GroupsPart::RowsOf(const Held& held,
                                            const expr::GroupSelection& chosen) {
  ARROW_ASSIGN_OR_RAISE(Arrays columns, held.groups->State(chosen));
  if (held.window) {
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> data,
                          arrow::AllocateBuffer(chosen.size() * 8, evaluation_->pool()));
    std::fill_n(reinterpret_cast<int64_t*>(data->mutable_data()), chosen.size(),
                *held.window);
    columns.insert(columns.begin(), arrow::MakeArray(arrow::ArrayData::Make(
                                        schema_->field(0)->type(), chosen.size(),
                                        {nullptr, std::move(data)}, 0)));
  }
  ARROW_ASSIGN_OR_RAISE(auto groups, KeyGroups(columns, chosen.size()));
  columns.insert(columns.begin(), std::move(groups));
  return arrow::RecordBatch::Make(spilled_schema_, chosen.size(), std::move(columns));
}

// Ids are dealt to partitions first, so that the states of each are read in its order and
// written as they come.
Status GroupsPart::Spill(const Held& held, SpilledGroups& to) {
  const int64_t size = held.groups->sized();
  std::array<std::vector<uint32_t>, SpilledGroups::kPartitions> ids;
  std::vector<uint64_t> hashes;
  for (int64_t begin = 0; begin < size; begin += kSpillChunk) {
    const int64_t end = std::min(begin + kSpillChunk, size);
    ARROW_ASSIGN_OR_RAISE(auto keys, held.groups->Keys({begin, end}));
    hashes.resize(static_cast<size_t>(end - begin));
    ARROW_RETURN_NOT_OK(data::HashRows(keys, end - begin, hashes.data()));
    for (int64_t i = begin; i < end; ++i) {
      const int partition = to.PartitionOf(hashes[static_cast<size_t>(i - begin)]);
      ids[static_cast<size_t>(partition)].push_back(static_cast<uint32_t>(i));
    }
  }
  for (size_t partition = 0; partition < ids.size(); ++partition) {
    const auto all = std::span<const uint32_t>(ids[partition]);
    for (size_t begin = 0; begin < all.size(); begin += kSpillChunk) {
      const auto count = std::min<size_t>(kSpillChunk, all.size() - begin);
      ARROW_ASSIGN_OR_RAISE(
          Rows rows, RowsOf(held, expr::GroupSelection(all.subspan(begin, count))));
      ARROW_RETURN_NOT_OK(
          to.Append(static_cast<int>(partition), *rows, evaluation_->pool()));
    }
  }
  return Status::OK();
}

Status GroupsPart::Write(const std::vector<Held>& held, state::OperatorSnapshot& out) {
  int64_t rows = 0, changed = 0;
  for (const Held& one : held) {
    rows += one.groups->size();
    changed += one.groups->changed().Count(one.groups->size());
  }
  // Groups that were spilled since must not be found among those that were written.
  const bool replaces =
      std::exchange(rewrite_, false) && history_.written() && !out.whole();
  const bool whole = out.whole() || replaces;
  if (whole && rows == 0) history_.Forget();
  if (!replaces && (whole ? rows : changed) == 0) return Status::OK();
  const state::Extent extent =
      rows == 0 ? state::Extent::kWhole : history_.Choose(whole, rows, changed);
  StateRows written(schema_, evaluation_->memory(), spill_);
  for (const Held& one : held) {
    const int64_t size = one.groups->size();
    if (extent == state::Extent::kWhole) {
      for (int64_t begin = 0; begin < size; begin += kChunk) {
        ARROW_ASSIGN_OR_RAISE(Rows some,
                              RowsOf(one, {begin, std::min(begin + kChunk, size)}));
        ARROW_RETURN_NOT_OK(written.Add(std::move(some)));
      }
    } else {
      const std::vector<uint32_t> ids = one.groups->changed().List(size);
      for (size_t begin = 0; begin < ids.size(); begin += kChunk) {
        const auto count = std::min<size_t>(kChunk, ids.size() - begin);
        ARROW_ASSIGN_OR_RAISE(
            Rows some,
            RowsOf(one, expr::GroupSelection(std::span(ids).subspan(begin, count))));
        ARROW_RETURN_NOT_OK(written.Add(std::move(some)));
      }
    }
    ARROW_RETURN_NOT_OK(one.groups->Settle());
  }
  return written.Put(kPart, extent, out, rows);
}

Status GroupsPart::RestoreTogether(const state::OperatorState& state,
                                   const std::function<Result<Groups*>()>& groups) {
  const int64_t rows = state.PartRows(kPart, state::OperatorState::Rows::kMine);
  if (rows > 0) {
    ARROW_ASSIGN_OR_RAISE(Groups * together, groups());
    ARROW_RETURN_NOT_OK(together->Expect(rows));
  }
  return Restore(state, [&](const Rows& rows, const Use& use) -> Status {
    ARROW_ASSIGN_OR_RAISE(Groups * together, groups());
    const Arrays all = rows->columns();
    return use(*together, rows, {all.begin(), all.begin() + first_state_});
  });
}

Status GroupsPart::RestoreApart(const state::OperatorState& state,
                                const GroupsOf& groups_of) {
  return Restore(state, [&](const Rows& rows, const Use& use) -> Status {
    // Rows were written window by window.
    const auto* windows = rows->column(0)->data()->GetValues<int64_t>(1);
    for (int64_t begin = 0; begin < rows->num_rows();) {
      int64_t end = begin + 1;
      while (end < rows->num_rows() && windows[end] == windows[begin]) ++end;
      ARROW_ASSIGN_OR_RAISE(Groups * groups, groups_of(windows[begin]));
      if (groups != nullptr) {
        const Rows run = rows->Slice(begin, end - begin);
        const Arrays all = run->columns();
        ARROW_RETURN_NOT_OK(
            use(*groups, run, {all.begin() + 1, all.begin() + first_state_}));
      }
      begin = end;
    }
    return Status::OK();
  });
}

// The first row of a key that is met is the last that was written: what is older is
// passed over, and everything is read once.
Status GroupsPart::Restore(const state::OperatorState& state, const Split& split) {
  std::set<Groups*> restored;
  ARROW_RETURN_NOT_OK(state.VisitNewestFirst(
      kPart, state::OperatorState::Rows::kMine,
      [&](const Rows& rows, state::Extent extent) {
        history_.Restored(rows->num_rows(), extent);
        return split(rows, [&](Groups& groups, const Rows& run, const Arrays& keys) {
          restored.insert(&groups);
          return groups.RestoreRows(run, keys, first_state_);
        });
      }));
  for (Groups* groups : restored) ARROW_RETURN_NOT_OK(groups->EndRestore());
  return Status::OK();
}

}  // namespace millrace::operators
