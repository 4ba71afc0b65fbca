#include "millrace/operators/over/frame_evaluator.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/util/bitmap_ops.h>

#include "millrace/data/dictionary.h"

namespace millrace::operators {

namespace {

using plan::OverFrame;
using plan::OverFunction;
using BoundKind = plan::FrameBound::Kind;

// So many rows, or chunks of few, that no frame needs are worth a compaction.
constexpr int64_t kFewRows = 64 * 1024;
constexpr int64_t kFewChunks = 256;
constexpr int64_t kRowsOfChunk = 64;

// COUNT, SUM, AVG, MIN and MAX of one argument: NULLs mean nothing to them.
bool SkipsNulls(const std::string& name) {
  return name == "count" || name == "sum" || name == "avg" || name == "min" ||
         name == "max";
}

// The frame that a function goes by, whatever was written.
OverFrame FrameOf(const plan::OverCall& call) {
  OverFrame frame = call.frame;
  switch (call.function) {
    case OverFunction::kRowNumber:
    case OverFunction::kNtile:
      frame.unit = OverFrame::Unit::kRows;
      frame.begin = frame.end = {BoundKind::kCurrentRow};
      break;
    case OverFunction::kRank:
    case OverFunction::kDenseRank:
    case OverFunction::kPercentRank:
    case OverFunction::kCumeDist:
      frame.unit = OverFrame::Unit::kGroups;
      frame.begin = frame.end = {BoundKind::kCurrentRow};
      break;
    default: break;
  }
  return frame;
}

}  // namespace

Result<std::unique_ptr<FrameEvaluator>> FrameEvaluator::Make(const plan::OverNode& node,
                                                             Evaluation& evaluation) {
  std::unique_ptr<FrameEvaluator> out(new FrameEvaluator(node, evaluation));
  ARROW_RETURN_NOT_OK(out->Prepare());
  return out;
}

Status FrameEvaluator::Prepare() {
  bool needs_key = false, needs_dense = false, ahead = false;
  for (const plan::OverCall& call : node_.calls()) {
    const OverFrame frame = FrameOf(call);
    needs_key |= FrameBounds::NeedsKey(frame);
    needs_dense |= FrameBounds::NeedsDense(frame);
    ahead |= FrameBounds::LooksAhead(frame);
    waits_for_time_ |= FrameBounds::NeedsKey(frame) && FrameBounds::LooksAhead(frame);
    can_forget_ &= !frame.from_begin() && call.function != OverFunction::kRowNumber &&
                   call.function != OverFunction::kRank &&
                   call.function != OverFunction::kDenseRank;
  }
  needs_partitions_ = node_.needs_partition() || ahead;
  defers_ = ahead && node_.by_time();
  waits_for_time_ &= node_.by_time();

  arrow::FieldVector fields;
  const auto add = [&](const expr::TypePtr& type) {
    fields.push_back(arrow::field("c" + std::to_string(fields.size()), type));
    columns_.push_back(nullptr);
    return static_cast<int>(fields.size()) - 1;
  };
  // Rows that wait hold the watermark at their time.
  if (needs_key || defers_) {
    const plan::SortKey& key = node_.order()[0];
    const arrow::Type::type id = key.expression->type()->id();
    key_.real = id == arrow::Type::FLOAT || id == arrow::Type::DOUBLE;
    key_.descending = key.descending;
    key_.nulls_first = key.nulls_first;
    key_.column = add(key_.real ? arrow::float64() : arrow::int64());
  }
  if (needs_dense) dense_ = add(arrow::int64());
  for (const plan::OverCall& call : node_.calls()) ARROW_RETURN_NOT_OK(AddFunction(call));
  for (size_t i = fields.size(); i < columns_.size(); ++i) {
    fields.push_back(arrow::field("c" + std::to_string(i), columns_[i]->type()));
  }
  if (defers_) {
    first_input_ = static_cast<int>(fields.size());
    for (const auto& field : node_.input()->schema()->fields()) fields.push_back(field);
  }
  for (auto& field : fields) field = field->WithNullable(true);
  schema_ = arrow::schema(std::move(fields));
  rows_.Start(schema_, evaluation_->pool());
  for (const OverFrame& frame : frames_) bounds_.emplace_back(frame, dense_, key_);
  begins_.resize(bounds_.size());
  ends_.resize(bounds_.size());
  for (const Function& function : functions_)
    pinned_ = std::max(pinned_, function.function->Pinned());
  return Status::OK();
}

int FrameEvaluator::AddColumn(const expr::ExprPtr& expression) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i] && columns_[i]->Equals(*expression)) return static_cast<int>(i);
  }
  columns_.push_back(expression);
  return static_cast<int>(columns_.size()) - 1;
}

