#include "millrace/runtime/pipeline.h"

#include <algorithm>
#include <numeric>

#include "millrace/base/error.h"
#include "millrace/operators/registry.h"
#include "millrace/plan/exchange_node.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/union_node.h"
#include "millrace/runtime/encode.h"
#include "millrace/runtime/exchange.h"

namespace millrace::runtime {

namespace {

// A bounded job is committed once, at its end.
constexpr Epoch kOnlyEpoch{1};

// May the rows of `node` be told apart by split, in order? Then a gather keeps the order
// of the source.
bool KeepsSplitOrder(const plan::NodePtr& node) {
  if (node->kind() == plan::ScanNode::kKind) return true;
  if (node->kind() == "filter" || node->kind() == "project" || node->kind() == "window") {
    return KeepsSplitOrder(node->input());
  }
  // Rows leave a join in the order of its probe side, as long as it reports no unmatched
  // build rows.
  if (const auto* join = plan::As<plan::JoinNode>(node)) {
    return join->type() != plan::JoinType::kRight &&
           join->type() != plan::JoinType::kFull && KeepsSplitOrder(join->inputs()[0]);
  }
  return false;
}

NotNull NotNullOf(const plan::WriteNode& write) {
  std::vector<int> columns(static_cast<size_t>(write.schema()->num_fields()));
  std::iota(columns.begin(), columns.end(), 0);
  return NotNull(*write.table(), columns);
}

bool IsSingle(const plan::NodePtr& node) {
  if (const auto* exchange = plan::As<plan::ExchangeNode>(node)) {
    return exchange->exchange() == plan::ExchangeKind::kGather;
  }
  if (node->inputs().empty()) return node->kind() != plan::ScanNode::kKind;
  return std::any_of(node->inputs().begin(), node->inputs().end(), IsSingle);
}

}  // namespace

// Walks the plan from its root and makes the tasks of each stage.
class Pipeline::Builder {
 public:
  Builder(Pipeline& pipeline, const Connectors& connectors,
          DeadLetterOffice* dead_letters)
      : pipeline_(pipeline), connectors_(connectors), dead_letters_(dead_letters) {
    context_.memory = pipeline.memory_;
    context_.clock = pipeline.clock_;
    context_.counters = &pipeline.progress_.left_out;
    context_.statement_micros = pipeline.clock_->WallMicros();
    context_.batch_rows = pipeline.options_.batch_rows;
  }

  Status Build(const plan::NodePtr& root) {
    const auto* write = plan::As<plan::WriteNode>(root);
    if (write == nullptr) return errors::kInternal.Make({}, "a plan must end in a write");
    ARROW_ASSIGN_OR_RAISE(connector::Sink * sink, connectors_.sink(*write));
    pipeline_.sink_ = sink;
    const int count = StageTasks(root->input());
    if (count > sink->max_writers()) {
      return errors::kInternal.Make({}, "{} writers for a sink that takes {}", count,
                                    sink->max_writers());
    }
    std::vector<std::unique_ptr<EventSink>> roots;
    for (int i = 0; i < count; ++i) {
      ARROW_ASSIGN_OR_RAISE(auto writer, sink->Open(WriterId{i}));
      roots.push_back(std::make_unique<WriteRoot>(std::move(writer), kOnlyEpoch,
                                                  pipeline_.tokens_, NotNullOf(*write),
                                                  &pipeline_.progress_));
    }
    std::vector<TaskCellPtr> cells = NewCells(count, 0);
    if (count == 1 && plan::As<plan::ExchangeNode>(root->input()) != nullptr) {
      gather_to_write_ = root->input().get();
      write_ = root;
    }
    return BuildStage(root->input(), std::move(roots), cells, 0, StatsOf(root));
  }

 private:
  int StageTasks(const plan::NodePtr& node) const {
    return IsSingle(node) ? 1 : pipeline_.options_.parallelism;
  }

  std::vector<TaskCellPtr> NewCells(int count, int depth) const {
    std::vector<TaskCellPtr> cells;
    const auto group = reinterpret_cast<int64_t>(&pipeline_);
    for (int i = 0; i < count; ++i)
      cells.push_back(std::make_shared<TaskCell>(group, depth));
    return cells;
  }

