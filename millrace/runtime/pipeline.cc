#include "millrace/runtime/pipeline.h"

#include <algorithm>
#include <numeric>

#include "millrace/base/error.h"
#include "millrace/operators/registry.h"
#include "millrace/plan/exchange_node.h"
#include "millrace/plan/identity.h"
#include "millrace/plan/join_node.h"
#include "millrace/plan/union_node.h"
#include "millrace/runtime/encode.h"
#include "millrace/runtime/exchange.h"
#include "millrace/state/state_file.h"

namespace millrace::runtime {

namespace {

// May the rows of `node` be told apart by split, in order? Then a gather keeps the order
// of the source.
bool KeepsSplitOrder(const plan::NodePtr& node) {
  // The first split of an endless source would be waited for for ever.
  if (node->kind() == plan::ScanNode::kKind) return node->bounded();
  if (node->kind() == "filter" || node->kind() == "project" || node->kind() == "window" ||
      node->kind() == "sample") {
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
  Builder(Pipeline& pipeline, const Connectors& connectors)
      : pipeline_(pipeline),
        coordinator_(*pipeline.coordinator_),
        connectors_(connectors) {
    context_.memory = pipeline.context_.memory;
    context_.clock = pipeline.context_.clock;
    context_.counters = &pipeline.progress_.left_out;
    context_.late_rows = &pipeline.late_letters_;
    context_.statement_micros = pipeline.context_.clock->WallMicros();
    context_.batch_rows = pipeline.options_.batch_rows;
    context_.checkpointed = coordinator_.checkpointed();
    context_.spill = pipeline.context_.spill;
  }

  Status Build(const plan::NodePtr& root) {
    const auto* write = plan::As<plan::WriteNode>(root);
    if (write == nullptr) return errors::kInternal.Make({}, "a plan must end in a write");
    ARROW_ASSIGN_OR_RAISE(connector::Sink * sink, connectors_.sink(*write));
    sink_ = sink;
    coordinator_.SetSink(sink);
    const int count = StageTasks(root->input());
    if (count > sink->max_writers()) {
      return errors::kInternal.Make({}, "{} writers for a sink that takes {}", count,
                                    sink->max_writers());
    }
    const Stage stage = NewStage(count, 0);
    std::vector<std::unique_ptr<EventSink>> roots;
    for (int i = 0; i < count; ++i) {
      ARROW_ASSIGN_OR_RAISE(auto writer, sink->Open(WriterId{i}));
      roots.push_back(std::make_unique<WriteRoot>(
          std::move(writer), stage.checkpoints[static_cast<size_t>(i)], NewRules(*write),
          &pipeline_.progress_));
    }
    if (count == 1 && plan::As<plan::ExchangeNode>(root->input()) != nullptr) {
      gather_to_write_ = root->input().get();
      write_ = root;
    }
    ARROW_RETURN_NOT_OK(
        BuildStage(root->input(), std::move(roots), stage, StatsOf(root)));
    coordinator_.SetTasks(static_cast<int>(pipeline_.tasks_.size()));
    return Status::OK();
  }

 private:
  std::unique_ptr<RowRules> NewRules(const plan::WriteNode& write) {
    return std::make_unique<RowRules>(write, context_, pipeline_.context_.dead_letters,
                                      &pipeline_.progress_);
  }

  // The tasks that run the same part of the plan.
  struct Stage {
    int depth = 0;
    std::vector<TaskCellPtr> cells;
    std::vector<TaskCheckpoint*> checkpoints;
    bool ordered = false;  // a gather behind it keeps the order of splits
  };

  int StageTasks(const plan::NodePtr& node) const {
    return IsSingle(node) ? 1 : pipeline_.options_.parallelism;
  }

  Stage NewStage(int count, int depth) {
    Stage stage;
    stage.depth = depth;
    const auto group = reinterpret_cast<int64_t>(&pipeline_);
    auto& checkpoints = pipeline_.task_checkpoints_;
    for (int i = 0; i < count; ++i) {
      stage.cells.push_back(std::make_shared<TaskCell>(group, depth));
      checkpoints.push_back(
          std::make_unique<TaskCheckpoint>(static_cast<int>(checkpoints.size()), i, count,
                                           coordinator_.first_epoch(), &coordinator_));
      stage.checkpoints.push_back(checkpoints.back().get());
    }
    return stage;
  }

  std::shared_ptr<NodeStats> StatsOf(const plan::NodePtr& node) {
    auto& stats = pipeline_.stats_[node.get()];
    if (!stats) stats = std::make_shared<NodeStats>();
    return stats;
  }

  // One task per root, all with the operators between `node` and the leaves of its stage.
  Status BuildStage(const plan::NodePtr& node,
                    std::vector<std::unique_ptr<EventSink>> roots, const Stage& stage,
                    const std::shared_ptr<NodeStats>& root_stats = nullptr) {
    std::vector<std::unique_ptr<Task>> tasks;
    for (size_t i = 0; i < roots.size(); ++i) {
      tasks.push_back(std::make_unique<Task>(std::move(roots[i]), stage.checkpoints[i],
                                             pipeline_.context_.clock,
                                             pipeline_.context_.timers, root_stats));
    }
    ARROW_RETURN_NOT_OK(
        AddNode(node, tasks, stage, std::vector<int>(tasks.size(), -1), 0));
    for (size_t i = 0; i < tasks.size(); ++i) {
      // A stage of one task sits on the last shard, away from where single splits are
      // read first.
      const int shards = pipeline_.context_.scheduler->shards();
      const int shard = tasks.size() == 1 ? shards - 1 : static_cast<int>(i) % shards;
      pipeline_.tasks_.push_back({stage.cells[i], std::move(tasks[i]), shard});
    }
    return Status::OK();
  }

  Status AddNode(const plan::NodePtr& node, std::vector<std::unique_ptr<Task>>& tasks,
                 const Stage& stage, const std::vector<int>& parents, int port) {
    auto stats = StatsOf(node);
    if (const auto* exchange = plan::As<plan::ExchangeNode>(node)) {
      return AddExchange(*exchange, tasks, stage, parents, port, stats);
    }
    if (const auto* scan = plan::As<plan::ScanNode>(node)) {
      ARROW_ASSIGN_OR_RAISE(auto shared, Share(*scan, stage));
      for (size_t i = 0; i < tasks.size(); ++i) {
        tasks[i]->AddLeaf(std::make_unique<ScanLeaf>(shared, i, stage.checkpoints[i]),
                          parents[i], port, stats);
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
    const int ordinal = plan::IsStateful(*node) ? next_operator_++ : -1;
    std::vector<int> slots;
    for (size_t i = 0; i < tasks.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(auto op, operators::Build(*node, context_));
      slots.push_back(tasks[i]->AddOperator(std::move(op), parents[i], port, stats,
                                            coordinator_.checkpointed() ? ordinal : -1,
                                            Restored(ordinal, i, stage)));
    }
    for (size_t input = 0; input < node->inputs().size(); ++input) {
      ARROW_RETURN_NOT_OK(
          AddNode(node->inputs()[input], tasks, stage, slots, static_cast<int>(input)));
    }
    return Status::OK();
  }

  // What task `i` of `stage` takes up of operator `ordinal`.
  std::unique_ptr<state::OperatorState> Restored(int ordinal, size_t i,
                                                 const Stage& stage) {
    if (ordinal < 0) return nullptr;
    const state::OperatorEntry* entry = coordinator_.restored(ordinal);
    if (entry == nullptr) return nullptr;
    const int tasks = static_cast<int>(stage.cells.size());
    if (entry->tasks != tasks) {
      // The sections of a task of then hold rows of several tasks of now.
      coordinator_.ForgetSections(ordinal);
      stage.checkpoints[i]->WriteWhole();
    }
    return state::OpenOperatorState(pipeline_.options_.checkpoints.store, entry,
                                    static_cast<int>(i), tasks, context_.memory->pool());
  }

  Status AddExchange(const plan::ExchangeNode& exchange,
                     std::vector<std::unique_ptr<Task>>& receivers, const Stage& stage,
                     const std::vector<int>& parents, int port,
                     const std::shared_ptr<NodeStats>& stats) {
    const int count = StageTasks(exchange.input());
    Stage senders = NewStage(count, stage.depth + 1);
    // rings[s][r]: from sending task s to receiving task r.
    const bool ordered = exchange.exchange() == plan::ExchangeKind::kGather &&
                         KeepsSplitOrder(exchange.input());
    senders.ordered = ordered && count > 1;
    const int64_t credit =
        ordered ? pipeline_.options_.ordered_credit : pipeline_.options_.exchange_credit;
    std::vector<std::vector<RingPtr>> rings(static_cast<size_t>(count));
    for (size_t s = 0; s < rings.size(); ++s) {
      for (size_t r = 0; r < receivers.size(); ++r) {
        auto ring = std::make_shared<Ring>(credit);
        ring->Connect(Waker(senders.cells[s]), Waker(stage.cells[r]));
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
      roots.push_back(
          std::make_unique<ExchangeSender>(exchange.exchange(), exchange.keys(),
                                           std::move(outgoing), context_.memory->pool()));
    }
    std::shared_ptr<NodeStats> root_stats;
    if (gather_to_write_ == &exchange) {
      // The sink's only writer would be the one who formats every row: let those do it
      // who have the rows. Their time is the write's.
      for (auto& root : roots) {
        ARROW_ASSIGN_OR_RAISE(auto encoder, sink_->NewEncoder());
        if (!encoder) break;
        root = std::make_unique<EncodingRoot>(
            std::move(encoder), NewRules(*plan::As<plan::WriteNode>(write_)),
            std::move(root));
        root_stats = StatsOf(write_);
      }
    }
    return BuildStage(exchange.input(), std::move(roots), senders, root_stats);
  }

  Result<std::shared_ptr<ScanShared>> Share(const plan::ScanNode& scan,
                                            const Stage& stage) {
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
    shared->table = scan.table()->name;
    shared->connector = scan.table()->connector;
    shared->ordinal = next_scan_++;
    shared->splits =
        std::make_shared<SplitQueue>(shared->source->bounded(), stage.cells.size());
    shared->bounded = shared->source->bounded();
    shared->barrier_after_split = stage.ordered;
    for (const TaskCellPtr& cell : stage.cells) shared->readers.emplace_back(cell);
    shared->batch_rows = pipeline_.options_.batch_rows;
    shared->not_null = NotNull(*scan.table(), scan.columns());
    shared->progress = &pipeline_.progress_;
    shared->memory = pipeline_.context_.memory;
    shared->clock = pipeline_.context_.clock;
    shared->timers = pipeline_.context_.timers;
    shared->dead_letters = pipeline_.context_.dead_letters;
    ARROW_RETURN_NOT_OK(coordinator_.AddScan(scan.table()->name, shared));
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
  Coordinator& coordinator_;
  const Connectors& connectors_;
  connector::Sink* sink_ = nullptr;
  int next_operator_ = 0;
  int next_scan_ = 0;
  operators::OperatorContext context_;
  const plan::Node* gather_to_write_ = nullptr;  // what feeds the sink's only writer
  plan::NodePtr write_;
};

Pipeline::Pipeline(PipelineOptions options, PipelineContext context)
    : options_(std::move(options)), context_(std::move(context)) {
  coordinator_ = std::make_unique<Coordinator>(
      options_.checkpoints,
      CoordinatorContext{context_.scheduler, context_.clock, context_.executor,
                         context_.timers, context_.memory, options_.name,
                         context_.dead_letters, &progress_});
}

Result<std::unique_ptr<Pipeline>> Pipeline::Make(plan::NodePtr plan,
                                                 const Connectors& connectors,
                                                 PipelineOptions options,
                                                 PipelineContext context) {
  options.parallelism = std::clamp(options.parallelism, 1, context.scheduler->shards());
  std::unique_ptr<Pipeline> pipeline(
      new Pipeline(std::move(options), std::move(context)));
  pipeline->plan_ = plan;
  ARROW_RETURN_NOT_OK(Builder(*pipeline, connectors).Build(plan));
  return pipeline;
}

Pipeline::~Pipeline() {
  if (!finished()) {
    Cancel(errors::kCancelled.Make({}, "the pipeline was dropped"));
    context_.scheduler->RunUntil([this] { return finished(); });
  }
}

void Pipeline::Start() {
  running_.store(static_cast<int64_t>(tasks_.size()), std::memory_order_release);
  std::vector<std::pair<TaskCellPtr, int>> cells;
  for (Placed& placed : tasks_) {
    placed.cell->Init(std::move(placed.task), &context_.scheduler->shard(placed.shard),
                      cancelled_, [this](const Status& status) { TaskFinished(status); });
    cells.emplace_back(placed.cell, placed.shard);
  }
  coordinator_->Start();
  for (auto& [cell, shard] : cells) context_.scheduler->shard(shard).Enqueue(cell);
}

void Pipeline::TaskFinished(const Status& status) {
  if (!status.ok()) Cancel(status);
  // The last statement that touches this pipeline: whoever waits may destroy it at once.
  Scheduler* scheduler = context_.scheduler;
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

Status Pipeline::Failure() {
  std::lock_guard lock(mutex_);
  return first_error_;
}

Status Pipeline::Drive() {
  for (;;) {
    context_.scheduler->RunUntil(
        [this] { return finished() || coordinator_->has_work(); });
    ARROW_RETURN_NOT_OK(Failure());
    if (finished()) return Status::OK();
    if (!coordinator_->has_work()) {
      return errors::kInternal.Make({}, "the pipeline is stuck: no task can go on");
    }
    const Status step = coordinator_->Step();
    if (!step.ok()) {
      // A cancelled writer fails the epoch that waits for it.
      ARROW_RETURN_NOT_OK(Failure());
      return step;
    }
    if (coordinator_->stopped()) return Status::OK();
  }
}

Status Pipeline::Finish() {
  Status status = Drive();
  if (!finished()) {
    Cancel(status.ok() ? errors::kCancelled.Make({}, "stopped at a checkpoint") : status);
    context_.scheduler->RunUntil([this] { return finished(); });
  }
  if (status.ok() && !coordinator_->stopped()) status = coordinator_->Finish();
  // Whoever cancelled it has said why.
  if (status.IsCancelled() && !Failure().ok()) status = Failure();
  if (!status.ok()) coordinator_->Abandon();
  return status;
}

const NodeStats* Pipeline::stats(const plan::Node* node) const {
  auto found = stats_.find(node);
  return found == stats_.end() ? nullptr : found->second.get();
}

}  // namespace millrace::runtime