size_t FrameEvaluator::BoundsOf(const OverFrame& frame) {
  const auto found = std::find(frames_.begin(), frames_.end(), frame);
  if (found != frames_.end()) return static_cast<size_t>(found - frames_.begin());
  frames_.push_back(frame);
  return frames_.size() - 1;
}

Status FrameEvaluator::AddFunction(const plan::OverCall& call) {
  const size_t bounds = BoundsOf(FrameOf(call));
  switch (call.function) {
    case OverFunction::kAggregate: return AddAggregate(call, bounds);
    case OverFunction::kFirstValue:
    case OverFunction::kLastValue:
    case OverFunction::kNthValue: {
      const int column = AddColumn(call.aggregate.arguments[0]);
      const int otherwise = call.otherwise ? AddColumn(call.otherwise) : -1;
      functions_.push_back(
          {MakeValueFunction(call, column, otherwise, evaluation_->pool()), bounds});
      return Status::OK();
    }
    default:
      functions_.push_back(
          {MakePositionFunction(call, dense_, evaluation_->pool()), bounds});
      return Status::OK();
  }
}

Status FrameEvaluator::AddAggregate(plan::OverCall call, size_t bounds) {
  plan::AggregateCall& aggregate = call.aggregate;
  const std::string& name = aggregate.function->doc.name;
  for (expr::ExprPtr& argument : aggregate.arguments) {
    if (argument->type()->id() == arrow::Type::NA)
      argument = expr::Expr::Cast(argument, arrow::int32());
  }
  if (SkipsNulls(name) && aggregate.arguments.size() <= 1) {
    expr::ExprPtr argument;
    const bool rows = aggregate.arguments.empty() ||
                      (!aggregate.distinct && aggregate.arguments[0]->literal() &&
                       aggregate.arguments[0]->literal()->is_valid && name == "count");
    if (!rows) argument = aggregate.arguments[0];
    if (aggregate.filter) {
      if (!argument)
        argument = expr::Expr::Literal(std::make_shared<arrow::BooleanScalar>(true));
      argument =
          expr::Expr::Case({aggregate.filter}, {argument},
                           expr::Expr::Literal(arrow::MakeNullScalar(argument->type())));
    }
    // Asked first without a column, so that none is stored for nothing.
    const arrow::DataType* type = argument ? argument->type().get() : nullptr;
    if (MakeSlidingAggregate(call, type, 0, evaluation_->pool())) {
      const int column = argument ? AddColumn(argument) : -1;
      functions_.push_back(
          {MakeSlidingAggregate(call, type, column, evaluation_->pool()), bounds});
      return Status::OK();
    }
  }
  const auto stored = [&](const expr::ExprPtr& expression) {
    const int column = AddColumn(expression);
    return expr::Expr::Column(column, "c" + std::to_string(column), expression->type());
  };
  for (expr::ExprPtr& argument : aggregate.arguments) argument = stored(argument);
  if (aggregate.filter) aggregate.filter = stored(aggregate.filter);
  ARROW_ASSIGN_OR_RAISE(auto function, MakeGeneralAggregate(call, *evaluation_));
  functions_.push_back({std::move(function), bounds});
  return Status::OK();
}

Status FrameEvaluator::Resize(int64_t partitions) {
  if (partitions <= rows_.size()) return Status::OK();
  rows_.Resize(partitions);
  listed_.resize(static_cast<size_t>(partitions));
  for (FrameBounds& bounds : bounds_) bounds.Resize(partitions);
  for (Function& function : functions_)
    ARROW_RETURN_NOT_OK(function.function->Resize(partitions));
  return Status::OK();
}

// Groups of equal rows are numbered in their partition from 1.
Result<std::shared_ptr<arrow::Array>> FrameEvaluator::Dense(const OrderedRows& ordered) {
  const int64_t rows = ordered.rows->num_rows();
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values,
                        arrow::AllocateBuffer(rows * 8, evaluation_->pool()));
  auto* out = reinterpret_cast<int64_t*>(values->mutable_data());
  for (int64_t i = 0; i < rows; ++i) {
    const auto row = static_cast<size_t>(i);
    int64_t& dense = rows_.partition(ordered.ids[row]).dense;
    dense += ordered.differs[row];
    out[i] = dense;
  }
  return std::make_shared<arrow::Int64Array>(rows, std::move(values));
}

