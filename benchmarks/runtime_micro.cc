// What the runtime costs: the same operators over the same batches, called in a bare
// loop, by a pipeline of one task, and by pipelines on two shards with a keyed exchange
// between. Arguments: the number of batches of 64 Ki rows, then the numbers of keys to
// measure with.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>

#include <arrow/api.h>
#include <arrow/compute/api.h>

#include "millrace/base/error.h"
#include "millrace/engine/result_sink.h"
#include "millrace/expr/expression.h"
#include "millrace/functions/functions.h"
#include "millrace/operators/registry.h"
#include "millrace/plan/aggregate_node.h"
#include "millrace/plan/filter_node.h"
#include "millrace/plan/parallelize.h"
#include "millrace/plan/scan_node.h"
#include "millrace/plan/write_node.h"
#include "millrace/runtime/pipeline.h"

namespace {

using namespace millrace;  // NOLINT: a program, not a header

constexpr int64_t kBatchRows = 64 * 1024;
constexpr int kBatches = 400;  // unless told otherwise
constexpr int kRuns = 7;

template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", ErrorText(result.status()).c_str());
    std::exit(1);
  }
  return std::move(result).ValueUnsafe();
}
void Must(const Status& status) {
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", ErrorText(status).c_str());
    std::exit(1);
  }
}

std::vector<std::shared_ptr<arrow::RecordBatch>> MakeRows(int64_t keys, int batches) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> out;
  auto schema = arrow::schema(
      {arrow::field("k", arrow::int64()), arrow::field("v", arrow::int64())});
  uint64_t state = 1;
  auto next = [&state] {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return state >> 33;
  };
  for (int b = 0; b < batches; ++b) {
    arrow::Int64Builder k, v;
    Must(k.Reserve(kBatchRows));
    Must(v.Reserve(kBatchRows));
    for (int64_t i = 0; i < kBatchRows; ++i) {
      k.UnsafeAppend(static_cast<int64_t>(next() % static_cast<uint64_t>(keys)));
      v.UnsafeAppend(static_cast<int64_t>(next() % 1000));
    }
    out.push_back(arrow::RecordBatch::Make(schema, kBatchRows,
                                           {Must(k.Finish()), Must(v.Finish())}));
  }
  return out;
}

// Rows in memory, dealt in `splits` parts.
class MemorySource final : public connector::Source {
 public:
  MemorySource(const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows, int splits)
      : rows_(rows), splits_(splits) {}
  Result<std::shared_ptr<arrow::Schema>> InferSchema() override {
    return rows_[0]->schema();
  }
  Result<std::vector<connector::Split>> Discover() override {
    std::vector<connector::Split> out(static_cast<size_t>(splits_));
    for (int i = 0; i < splits_; ++i) out[static_cast<size_t>(i)].id = SplitId{i};
    return out;
  }
  Status Restore(const std::string&, const std::vector<connector::SplitState>&) override {
    return Status::OK();
  }
  Status Preflight(connector::Report&) override { return Status::OK(); }
  Status Setup() override { return Status::OK(); }
  Status Teardown() override { return Status::OK(); }
  connector::Accepted Push(const connector::Pushdown&) override {
    return {.columns = true};
  }
  connector::Replay replay() const override { return connector::Replay::kSeek; }
  bool bounded() const override { return true; }
  void Acknowledge(const std::vector<std::pair<SplitId, data::Position>>&) override {}
  Status Control(connector::Command) override { return Status::OK(); }
  Result<std::unique_ptr<connector::SplitReader>> Open(
      const connector::Split& split) override {
    const auto at = static_cast<size_t>(split.id.value),
               all = static_cast<size_t>(splits_);
    return std::make_unique<Reader>(rows_, rows_.size() * at / all,
                                    rows_.size() * (at + 1) / all);
  }

 private:
  class Reader final : public connector::SplitReader {
   public:
    Reader(const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows, size_t begin,
           size_t end)
        : rows_(rows), next_(begin), end_(end) {}
    Result<connector::PollResult> Poll(const Budget&, const Waker&) override {
      connector::PollResult out;
      if (next_ == end_) return out;
      out.state = connector::PollState::kBatch;
      out.batch.rows = rows_[next_++];
      return out;
    }
    Status Seek(const data::Position&) override { return Status::OK(); }

   private:
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows_;
    size_t next_;
    const size_t end_;
  };
  const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows_;
  const int splits_;
};

// How long some work took, and the CPU time of all threads in it: what is left to compare
// where others use the machine's cores.
struct Took {
  double wall = 0;
  double cpu = 0;
};

Took Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t cpu = std::clock();
  work();
  const double used = static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          used};
}

