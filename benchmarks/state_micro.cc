// What keeping state costs: noting changes, snapshots, restoring, and going beyond
// memory. Results are compared before anything is printed. Arguments: folder for spilled
// rows, and what to run (all without).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <arrow/api.h>
#include <arrow/util/byte_size.h>

#include "millrace/base/error.h"
#include "millrace/functions/functions.h"
#include "millrace/operators/registry.h"
#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/sort_node.h"

namespace millrace::operators {
namespace {

constexpr int64_t kBatch = 64 * 1024;

double Seconds(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// All pieces of a snapshot in memory, as one task's state.
class Held final : public state::OperatorState {
 public:
  Status Take(state::OperatorSnapshot& snapshot) {
    facts_ = snapshot.facts();
    for (state::Piece& piece : snapshot.TakePieces()) {
      if (piece.extent == state::Extent::kWhole) batches_.clear();
      for (;;) {
        std::shared_ptr<arrow::RecordBatch> rows;
        ARROW_RETURN_NOT_OK(piece.rows->ReadNext(&rows));
        if (!rows) break;
        ARROW_ASSIGN_OR_RAISE(auto plain, rows->RemoveColumn(0));
        rows_ += plain->num_rows();
        for (const auto& column : plain->columns())
          bytes_ += *arrow::util::ReferencedBufferSize(*column);
        batches_.push_back({piece.part, piece.extent, std::move(plain)});
      }
    }
    return Status::OK();
  }
  Status Visit(std::string_view part, Rows, const Visitor& visitor) const override {
    for (const One& one : batches_) {
      if (one.part == part) ARROW_RETURN_NOT_OK(visitor(one.rows, one.extent));
    }
    return Status::OK();
  }
  Status VisitNewestFirst(std::string_view part, Rows,
                          const Visitor& visitor) const override {
    for (auto one = batches_.rbegin(); one != batches_.rend(); ++one) {
      if (one->part == part) ARROW_RETURN_NOT_OK(visitor(one->rows, one->extent));
    }
    return Status::OK();
  }
  int64_t PartRows(std::string_view, Rows) const override { return rows_; }
  int64_t rows() const { return rows_; }
  int64_t bytes() const { return bytes_; }

 private:
  struct One {
    std::string part;
    state::Extent extent;
    std::shared_ptr<arrow::RecordBatch> rows;
  };
  std::vector<One> batches_;
  int64_t rows_ = 0, bytes_ = 0;
};

class Bench {
 public:
  explicit Bench(const std::string& folder) : space_(folder) {
    context_.memory = MemoryBudget::Make(int64_t{16} << 30, ProcessMemoryPool());
    context_.clock = &clock_;
    context_.counters = &counters_;
  }
  Status Prepare() { return functions::RegisterAll(functions_); }

  plan::NodePtr GroupBy(const std::vector<const char*>& functions) {
    std::vector<plan::AggregateCall> calls;
    for (const char* name : functions) {
      plan::AggregateCall call;
      call.function = functions_.FindAggregate(name);
      call.arguments = {expr::Expr::Column(1, "v", arrow::int64())};
      call.literals = {nullptr};
      call.binding = *call.function->bind({arrow::int64()}, call.literals);
      call.name = name;
      calls.push_back(std::move(call));
    }
    return plan::AggregateNode::Make(Scan(), {expr::Expr::Column(0, "k", arrow::int64())},
                                     {"k"}, std::move(calls));
  }
  plan::NodePtr OrderBy() {
    return plan::SortNode::Make(Scan(), {{expr::Expr::Column(0, "k", arrow::int64())}});
  }
  plan::NodePtr Scan() {
    auto table = std::make_shared<plan::Table>();
    table->name = "t";
    table->schema = schema_;
    return plan::ScanNode::Make(table);
  }

  // Row i has key(i); the value is the row's number.
  template <typename Key>
  Result<data::Batch> MakeBatch(int64_t first, int64_t rows, const Key& key) {
    arrow::Int64Builder k(context_.memory->pool()), v(context_.memory->pool());
    ARROW_RETURN_NOT_OK(k.Reserve(rows));
    ARROW_RETURN_NOT_OK(v.Reserve(rows));
    for (int64_t i = first; i < first + rows; ++i) {
      k.UnsafeAppend(key(i));
      v.UnsafeAppend(i);
    }
    std::shared_ptr<arrow::Array> keys, values;
    ARROW_RETURN_NOT_OK(k.Finish(&keys));
    ARROW_RETURN_NOT_OK(v.Finish(&values));
    data::Batch batch;
    batch.rows = arrow::RecordBatch::Make(schema_, rows, {keys, values});
    return batch;
  }

  Status Give(Operator& op, Event event, Output& out) {
    Input in{0, std::move(event)};
    ARROW_ASSIGN_OR_RAISE(auto state, op.Run(&in, out, {}));
    while (state == OpState::kHasOutput) {
      Drop(out);
      ARROW_ASSIGN_OR_RAISE(state, op.Run(nullptr, out, {}));
    }
    Drop(out);
    return Status::OK();
  }

  // Count and checksum of what is put out.
  void Drop(Output& out) {
    for (Event& event : out.events()) {
      const auto* batch = std::get_if<data::Batch>(&event);
      if (batch == nullptr) continue;
      rows_out_ += batch->num_rows();
      for (const auto& column : batch->rows->columns()) {
        const auto* values = column->data()->GetValues<int64_t>(1);
        for (int64_t i = 0; i < column->length(); ++i)
          checksum_ += static_cast<uint64_t>(values[i]) * 0x9E3779B97F4A7C15ull;
      }
      const auto* keys = batch->rows->column(0)->data()->GetValues<int64_t>(1);
      for (int64_t i = 0; i < batch->num_rows(); ++i) {
        descents_ += keys[i] < last_key_ ? 1 : 0;
        last_key_ = keys[i];
      }
    }
    out.events().clear();
  }

  Status NotingChanges() {
    const auto node = GroupBy({"count", "sum", "min", "max"});
    constexpr int64_t kGroups = 1'000'000, kRows = 200 * kBatch;
    auto key = [](int64_t i) {
      return static_cast<int64_t>(static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15ull %
                                  kGroups);
    };
    std::vector<data::Batch> batches;
    for (int64_t at = 0; at < kRows; at += kBatch) {
      ARROW_ASSIGN_OR_RAISE(auto batch, MakeBatch(at, kBatch, key));
      batches.push_back(std::move(batch));
    }
    std::vector<double> times[2];
    for (int round = 0; round < 14; ++round) {
      context_.checkpointed = round % 2 == 1;
      ARROW_ASSIGN_OR_RAISE(auto op, Build(*node, context_));
      Output out;
      // Every group is known and written before the clock starts.
      for (int i = 0; i < 20; ++i)
        ARROW_RETURN_NOT_OK(Give(*op, batches[static_cast<size_t>(i)], out));
      if (context_.checkpointed) {
        state::OperatorSnapshot snapshot(0, 1, true);
        ARROW_RETURN_NOT_OK(op->Snapshot(snapshot));
      }
      const auto start = std::chrono::steady_clock::now();
      for (const auto& batch : batches) ARROW_RETURN_NOT_OK(Give(*op, batch, out));
      times[round % 2].push_back(Seconds(start));
    }
    for (auto& some : times) std::sort(some.begin(), some.end());
    std::printf("noting changes, 1 M groups: %.1f %% (%.1f against %.1f ns/row)\n",
                (times[1][3] / times[0][3] - 1) * 100, times[1][3] / kRows * 1e9,
                times[0][3] / kRows * 1e9);
    return Status::OK();
  }

  Status Snapshots() {
    context_.checkpointed = true;
    const auto node = GroupBy({"count", "sum", "min", "max"});
    constexpr int64_t kGroups = 1'000'000;
    ARROW_ASSIGN_OR_RAISE(auto op, Build(*node, context_));
    Output out;
    for (int64_t at = 0; at < kGroups; at += kBatch) {
      ARROW_ASSIGN_OR_RAISE(auto batch, MakeBatch(at, std::min(kBatch, kGroups - at),
                                                  [](int64_t i) { return i * 977; }));
      ARROW_RETURN_NOT_OK(Give(*op, std::move(batch), out));
    }
    auto start = std::chrono::steady_clock::now();
    Held whole;
    {
      state::OperatorSnapshot snapshot(0, 1, true);
      ARROW_RETURN_NOT_OK(op->Snapshot(snapshot));
      std::printf("whole snapshot of 1 M groups: %.1f ms", Seconds(start) * 1e3);
      ARROW_RETURN_NOT_OK(whole.Take(snapshot));
    }
    std::printf(", %.0f MB\n", static_cast<double>(whole.bytes()) / 1e6);
    ARROW_ASSIGN_OR_RAISE(auto batch, MakeBatch(0, 100'000, [](int64_t i) {
                            return i * 10 % kGroups * 977;
                          }));
    ARROW_RETURN_NOT_OK(Give(*op, std::move(batch), out));
    start = std::chrono::steady_clock::now();
    state::OperatorSnapshot snapshot(0, 1, false);
    ARROW_RETURN_NOT_OK(op->Snapshot(snapshot));
    const double took = Seconds(start);
    Held changes;
    ARROW_RETURN_NOT_OK(changes.Take(snapshot));
    if (changes.rows() != 100'000) return Status::Invalid(changes.rows(), " changes");
    std::printf("snapshot of 100 k changes of 1 M groups: %.1f ms\n", took * 1e3);
    return Status::OK();
  }

  Status Restores() {
    context_.checkpointed = true;
    const auto node = GroupBy({"sum", "min", "max"});
    constexpr int64_t kGroups = 14'000'000;
    ARROW_ASSIGN_OR_RAISE(auto op, Build(*node, context_));
    Output out;
    for (int64_t at = 0; at < kGroups; at += kBatch) {
      ARROW_ASSIGN_OR_RAISE(auto batch, MakeBatch(at, std::min(kBatch, kGroups - at),
                                                  [](int64_t i) { return i * 977; }));
      ARROW_RETURN_NOT_OK(Give(*op, std::move(batch), out));
    }
    Held held;
    {
      state::OperatorSnapshot snapshot(0, 1, true);
      ARROW_RETURN_NOT_OK(op->Snapshot(snapshot));
      ARROW_RETURN_NOT_OK(held.Take(snapshot));
    }
    ARROW_RETURN_NOT_OK(Give(*op, End{}, out));
    const auto rows = std::exchange(rows_out_, 0);
    const auto checksum = std::exchange(checksum_, 0);
    ARROW_ASSIGN_OR_RAISE(op, Build(*node, context_));
    const auto start = std::chrono::steady_clock::now();
    ARROW_RETURN_NOT_OK(op->Restore(held));
    const double took = Seconds(start);
    ARROW_RETURN_NOT_OK(Give(*op, End{}, out));
    if (rows_out_ != rows || checksum_ != checksum) return Status::Invalid("differs");
    std::printf("restore of %.2f GB, 14 M groups, one task: %.2f s\n",
                static_cast<double>(held.bytes()) / 1e9, took);
    return Status::OK();
  }

  Status Spills(const char* name, const plan::NodePtr& node, int64_t rows, bool sorts) {
    double times[2];
    int64_t counts[2];
    uint64_t sums[2];
    int64_t peaks[2];
    auto key = [](int64_t i) {
      return static_cast<int64_t>(static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15ull >> 1);
    };
    for (int round = 0; round < 2; ++round) {
      OperatorContext context = context_;
      context.checkpointed = false;
      context.memory = MemoryBudget::Make(
          round == 0 ? int64_t{16} << 30 : int64_t{64} << 20, ProcessMemoryPool());
      context.spill = round == 0 ? nullptr : &space_;
      rows_out_ = 0;
      checksum_ = 0;
      descents_ = 0;
      last_key_ = INT64_MIN;
      ARROW_ASSIGN_OR_RAISE(auto op, Build(*node, context));
      Output out;
      double took = 0;
      for (int64_t at = 0; at < rows; at += kBatch) {
        const auto kept = std::exchange(context_.memory, context.memory);
        auto made = MakeBatch(at, kBatch, key);
        context_.memory = kept;
        ARROW_ASSIGN_OR_RAISE(auto batch, std::move(made));
        const auto start = std::chrono::steady_clock::now();
        ARROW_RETURN_NOT_OK(Give(*op, std::move(batch), out));
        took += Seconds(start);
      }
      const auto start = std::chrono::steady_clock::now();
      ARROW_RETURN_NOT_OK(Give(*op, End{}, out));
      times[round] = took + Seconds(start);
      counts[round] = rows_out_;
      sums[round] = checksum_;
      peaks[round] = context.memory->peak();
      if (sorts && descents_ > 0) return Status::Invalid("not in order");
    }
    if (counts[0] != counts[1] || sums[0] != sums[1])
      return Status::Invalid("what was spilled differs");
    std::printf(
        "%s of %lld M rows: %.2f s in memory (%lld MB), %.2f s with 64 MiB (peak %lld "
        "MB): %.2f x\n",
        name, static_cast<long long>(rows / 1'000'000), times[0],
        static_cast<long long>(peaks[0] / 1'000'000), times[1],
        static_cast<long long>(peaks[1] / 1'000'000), times[0] / times[1]);
    return Status::OK();
  }

 private:
  std::shared_ptr<arrow::Schema> schema_ = arrow::schema(
      {arrow::field("k", arrow::int64()), arrow::field("v", arrow::int64())});
  SpillSpace space_;
  SystemClock clock_;
  RowCounters counters_;
  OperatorContext context_;
  expr::FunctionRegistry functions_;
  int64_t rows_out_ = 0;
  uint64_t checksum_ = 0;
  int64_t descents_ = 0;
  int64_t last_key_ = 0;
};

Status Run(const std::string& folder, const std::string& what) {
  Bench bench(folder);
  ARROW_RETURN_NOT_OK(bench.Prepare());
  auto wanted = [&](const char* name) { return what.empty() || what == name; };
  if (wanted("noting")) ARROW_RETURN_NOT_OK(bench.NotingChanges());
  if (wanted("snapshot")) ARROW_RETURN_NOT_OK(bench.Snapshots());
  if (wanted("restore")) ARROW_RETURN_NOT_OK(bench.Restores());
  if (wanted("group")) {
    ARROW_RETURN_NOT_OK(bench.Spills("GROUP BY", bench.GroupBy({"sum", "min", "max"}),
                                     100 * kBatch, false));
  }
  if (wanted("order")) {
    ARROW_RETURN_NOT_OK(bench.Spills("ORDER BY", bench.OrderBy(), 320 * kBatch, true));
  }
  return Status::OK();
}

}  // namespace
}  // namespace millrace::operators

int main(int count, char** arguments) {
  const std::string folder = count > 1 ? arguments[1] : "/tmp";
  const auto status = millrace::operators::Run(folder, count > 2 ? arguments[2] : "");
  if (!status.ok()) std::fprintf(stderr, "%s\n", millrace::ErrorText(status).c_str());
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