// The order key as numbers that go up in the order of the window.
Result<std::shared_ptr<arrow::Array>> FrameEvaluator::Key(
    const arrow::RecordBatch& rows) {
  ARROW_ASSIGN_OR_RAISE(auto column, expr::EvaluateToArray(*node_.order()[0].expression,
                                                           rows, evaluation_->context()));
  const int64_t count = rows.num_rows();
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> values,
                        arrow::AllocateBuffer(count * 8, evaluation_->pool()));
  auto* numbers = reinterpret_cast<int64_t*>(values->mutable_data());
  auto* reals = reinterpret_cast<double*>(values->mutable_data());
  const arrow::ArrayData& data = *column->data();
  const auto copy = [&]<typename T>(const T* from, int64_t scale) {
    for (int64_t i = 0; i < count; ++i) {
      if constexpr (std::is_floating_point_v<T>) {
        reals[i] = key_.descending ? -static_cast<double>(from[i]) : from[i];
      } else {
        const int64_t value = static_cast<int64_t>(from[i]) * scale;
        numbers[i] = key_.descending ? ~value : value;
      }
    }
  };
  constexpr int64_t kMicrosOfDay = 86'400'000'000;
  switch (column->type_id()) {
    case arrow::Type::INT8: copy(data.GetValues<int8_t>(1), 1); break;
    case arrow::Type::INT16: copy(data.GetValues<int16_t>(1), 1); break;
    case arrow::Type::UINT8: copy(data.GetValues<uint8_t>(1), 1); break;
    case arrow::Type::UINT16: copy(data.GetValues<uint16_t>(1), 1); break;
    case arrow::Type::UINT32: copy(data.GetValues<uint32_t>(1), 1); break;
    case arrow::Type::INT32:
    case arrow::Type::TIME32: copy(data.GetValues<int32_t>(1), 1); break;
    case arrow::Type::DATE32: copy(data.GetValues<int32_t>(1), kMicrosOfDay); break;
    case arrow::Type::FLOAT: copy(data.GetValues<float>(1), 1); break;
    case arrow::Type::DOUBLE: copy(data.GetValues<double>(1), 1); break;
    case arrow::Type::DECIMAL128: {
      // At most 18 digits: the low word is the value.
      const auto& decimals = static_cast<const arrow::Decimal128Array&>(*column);
      for (int64_t i = 0; i < count; ++i) {
        const auto value =
            static_cast<int64_t>(arrow::Decimal128(decimals.GetValue(i)).low_bits());
        numbers[i] = key_.descending ? ~value : value;
      }
      break;
    }
    default: copy(data.GetValues<int64_t>(1), 1);
  }
  std::shared_ptr<arrow::Buffer> validity;
  if (column->null_count() != 0) {
    ARROW_ASSIGN_OR_RAISE(
        validity, arrow::internal::CopyBitmap(
                      evaluation_->pool(), data.buffers[0]->data(), data.offset, count));
  }
  return arrow::MakeArray(arrow::ArrayData::Make(
      key_.real ? arrow::float64() : arrow::int64(), count,
      {std::move(validity), std::move(values)}, column->null_count()));
}