  std::shared_ptr<NodeStats> StatsOf(const plan::NodePtr& node) {
    auto& stats = pipeline_.stats_[node.get()];
    if (!stats) stats = std::make_shared<NodeStats>();
    return stats;
  }

  // One task per root, all with the operators between `node` and the leaves of its stage.
  Status BuildStage(const plan::NodePtr& node,
                    std::vector<std::unique_ptr<EventSink>> roots,
                    const std::vector<TaskCellPtr>& cells, int depth,
                    const std::shared_ptr<NodeStats>& root_stats = nullptr) {
    std::vector<std::unique_ptr<Task>> tasks;
    for (auto& root : roots) {
      tasks.push_back(
          std::make_unique<Task>(std::move(root), pipeline_.clock_, root_stats));
    }
    ARROW_RETURN_NOT_OK(
        AddNode(node, tasks, cells, std::vector<int>(tasks.size(), -1), 0, depth));
    for (size_t i = 0; i < tasks.size(); ++i) {
      // A stage of one task sits on the last shard, away from where single splits are
      // read first.
      const int shards = pipeline_.scheduler_->shards();
      const int shard = tasks.size() == 1 ? shards - 1 : static_cast<int>(i) % shards;
      pipeline_.tasks_.push_back({cells[i], std::move(tasks[i]), shard});
    }
    return Status::OK();
  }

  Status AddNode(const plan::NodePtr& node, std::vector<std::unique_ptr<Task>>& tasks,
                 const std::vector<TaskCellPtr>& cells, const std::vector<int>& parents,
                 int port, int depth) {
    auto stats = StatsOf(node);
    if (const auto* exchange = plan::As<plan::ExchangeNode>(node)) {
      return AddExchange(*exchange, tasks, cells, parents, port, depth, stats);
    }
    if (const auto* scan = plan::As<plan::ScanNode>(node)) {
      ARROW_ASSIGN_OR_RAISE(auto shared, Share(*scan));
      for (size_t i = 0; i < tasks.size(); ++i) {
        tasks[i]->AddLeaf(std::make_unique<ScanLeaf>(shared), parents[i], port, stats);
      }
      return Status::OK();
    }
    if (node->inputs().empty()) {
      for (size_t i = 0; i < tasks.size(); ++i) {
        ARROW_ASSIGN_OR_RAISE(auto events, operators::BuildLeaf(*node, context_));
        tasks[i]->AddLeaf(std::make_unique<FixedLeaf>(std::move(events)), parents[i],
                          port, stats);
      }
      return Status::OK();
    }
    std::vector<int> slots;
    for (size_t i = 0; i < tasks.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto op, operators::Build(*node, context_));
      slots.push_back(tasks[i]->AddOperator(std::move(op), parents[i], port, stats));
    }
    for (size_t input = 0; input < node->inputs().size(); ++input) {
      ARROW_RETURN_NOT_OK(AddNode(node->inputs()[input], tasks, cells, slots,
                                  static_cast<int>(input), depth));
    }
    return Status::OK();
  }

