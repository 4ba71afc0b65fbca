#include "millrace/operators/join/build_side.h"

#include <algorithm>
#include <utility>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/base/error.h"
#include "millrace/data/dictionary.h"
#include "millrace/data/key_hash.h"
#include "millrace/operators/state_rows.h"

namespace millrace::operators {

namespace {

using plan::JoinType;
using state::Extent;
using Arrays = std::vector<std::shared_ptr<arrow::Array>>;

constexpr const char* kRows = "build";
constexpr const char* kMatches = "matched";
constexpr const char* kFinished = "built";
// A place is the key group above so many bits of a number.
constexpr int kPlaceBits = 40;
constexpr int64_t kWrittenRows = 64 * 1024;

// The part of one task's copy of a build side that every task holds. Each writes its own,
// as any of them may end before the others.
std::string CopyOf(int task) { return fmt::format("{}.{}", kRows, task); }

bool KeepsUnmatchedRight(JoinType type) {
  return type == JoinType::kRight || type == JoinType::kFull;
}

std::shared_ptr<arrow::Schema> MatchedSchema() {
  return arrow::schema({arrow::field("place", arrow::int64(), false)});
}

}  // namespace

Result<Arrays> JoinKeys(const std::vector<expr::ExprPtr>& keys,
                        const arrow::RecordBatch& rows, Evaluation& evaluation) {
  Arrays out;
  for (const expr::ExprPtr& key : keys) {
    ARROW_ASSIGN_OR_RAISE(auto column,
                          expr::EvaluateToArray(*key, rows, evaluation.context()));
    ARROW_ASSIGN_OR_RAISE(column, data::Decoded(column, evaluation.pool()));
    out.push_back(std::move(column));
  }
  return out;
}

bool DealsByKey(const plan::JoinNode& node) {
  return KeepsUnmatchedRight(node.type()) && !node.right_keys().empty();
}

BuildSide::BuildSide(const plan::JoinNode& node, Evaluation& evaluation)
    : keys_(node.right_keys()),
      schema_(node.inputs()[1]->schema()),
      keeps_unmatched_(KeepsUnmatchedRight(node.type())),
      dealt_by_key_(DealsByKey(node)),
      evaluation_(&evaluation),
      reservation_(evaluation.memory()),
      buffer_(schema_, evaluation.pool()) {}

Status BuildSide::Finish() {
  ARROW_ASSIGN_OR_RAISE(rows_, buffer_.Take());
  ARROW_ASSIGN_OR_RAISE(Arrays keys, JoinKeys(keys_, *rows_, *evaluation_));
  ARROW_ASSIGN_OR_RAISE(table_, BuildTable::Make(std::move(keys), rows_->num_rows(),
                                                 evaluation_->memory()));
  if (keeps_unmatched_) matched_.assign(static_cast<size_t>(rows_->num_rows()), 0);
  return Status::OK();
}

Result<std::shared_ptr<arrow::Array>> BuildSide::KeyGroups(
    const arrow::RecordBatch& rows) {
  if (!dealt_by_key_) return SameKeyGroup(0, rows.num_rows(), evaluation_->pool());
  ARROW_ASSIGN_OR_RAISE(Arrays keys, JoinKeys(keys_, rows, *evaluation_));
  return KeyGroupsOf(keys, rows.num_rows(), evaluation_->pool());
}

Status BuildSide::Snapshot(state::OperatorSnapshot& out) {
  out.SetFact(kFinished, finished() ? 1 : 0);
  ARROW_RETURN_NOT_OK(WriteRows(out));
  return finished() && keeps_unmatched_ ? WriteMatched(out) : Status::OK();
}

Status BuildSide::WriteRows(state::OperatorSnapshot& out) {
  if (out.whole()) {
    rows_written_ = false;
    written_rows_ = 0;
  }
  std::vector<std::shared_ptr<arrow::RecordBatch>> added;
  if (finished()) {
    for (int64_t at = written_rows_; at < rows_->num_rows(); at += kWrittenRows)
      added.push_back(rows_->Slice(at, kWrittenRows));
  } else {
    ARROW_ASSIGN_OR_RAISE(added, buffer_.From(written_rows_));
  }
  if (added.empty()) return Status::OK();
  StateRows written(schema_, evaluation_->memory());
  // Of a copy all rows count as rows of the task's first key group.
  const int own = (out.task() * data::kKeyGroups + out.tasks() - 1) / out.tasks();
  for (const auto& batch : added) {
    ARROW_ASSIGN_OR_RAISE(
        auto groups, dealt_by_key_
                         ? KeyGroups(*batch)
                         : SameKeyGroup(own, batch->num_rows(), evaluation_->pool()));
    ARROW_RETURN_NOT_OK(written.Add(batch->columns(), std::move(groups)));
  }
  written_rows_ += written.rows();
  const Extent extent =
      std::exchange(rows_written_, true) ? Extent::kChanges : Extent::kWhole;
  return written.Put(dealt_by_key_ ? kRows : CopyOf(out.task()), extent, out);
}

Status BuildSide::MakePlaces() {
  if (static_cast<int64_t>(places_.size()) == rows_->num_rows()) return Status::OK();
  ARROW_RETURN_NOT_OK(reservation_.Hold(rows_->num_rows() * 8));
  places_.resize(static_cast<size_t>(rows_->num_rows()));
  std::vector<int64_t> next(data::kKeyGroups, 0);
  ARROW_ASSIGN_OR_RAISE(auto groups, KeyGroups(*rows_));
  const auto* group = groups->data()->GetValues<uint16_t>(1);
  for (size_t row = 0; row < places_.size(); ++row)
    places_[row] = (int64_t{group[row]} << kPlaceBits) | next[group[row]]++;
  return Status::OK();
}

Status BuildSide::WriteMatched(state::OperatorSnapshot& out) {
  if (out.whole()) {
    matched_written_ = false;
    for (uint8_t& matched : matched_) matched &= kMatched;
  }
  if (std::find(matched_.begin(), matched_.end(), kMatched) == matched_.end())
    return Status::OK();
  ARROW_RETURN_NOT_OK(MakePlaces());
  arrow::Int64Builder places(evaluation_->pool());
  arrow::UInt16Builder groups(evaluation_->pool());
  for (size_t row = 0; row < matched_.size(); ++row) {
    if (matched_[row] != kMatched) continue;
    ARROW_RETURN_NOT_OK(places.Append(places_[row]));
    ARROW_RETURN_NOT_OK(groups.Append(static_cast<uint16_t>(places_[row] >> kPlaceBits)));
    matched_[row] |= kWritten;
  }
  StateRows written(MatchedSchema(), evaluation_->memory());
  ARROW_ASSIGN_OR_RAISE(auto place_column, places.Finish());
  ARROW_ASSIGN_OR_RAISE(auto group_column, groups.Finish());
  ARROW_RETURN_NOT_OK(written.Add({std::move(place_column)}, std::move(group_column)));
  const Extent extent =
      std::exchange(matched_written_, true) ? Extent::kChanges : Extent::kWhole;
  return written.Put(kMatches, extent, out);
}

Status BuildSide::Restore(const state::OperatorState& state) {
  using Kind = state::OperatorState::Rows;
  const auto add = [this](const std::shared_ptr<arrow::RecordBatch>& rows, Extent) {
    rows_written_ = dealt_by_key_;
    written_rows_ += dealt_by_key_ ? rows->num_rows() : 0;
    buffer_.Add(rows);
    return Status::OK();
  };
  if (dealt_by_key_) ARROW_RETURN_NOT_OK(state.Visit(kRows, Kind::kMine, add));
  // All copies were the same at the barrier, but a task that had ended left none; the own
  // one is written anew.
  for (int task = 0; !dealt_by_key_ && buffer_.rows() == 0 && task < data::kKeyGroups;
       ++task) {
    ARROW_RETURN_NOT_OK(state.Visit(CopyOf(task), Kind::kAll, add));
  }
  if (state.Fact(kFinished).value_or(0) == 0) return Status::OK();
  ARROW_RETURN_NOT_OK(Finish());
  return keeps_unmatched_ ? RestoreMatched(state) : Status::OK();
}

Status BuildSide::RestoreMatched(const state::OperatorState& state) {
  ARROW_RETURN_NOT_OK(MakePlaces());
  // Rows by place: places of one group ascend with the rows.
  std::vector<int32_t> by_place(places_.size());
  for (size_t row = 0; row < by_place.size(); ++row)
    by_place[row] = static_cast<int32_t>(row);
  std::sort(by_place.begin(), by_place.end(), [this](int32_t a, int32_t b) {
    return places_[static_cast<size_t>(a)] < places_[static_cast<size_t>(b)];
  });
  return state.Visit(
      kMatches, state::OperatorState::Rows::kMine,
      [&](const std::shared_ptr<arrow::RecordBatch>& rows, Extent) {
        matched_written_ = true;
        const auto* places = rows->column(0)->data()->GetValues<int64_t>(1);
        for (int64_t i = 0; i < rows->num_rows(); ++i) {
          const auto found =
              std::lower_bound(by_place.begin(), by_place.end(), places[i],
                               [this](int32_t row, int64_t p) {
                                 return places_[static_cast<size_t>(row)] < p;
                               });
          if (found == by_place.end() ||
              places_[static_cast<size_t>(*found)] != places[i])
            return errors::kInternal.Make({}, "a join's state names a row it lacks");
          matched_[static_cast<size_t>(*found)] = kMatched | kWritten;
        }
        return Status::OK();
      });
}

}  // namespace millrace::operators