Result<FrameEvaluator::Batch> FrameEvaluator::StoredRows(const OrderedRows& ordered) {
  Arrays columns;
  for (size_t i = 0; i < columns_.size(); ++i) {
    std::shared_ptr<arrow::Array> column;
    if (static_cast<int>(i) == key_.column) {
      ARROW_ASSIGN_OR_RAISE(column, Key(*ordered.rows));
    } else if (static_cast<int>(i) == dense_) {
      ARROW_ASSIGN_OR_RAISE(column, Dense(ordered));
    } else {
      ARROW_ASSIGN_OR_RAISE(column, expr::EvaluateToArray(*columns_[i], *ordered.rows,
                                                          evaluation_->context()));
      ARROW_ASSIGN_OR_RAISE(column, data::Decoded(column, evaluation_->pool()));
    }
    columns.push_back(std::move(column));
  }
  for (int i = 0; defers_ && i < ordered.rows->num_columns(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto column,
                          data::Decoded(ordered.rows->column(i), evaluation_->pool()));
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(schema_, ordered.rows->num_rows(), std::move(columns));
}

// The next rows of each piece's partition: frames, then every function over them.
Result<FrameEvaluator::Arrays> FrameEvaluator::Evaluate(std::span<const Piece> pieces,
                                                        int64_t rows) {
  for (Function& function : functions_)
    ARROW_RETURN_NOT_OK(function.function->Begin(rows));
  for (const Piece& piece : pieces) {
    FrameRows::Partition& partition = rows_.partition(piece.id);
    for (size_t i = 0; i < bounds_.size(); ++i) {
      const auto count = static_cast<size_t>(piece.count);
      if (begins_[i].size() < count) {
        begins_[i].resize(count);
        ends_[i].resize(count);
      }
      bounds_[i].Compute(rows_, piece.id, partition.out, piece.count, begins_[i].data(),
                         ends_[i].data());
    }
    for (Function& function : functions_) {
      ARROW_RETURN_NOT_OK(function.function->Evaluate(
          rows_, {piece.id, partition.out, piece.count, begins_[function.bounds].data(),
                  ends_[function.bounds].data()}));
    }
    partition.out += piece.count;
  }
  Arrays out;
  for (Function& function : functions_) {
    ARROW_ASSIGN_OR_RAISE(auto column, function.function->Finish());
    out.push_back(std::move(column));
  }
  return out;
}

Result<FrameEvaluator::Batch> FrameEvaluator::Finished(const Arrays& inputs,
                                                       Arrays results,
                                                       int64_t rows) const {
  arrow::FieldVector fields = node_.schema()->fields();
  Arrays columns = inputs;
  columns.insert(columns.end(), results.begin(), results.end());
  // Dictionaries go on as they came.
  for (size_t i = 0; i < inputs.size(); ++i)
    fields[i] = fields[i]->WithType(inputs[i]->type());
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows,
                                  std::move(columns));
}

Result<FrameEvaluator::Batch> FrameEvaluator::Add(const OrderedRows& ordered,
                                                  int64_t partitions, int64_t passed,
                                                  bool ended) {
  ARROW_RETURN_NOT_OK(Resize(partitions));
  ARROW_ASSIGN_OR_RAISE(Batch stored, StoredRows(ordered));
  const uint32_t chunk = rows_.AddChunk(std::move(stored));
  const int64_t rows = ordered.rows->num_rows();
  std::vector<Piece> pieces;
  for (int64_t begin = 0; begin < rows;) {
    const uint32_t id = ordered.ids[static_cast<size_t>(begin)];
    int64_t end = begin + 1;
    while (end < rows && ordered.ids[static_cast<size_t>(end)] == id) ++end;
    rows_.Extend(id, chunk, begin, rows_.partition(id).rows, end - begin);
    pieces.push_back({id, end - begin});
    begin = end;
  }
  if (!defers_) {
    ARROW_ASSIGN_OR_RAISE(Arrays results, Evaluate(pieces, rows));
    return Finished(ordered.rows->columns(), std::move(results), rows);
  }
  for (Piece& piece : pieces) {
    const FrameRows::Partition& partition = rows_.partition(piece.id);
    if (!std::exchange(listed_[piece.id], 1)) deferred_.push_back(piece.id);
    piece.count = KnownOf(piece.id, passed, ended) - partition.out;
  }
  return PutOutPieces(pieces);
}

int64_t FrameEvaluator::KnownOf(uint32_t id, int64_t passed, bool ended) const {
  const FrameRows::Partition& partition = rows_.partition(id);
  int64_t known = partition.rows;
  if (ended) return known;
  for (const FrameBounds& bounds : bounds_)
    known = std::min(known, bounds.Known(rows_, id, partition.out, passed));
  return known;
}

Result<FrameEvaluator::Batch> FrameEvaluator::PutOut(int64_t passed, bool ended) {
  std::vector<Piece> pieces;
  for (const uint32_t id : deferred_) {
    const int64_t known = KnownOf(id, passed, ended) - rows_.partition(id).out;
    if (known > 0) pieces.push_back({id, known});
  }
  ARROW_ASSIGN_OR_RAISE(Batch out, PutOutPieces(pieces));
  std::erase_if(deferred_, [this](uint32_t id) {
    const FrameRows::Partition& partition = rows_.partition(id);
    if (partition.out < partition.rows) return false;
    listed_[id] = 0;
    return true;
  });
  return out;
}

int64_t FrameEvaluator::FirstWaiting() const {
  int64_t least = std::numeric_limits<int64_t>::max();
  for (const uint32_t id : deferred_) {
    const FrameRows::Partition& partition = rows_.partition(id);
    if (partition.out == partition.rows) continue;
    Cursor<int64_t> times(rows_, partition, key_.column);
    times.Seek(partition.out);
    least = std::min(least, times.value());
  }
  return least;
}