  Status AddExchange(const plan::ExchangeNode& exchange,
                     std::vector<std::unique_ptr<Task>>& receivers,
                     const std::vector<TaskCellPtr>& cells,
                     const std::vector<int>& parents, int port, int depth,
                     const std::shared_ptr<NodeStats>& stats) {
    const int count = StageTasks(exchange.input());
    std::vector<TaskCellPtr> senders = NewCells(count, depth + 1);
    // rings[s][r]: from sending task s to receiving task r.
    const bool ordered = exchange.exchange() == plan::ExchangeKind::kGather &&
                         KeepsSplitOrder(exchange.input());
    const int64_t credit =
        ordered ? pipeline_.options_.ordered_credit : pipeline_.options_.exchange_credit;
    std::vector<std::vector<RingPtr>> rings(static_cast<size_t>(count));
    for (size_t s = 0; s < rings.size(); ++s) {
      for (size_t r = 0; r < receivers.size(); ++r) {
        auto ring = std::make_shared<Ring>(credit);
        ring->Connect(Waker(senders[s]), Waker(cells[r]));
        rings[s].push_back(std::move(ring));
      }
    }
    for (size_t r = 0; r < receivers.size(); ++r) {
      std::vector<RingPtr> incoming;
      for (auto& outgoing : rings) incoming.push_back(outgoing[r]);
      receivers[r]->AddLeaf(
          std::make_unique<ExchangeReceiver>(std::move(incoming), ordered), parents[r],
          port, stats);
    }
    std::vector<std::unique_ptr<EventSink>> roots;
    for (auto& outgoing : rings) {
      roots.push_back(std::make_unique<ExchangeSender>(
          exchange.exchange(), exchange.keys(), std::move(outgoing),
          pipeline_.memory_->pool()));
    }
    std::shared_ptr<NodeStats> root_stats;
    if (gather_to_write_ == &exchange) {
      // The sink's only writer would be the one who formats every row: let those do it
      // who have the rows. Their time is the write's.
      for (auto& root : roots) {
        ARROW_ASSIGN_OR_RAISE(auto encoder, pipeline_.sink_->NewEncoder());
        if (!encoder) break;
        root = std::make_unique<EncodingRoot>(
            std::move(encoder), NotNullOf(*plan::As<plan::WriteNode>(write_)),
            std::move(root));
        root_stats = StatsOf(write_);
      }
    }
    return BuildStage(exchange.input(), std::move(roots), senders, depth + 1, root_stats);
  }

  Result<std::shared_ptr<const ScanShared>> Share(const plan::ScanNode& scan) {
    auto shared = std::make_shared<ScanShared>();
    ARROW_ASSIGN_OR_RAISE(shared->source, connectors_.source(scan));
    // The event-time column is read even where the query does not want it.
    std::vector<int> columns = scan.columns();
    const auto& watermark = scan.table()->watermark;
    if (watermark &&
        !std::binary_search(columns.begin(), columns.end(), watermark->column)) {
      columns.insert(std::lower_bound(columns.begin(), columns.end(), watermark->column),
                     watermark->column);
    }
    const connector::Accepted accepted = shared->source->Push(
        {columns, scan.predicate(), scan.limit(),
         watermark ? std::optional<int>(watermark->column) : std::nullopt});
    auto index_of = [&](int column) {
      if (!accepted.columns) return column;
      return static_cast<int>(std::lower_bound(columns.begin(), columns.end(), column) -
                              columns.begin());
    };
    if (watermark) {
      shared->watermark =
          plan::WatermarkSpec{index_of(watermark->column), watermark->delay_micros};
    }
    if (!accepted.columns || columns.size() != scan.columns().size()) {
      for (int column : scan.columns()) shared->keep_columns.push_back(index_of(column));
    }
    ARROW_ASSIGN_OR_RAISE(auto splits, shared->source->Discover());
    pipeline_.progress_.splits_total.fetch_add(static_cast<int64_t>(splits.size()));
    for (const connector::Split& split : splits) {
      pipeline_.progress_.bytes_total.fetch_add(split.approximate_bytes);
    }
    shared->splits = std::make_shared<SplitQueue>(std::move(splits));
    shared->batch_rows = pipeline_.options_.batch_rows;
    shared->not_null = NotNull(*scan.table(), scan.columns());
    shared->progress = &pipeline_.progress_;
    shared->dead_letters = dead_letters_;
    return shared;
  }

  // Constant rows, then the end.
  class FixedLeaf final : public EventSource {
   public:
    explicit FixedLeaf(std::vector<operators::Event> events)
        : events_(std::move(events)) {}
    Result<bool> Pull(const Budget&, const Waker&, operators::Event* out) override {
      if (next_ < events_.size()) {
        *out = std::move(events_[next_++]);
      } else {
        *out = operators::End{};
      }
      return true;
    }

   private:
    std::vector<operators::Event> events_;
    size_t next_ = 0;
  };