double Median(const std::vector<Took>& runs, double Took::*part = &Took::wall) {
  std::vector<double> values;
  for (const Took& run : runs) values.push_back(run.*part);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Result3 {
  int64_t rows = 0;
  int64_t sum = 0;
  bool operator==(const Result3&) const = default;
};

void Count(const arrow::RecordBatch& rows, Result3* out) {
  const auto& sums = static_cast<const arrow::Int64Array&>(*rows.GetColumnByName("s"));
  out->rows += rows.num_rows();
  for (int64_t i = 0; i < sums.length(); ++i) out->sum += sums.Value(i);
}

// SELECT k, count(*), sum(v) AS s FROM t WHERE v >= 100 GROUP BY k
plan::NodePtr MakePlan(const expr::FunctionRegistry& functions,
                       const std::shared_ptr<arrow::Schema>& schema) {
  auto table = std::make_shared<plan::Table>();
  table->name = "t";
  table->schema = schema;
  auto k = expr::Expr::Column(0, "k", arrow::int64()),
       v = expr::Expr::Column(1, "v", arrow::int64());
  auto condition = Must(expr::Expr::Call(
      functions, ">=", {v, expr::Expr::Literal(arrow::MakeScalar(int64_t{100}))}));
  plan::AggregateCall count, sum;
  count.function = functions.FindAggregate("count");
  count.binding = Must(count.function->bind({}, {}));
  count.name = "n";
  sum.function = functions.FindAggregate("sum");
  sum.binding = Must(sum.function->bind({arrow::int64()}, {nullptr}));
  sum.arguments = {v};
  sum.literals = {nullptr};
  sum.name = "s";
  auto filtered =
      plan::FilterNode::Make(plan::ScanNode::Make(std::move(table)), condition);
  return plan::AggregateNode::Make(filtered, {k}, {"k"}, {count, sum});
}

Result3 BareLoop(const plan::NodePtr& aggregate,
                 const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows,
                 const operators::OperatorContext& context) {
  auto filter_op = Must(operators::Build(*aggregate->input(), context));
  auto aggregate_op = Must(operators::Build(*aggregate, context));
  Result3 out;
  auto drain = [&](operators::Output& made) {
    for (auto& event : made.events()) {
      if (auto* batch = std::get_if<data::Batch>(&event)) Count(*batch->rows, &out);
    }
    made.events().clear();
  };
  for (const auto& batch : rows) {
    operators::Input in;
    data::Batch one;
    one.rows = batch;
    in.event = std::move(one);
    operators::Output filtered, made;
    Must(filter_op->Run(&in, filtered, {}).status());
    for (auto& event : filtered.events()) {
      operators::Input next{0, std::move(event)};
      Must(aggregate_op->Run(&next, made, {}).status());
    }
    drain(made);
  }
  operators::Input end{0, operators::End{}};
  operators::Output made;
  auto state = Must(aggregate_op->Run(&end, made, {}));
  drain(made);
  while (state == operators::OpState::kHasOutput) {
    state = Must(aggregate_op->Run(nullptr, made, {}));
    drain(made);
  }
  return out;
}

Result3 ByPipeline(const plan::NodePtr& aggregate,
                   const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows,
                   int shards, runtime::Scheduler& scheduler, const Clock& clock,
                   const std::shared_ptr<MemoryBudget>& memory) {
  Result3 out;
  MemorySource source(rows, shards * 8);
  const auto executor = MakeThreadExecutor(1);
  auto sink = engine::MakeResultSink(
      [&out](const std::shared_ptr<arrow::RecordBatch>& batch) {
        Count(*batch, &out);
        return Status::OK();
      },
      executor.get());
  auto table = std::make_shared<plan::Table>();
  table->name = "result";
  runtime::Connectors connectors;
  connectors.source = [&](const plan::ScanNode&) -> Result<connector::Source*> {
    return &source;
  };
  connectors.sink = [&](const plan::WriteNode&) -> Result<connector::Sink*> {
    return sink.get();
  };
  runtime::PipelineOptions options;
  options.parallelism = shards;
  plan::ParallelizeOptions cut;
  cut.shards = shards;
  auto plan = plan::Parallelize(plan::WriteNode::Make(aggregate, table), cut);
  const auto timers = MakeThreadTimers(&clock);
  auto pipeline = Must(runtime::Pipeline::Make(
      plan, connectors, options,
      {&scheduler, &clock, executor.get(), timers.get(), memory, nullptr, nullptr}));
  pipeline->Start();
  Must(pipeline->Finish());
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const int batches = argc > 1 ? std::max(1, std::atoi(argv[1])) : kBatches;
  std::vector<int64_t> key_counts;
  for (int i = 2; i < argc; ++i) key_counts.push_back(std::atoll(argv[i]));
  if (key_counts.empty()) key_counts = {1000, 1'000'000};
  expr::FunctionRegistry functions;
  Must(functions::RegisterAll(functions));
  SystemClock clock;
  auto memory = MemoryBudget::Make(int64_t{8} << 30, ProcessMemoryPool());
  operators::RowCounters counters;
  operators::OperatorContext context;
  context.memory = memory;
  context.clock = &clock;
  context.counters = &counters;
  auto one = runtime::MakeThreadScheduler(1, false);
  auto two = runtime::MakeThreadScheduler(2, false);
  for (int64_t keys : key_counts) {
    const auto rows = MakeRows(keys, batches);
    const auto plan = MakePlan(functions, rows[0]->schema());
    std::vector<Took> bare, single, dual;
    Result3 expected = BareLoop(plan, rows, context);
    for (int i = 0; i < kRuns; ++i) {
      bare.push_back(Seconds([&] {
        if (BareLoop(plan, rows, context) != expected) std::exit(1);
      }));
      single.push_back(Seconds([&] {
        if (ByPipeline(plan, rows, 1, *one, clock, memory) != expected) std::exit(1);
      }));
      dual.push_back(Seconds([&] {
        if (ByPipeline(plan, rows, 2, *two, clock, memory) != expected) std::exit(1);
      }));
    }
    const double million = static_cast<double>(batches * kBatchRows) / 1e6;
    std::printf(
        "%lld keys: bare loop %.1f M rows/s; pipeline, one shard %.1f M rows/s (%.3f x); "
        "two shards %.1f M rows/s (%.2f x one; %.2f x by CPU time)\n",
        static_cast<long long>(keys), million / Median(bare), million / Median(single),
        Median(bare) / Median(single), million / Median(dual),
        Median(single) / Median(dual),
        2 * Median(single, &Took::cpu) / Median(dual, &Took::cpu));
  }
  return 0;
}