// Rows that may have waited: they are copied from where they lie.
Result<FrameEvaluator::Batch> FrameEvaluator::PutOutPieces(
    const std::vector<Piece>& pieces) {
  int64_t rows = 0;
  std::vector<std::pair<uint32_t, std::pair<int64_t, int64_t>>> slices;
  for (const Piece& piece : pieces) {
    RowFinder finder(rows_.partition(piece.id));
    int64_t begin = rows_.partition(piece.id).out;
    const int64_t end = begin + piece.count;
    rows += piece.count;
    while (begin < end) {
      const FrameRows::Segment& segment = finder.Find(begin);
      const int64_t count = std::min(end, segment.first + segment.count) - begin;
      slices.push_back({segment.chunk, {segment.offset + begin - segment.first, count}});
      begin += count;
    }
  }
  if (rows == 0) return Batch();
  ARROW_ASSIGN_OR_RAISE(Arrays results, Evaluate(pieces, rows));
  Arrays inputs;
  for (int i = first_input_; i < schema_->num_fields(); ++i) {
    arrow::ArrayVector parts;
    for (const auto& [chunk, place] : slices)
      parts.push_back(rows_.chunk(chunk).column(i)->Slice(place.first, place.second));
    ARROW_ASSIGN_OR_RAISE(auto joined, arrow::Concatenate(parts, evaluation_->pool()));
    inputs.push_back(std::move(joined));
  }
  return Finished(inputs, std::move(results), rows);
}

int64_t FrameEvaluator::NeededOf(uint32_t id) const {
  const FrameRows::Partition& partition = rows_.partition(id);
  int64_t needed = partition.out;
  for (const FrameBounds& bounds : bounds_)
    needed = std::min(needed, bounds.Needed(rows_, id));
  for (const Function& function : functions_) {
    needed =
        std::min(needed, function.function->Needed(rows_, bounds_[function.bounds], id));
  }
  return needed;
}

Status FrameEvaluator::Compact(int64_t passed) {
  if (node_.by_time()) {
    for (uint32_t id = 0; id < rows_.size(); ++id) {
      for (FrameBounds& bounds : bounds_) bounds.Pass(rows_, id, passed);
    }
  }
  ARROW_RETURN_NOT_OK(
      rows_.Compact(pinned_, [this](uint32_t id) { return NeededOf(id); }));
  kept_rows_ = rows_.rows();
  return Status::OK();
}

Status FrameEvaluator::Trim(int64_t passed) {
  const bool many = rows_.rows() > 2 * kept_rows_ + kFewRows;
  const bool small =
      static_cast<int64_t>(rows_.chunks()) > kFewChunks + kept_rows_ / kRowsOfChunk;
  if (many || small) ARROW_RETURN_NOT_OK(Compact(passed));
  int64_t bytes = rows_.extra_bytes();
  for (const FrameBounds& bounds : bounds_) bytes += bounds.extra_bytes();
  for (const Function& function : functions_) {
    bytes += function.function->extra_bytes();
    ARROW_RETURN_NOT_OK(function.function->Charge());
  }
  return reservation_.Hold(bytes);
}

std::vector<uint32_t> FrameEvaluator::Living() const {
  std::vector<uint32_t> out;
  for (uint32_t id = 0; id < rows_.size(); ++id) {
    if (!rows_.partition(id).segments.empty()) out.push_back(id);
  }
  return out;
}

Status FrameEvaluator::Renumber(std::span<const uint32_t> living,
                                std::span<const uint32_t> ids, int64_t partitions) {
  std::vector<FrameRows::Partition> kept;
  for (const uint32_t id : living) kept.push_back(std::move(rows_.partition(id)));
  rows_.ForgetPartitions();
  listed_.clear();
  for (FrameBounds& bounds : bounds_) bounds.Clear();
  for (Function& function : functions_) function.function->Clear();
  ARROW_RETURN_NOT_OK(Resize(partitions));
  for (size_t i = 0; i < ids.size(); ++i) rows_.partition(ids[i]) = std::move(kept[i]);
  return FinishRestore();
}

void FrameEvaluator::Clear() {
  rows_.Clear();
  for (FrameBounds& bounds : bounds_) bounds.Clear();
  for (Function& function : functions_) function.function->Clear();
  deferred_.clear();
  listed_.clear();
  kept_rows_ = 0;
}