  Pipeline& pipeline_;
  const Connectors& connectors_;
  DeadLetterOffice* const dead_letters_;
  operators::OperatorContext context_;
  const plan::Node* gather_to_write_ = nullptr;  // what feeds the sink's only writer
  plan::NodePtr write_;
};

Pipeline::Pipeline(PipelineOptions options, Scheduler* scheduler, const Clock* clock,
                   std::shared_ptr<MemoryBudget> memory)
    : options_(std::move(options)),
      scheduler_(scheduler),
      clock_(clock),
      memory_(std::move(memory)) {}

Result<std::unique_ptr<Pipeline>> Pipeline::Make(plan::NodePtr plan,
                                                 const Connectors& connectors,
                                                 PipelineOptions options,
                                                 Scheduler* scheduler, const Clock* clock,
                                                 std::shared_ptr<MemoryBudget> memory,
                                                 DeadLetterOffice* dead_letters) {
  options.parallelism = std::clamp(options.parallelism, 1, scheduler->shards());
  std::unique_ptr<Pipeline> pipeline(
      new Pipeline(std::move(options), scheduler, clock, std::move(memory)));
  pipeline->plan_ = plan;
  ARROW_RETURN_NOT_OK(Builder(*pipeline, connectors, dead_letters).Build(plan));
  return pipeline;
}

Pipeline::~Pipeline() {
  if (!finished()) {
    Cancel(errors::kCancelled.Make({}, "the pipeline was dropped"));
    scheduler_->RunUntil([this] { return finished(); });
  }
}

void Pipeline::Start() {
  running_.store(static_cast<int64_t>(tasks_.size()), std::memory_order_release);
  std::vector<std::pair<TaskCellPtr, int>> cells;
  for (Placed& placed : tasks_) {
    placed.cell->Init(std::move(placed.task), &scheduler_->shard(placed.shard),
                      cancelled_, [this](const Status& status) { TaskFinished(status); });
    cells.emplace_back(placed.cell, placed.shard);
  }
  for (auto& [cell, shard] : cells) scheduler_->shard(shard).Enqueue(cell);
}

void Pipeline::TaskFinished(const Status& status) {
  if (!status.ok()) Cancel(status);
  // The last statement that touches this pipeline: whoever waits may destroy it at once.
  Scheduler* scheduler = scheduler_;
  if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) scheduler->Notify();
}

void Pipeline::Cancel(Status reason) {
  {
    std::lock_guard lock(mutex_);
    if (first_error_.ok()) first_error_ = std::move(reason);
  }
  cancelled_->store(true, std::memory_order_release);
  for (const Placed& placed : tasks_) placed.cell->Wake();
}

Status Pipeline::Finish() {
  scheduler_->RunUntil([this] { return finished(); });
  if (!finished())
    return errors::kInternal.Make({}, "the pipeline is stuck: no task can go on");
  Status status;
  {
    std::lock_guard lock(mutex_);
    status = first_error_;
  }
  if (status.ok()) status = Commit();
  // What other writers had prepared belongs to no epoch. Should that fail too, the next
  // run finds it by its lock; the user hears of the first error.
  if (!status.ok()) (void)sink_->committer().Recover(Epoch{0}, {});
  return status;
}

Status Pipeline::Commit() {
  std::vector<connector::CommitToken> tokens = tokens_->Take();
  int64_t bytes = 0;
  for (const connector::CommitToken& token : tokens) bytes += token.size;
  Future<> committed = sink_->committer().Commit(kOnlyEpoch, std::move(tokens));
  if (!committed.is_finished()) {
    committed.AddCallback(
        [scheduler = scheduler_](const Status&) { scheduler->Notify(); });
    scheduler_->RunUntil([&] { return committed.is_finished(); });
  }
  ARROW_RETURN_NOT_OK(committed.status());
  progress_.bytes_committed.store(bytes);
  return Status::OK();
}

const NodeStats* Pipeline::stats(const plan::Node* node) const {
  auto found = stats_.find(node);
  return found == stats_.end() ? nullptr : found->second.get();
}

}  // namespace millrace::runtime