std::vector<std::shared_ptr<arrow::DataType>> FrameEvaluator::FactTypes() const {
  std::vector<std::shared_ptr<arrow::DataType>> out(3, arrow::int64());
  for (const Function& function : functions_) {
    const auto types = function.function->StateTypes();
    out.insert(out.end(), types.begin(), types.end());
  }
  return out;
}

Result<FrameEvaluator::Arrays> FrameEvaluator::Facts(std::span<const uint32_t> ids) {
  Arrays out;
  for (int64_t FrameRows::Partition::*fact :
       {&FrameRows::Partition::rows, &FrameRows::Partition::out,
        &FrameRows::Partition::dense}) {
    arrow::Int64Builder builder(evaluation_->pool());
    for (const uint32_t id : ids)
      ARROW_RETURN_NOT_OK(builder.Append(rows_.partition(id).*fact));
    ARROW_ASSIGN_OR_RAISE(auto column, builder.Finish());
    out.push_back(std::move(column));
  }
  for (Function& function : functions_) {
    ARROW_ASSIGN_OR_RAISE(Arrays states, function.function->States(ids));
    out.insert(out.end(), states.begin(), states.end());
  }
  return out;
}

Status FrameEvaluator::RestoreFacts(const Arrays& facts, std::span<const uint32_t> ids,
                                    int64_t partitions) {
  ARROW_RETURN_NOT_OK(Resize(partitions));
  const auto* rows = facts[0]->data()->GetValues<int64_t>(1);
  const auto* out = facts[1]->data()->GetValues<int64_t>(1);
  const auto* dense = facts[2]->data()->GetValues<int64_t>(1);
  for (size_t i = 0; i < ids.size(); ++i) {
    FrameRows::Partition& partition = rows_.partition(ids[i]);
    partition.rows = rows[i];
    partition.out = out[i];
    partition.dense = dense[i];
  }
  auto next = facts.begin() + 3;
  for (Function& function : functions_) {
    const auto count =
        static_cast<std::ptrdiff_t>(function.function->StateTypes().size());
    ARROW_RETURN_NOT_OK(function.function->Restore(Arrays(next, next + count), ids));
    next += count;
  }
  return Status::OK();
}

Result<FrameEvaluator::HeldRows> FrameEvaluator::Held(int64_t passed) {
  ARROW_RETURN_NOT_OK(Compact(passed));
  HeldRows out;
  if (rows_.rows() == 0) return out;
  out.rows = rows_.chunk(0).Slice(0);
  for (uint32_t id = 0; id < rows_.size(); ++id) {
    for (const FrameRows::Segment& segment : rows_.partition(id).segments) {
      for (int64_t i = 0; i < segment.count; ++i) {
        out.ids.push_back(id);
        out.numbers.push_back(segment.first + i);
      }
    }
  }
  return out;
}

Status FrameEvaluator::RestoreRows(const Batch& rows, std::span<const uint32_t> ids,
                                   const int64_t* numbers, int64_t partitions) {
  ARROW_RETURN_NOT_OK(Resize(partitions));
  const uint32_t chunk = rows_.AddChunk(
      arrow::RecordBatch::Make(schema_, rows->num_rows(), rows->columns()));
  const auto count = static_cast<int64_t>(ids.size());
  for (int64_t begin = 0; begin < count;) {
    const auto at = [&](int64_t i) { return ids[static_cast<size_t>(i)]; };
    int64_t end = begin + 1;
    while (end < count && at(end) == at(begin) && numbers[end] == numbers[end - 1] + 1)
      ++end;
    rows_.Extend(at(begin), chunk, begin, numbers[begin], end - begin);
    begin = end;
  }
  return Status::OK();
}

// Frames begin to be looked for at the first row of the last stretch without a gap: what
// lies before it is pinned.
Status FrameEvaluator::FinishRestore() {
  deferred_.clear();
  for (uint32_t id = 0; id < rows_.size(); ++id) {
    const FrameRows::Partition& partition = rows_.partition(id);
    int64_t first = partition.rows;
    for (size_t i = partition.segments.size(); i-- > 0;) {
      const FrameRows::Segment& segment = partition.segments[i];
      if (segment.first + segment.count != first) break;
      first = segment.first;
    }
    for (FrameBounds& bounds : bounds_) bounds.Rebase(id, first);
    for (Function& function : functions_) function.function->Rebase(id, first);
    if (partition.out == partition.rows) continue;
    deferred_.push_back(id);
    listed_[id] = 1;
  }
  return Status::OK();
}

}  // namespace millrace::operators
