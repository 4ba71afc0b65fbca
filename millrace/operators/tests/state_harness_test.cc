#include "millrace/operators/tests/state_harness.h"

#include <algorithm>
#include <cmath>

#include <arrow/compute/api.h>

#include "millrace/data/dictionary.h"

namespace millrace::operators::testing_state {

using state::Extent;

Status Checkpoint::Take(state::OperatorSnapshot& snapshot) {
  Written& written = tasks_[snapshot.task()];
  if (snapshot.whole()) written.parts.clear();
  written.facts = snapshot.facts();
  std::vector<state::Piece> pieces = snapshot.TakePieces();
  for (state::Piece& piece : pieces) {
    ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
    ARROW_ASSIGN_OR_RAISE(auto writer,
                          arrow::ipc::MakeStreamWriter(sink, piece.rows->schema()));
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(piece.rows->ReadNext(&batch));
      if (!batch) break;
      ARROW_RETURN_NOT_OK(batch->ValidateFull());
      if (batch->num_rows() == 0) return Status::Invalid("an empty batch in a piece");
      rows_taken_ += batch->num_rows();
      const auto* groups = batch->column(0)->data()->GetValues<uint16_t>(1);
      for (int64_t i = 0; i < batch->num_rows(); ++i) {
        if (data::ShardOfKeyGroup(groups[i], snapshot.tasks()) != snapshot.task())
          return Status::Invalid("task ", snapshot.task(), " wrote group ", groups[i]);
      }
      ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
    }
    ARROW_RETURN_NOT_OK(writer->Close());
    ARROW_ASSIGN_OR_RAISE(auto bytes, sink->Finish());
    ARROW_ASSIGN_OR_RAISE(
        auto reader, arrow::ipc::RecordBatchStreamReader::Open(
                         std::make_shared<arrow::io::BufferReader>(std::move(bytes))));
    ARROW_ASSIGN_OR_RAISE(auto batches, reader->ToRecordBatches());
    auto& pieces = written.parts[piece.part];
    if (piece.extent == Extent::kWhole) pieces.clear();
    if (piece.extent == Extent::kChanges && pieces.empty())
      return Status::Invalid("changes of part ", piece.part, " of which nothing exists");
    ++(piece.extent == Extent::kWhole ? wholes_taken_ : changes_taken_);
    pieces.push_back({piece.extent, std::move(batches)});
  }
  return Status::OK();
}

StoredState::StoredState(const Checkpoint& checkpoint, int task, int tasks)
    : checkpoint_(checkpoint), task_(task), tasks_(tasks) {
  for (const auto& [number, written] : checkpoint.tasks()) {
    for (const auto& [name, value] : written.facts) {
      const auto found = facts_.emplace(name, value).first;
      found->second = std::min(found->second, value);
    }
  }
}

Status StoredState::VisitPiece(const Written::OnePiece& piece, Rows rows,
                               const Visitor& visitor) const {
  for (const auto& batch : piece.batches) {
    const auto* groups = batch->column(0)->data()->GetValues<uint16_t>(1);
    arrow::Int32Builder chosen;
    for (int32_t i = 0; i < batch->num_rows(); ++i) {
      if (rows == Rows::kAll || data::ShardOfKeyGroup(groups[i], tasks_) == task_)
        ARROW_RETURN_NOT_OK(chosen.Append(i));
    }
    if (chosen.length() == 0) continue;
    ARROW_ASSIGN_OR_RAISE(auto indices, chosen.Finish());
    ARROW_ASSIGN_OR_RAISE(auto taken, arrow::compute::Take(batch, indices));
    ARROW_ASSIGN_OR_RAISE(auto mine, taken.record_batch()->RemoveColumn(0));
    ARROW_RETURN_NOT_OK(visitor(mine, piece.extent));
  }
  return Status::OK();
}

Status StoredState::Visit(std::string_view part, Rows rows,
                          const Visitor& visitor) const {
  for (const auto& [number, written] : checkpoint_.tasks()) {
    const auto found = written.parts.find(std::string(part));
    if (found == written.parts.end()) continue;
    for (const auto& piece : found->second)
      ARROW_RETURN_NOT_OK(VisitPiece(piece, rows, visitor));
  }
  return Status::OK();
}

Status StoredState::VisitNewestFirst(std::string_view part, Rows rows,
                                     const Visitor& visitor) const {
  for (const auto& [number, written] : checkpoint_.tasks()) {
    const auto found = written.parts.find(std::string(part));
    if (found == written.parts.end()) continue;
    for (auto piece = found->second.rbegin(); piece != found->second.rend(); ++piece)
      ARROW_RETURN_NOT_OK(VisitPiece(*piece, rows, visitor));
  }
  return Status::OK();
}

// The number of rows is wrong in both directions: operators may not build upon it.
int64_t StoredState::PartRows(std::string_view part, Rows) const {
  int64_t out = 0;
  for (const auto& [number, written] : checkpoint_.tasks()) {
    const auto found = written.parts.find(std::string(part));
    if (found == written.parts.end()) continue;
    for (const auto& piece : found->second) {
      for (const auto& batch : piece.batches) out += batch->num_rows();
    }
  }
  return task_ % 2 == 0 ? out * 9 / 8 : out / (3 * tasks_);
}

std::function<Result<std::vector<Rows>>(const Rows&, int)> ByKey(std::vector<int> keys) {
  return [keys](const Rows& rows, int tasks) -> Result<std::vector<Rows>> {
    if (keys.empty()) {
      std::vector<Rows> out(static_cast<size_t>(tasks));
      out[0] = rows;
      return out;
    }
    return data::ScatterByKey(rows, keys, tasks, arrow::default_memory_pool());
  };
}

std::function<Result<std::vector<Rows>>(const Rows&, int)> ToAll() {
  return [](const Rows& rows, int tasks) -> Result<std::vector<Rows>> {
    return std::vector<Rows>(static_cast<size_t>(tasks), rows);
  };
}

std::function<Result<std::vector<Rows>>(const Rows&, int)> InTurn() {
  return [](const Rows& rows, int tasks) -> Result<std::vector<Rows>> {
    std::vector<Rows> out;
    const int64_t share = rows->num_rows() / tasks;
    for (int i = 0; i < tasks; ++i) {
      out.push_back(
          rows->Slice(i * share, i + 1 < tasks ? share : rows->num_rows() - i * share));
    }
    return out;
  };
}

namespace {

// One task in one life.
struct TaskRun {
  std::unique_ptr<Operator> op;
  std::vector<std::deque<Event>> queues;
  std::map<int64_t, std::unique_ptr<state::OperatorSnapshot>> snapshots;  // by epoch
  std::map<int64_t, std::vector<std::string>> lines;  // by the epoch that they belong to
  std::vector<Event> events;
  int64_t epoch = 0;
  bool detach = false;
};

// The same pieces in memory of nobody's budget, as if they had been written already.
Status Detach(state::OperatorSnapshot& snapshot) {
  std::vector<state::Piece> pieces = snapshot.TakePieces();
  for (state::Piece& piece : pieces) {
    const auto schema = piece.rows->schema();
    ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
    ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(sink, schema));
    for (;;) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(piece.rows->ReadNext(&batch));
      if (!batch) break;
      ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
    }
    ARROW_RETURN_NOT_OK(writer->Close());
    ARROW_ASSIGN_OR_RAISE(auto bytes, sink->Finish());
    ARROW_ASSIGN_OR_RAISE(
        piece.rows, arrow::ipc::RecordBatchStreamReader::Open(
                        std::make_shared<arrow::io::BufferReader>(std::move(bytes))));
  }
  for (state::Piece& piece : pieces) snapshot.Add(std::move(piece));
  return Status::OK();
}

Status Collect(TaskRun& run, Output& out, int task, int tasks, bool whole) {
  for (size_t i = 0; i < out.events().size(); ++i) {
    Event& event = out.events()[i];
    if (const auto* batch = std::get_if<data::Batch>(&event)) {
      ARROW_RETURN_NOT_OK(batch->rows->ValidateFull());
      const auto lines = Lines(*batch->rows);
      auto& all = run.lines[run.epoch];
      all.insert(all.end(), lines.begin(), lines.end());
    } else if (const auto* barrier = std::get_if<Barrier>(&event)) {
      if (i + 1 != out.events().size())
        return Status::Invalid("something was put out behind a barrier");
      const bool first = run.snapshots.empty();
      auto snapshot =
          std::make_unique<state::OperatorSnapshot>(task, tasks, whole && first);
      ARROW_RETURN_NOT_OK(run.op->Snapshot(*snapshot));
      // Else they are read once the operator has gone on: they must not change.
      if (run.detach) ARROW_RETURN_NOT_OK(Detach(*snapshot));
      run.epoch = barrier->epoch.value;
      run.snapshots[run.epoch] = std::move(snapshot);
    }
    // Rows are let go: what is put out is not the operator's to hold.
    if (!std::holds_alternative<data::Batch>(event))
      run.events.push_back(std::move(event));
  }
  return Status::OK();
}

Status RunToEnd(TaskRun& run, int task, int tasks, bool whole, std::mt19937_64& random) {
  OpState state = OpState::kNeedInput;
  while (state != OpState::kDone) {
    Output out;
    if (state == OpState::kHasOutput) {
      ARROW_ASSIGN_OR_RAISE(state, run.op->Run(nullptr, out, {}));
    } else {
      std::vector<int> ready;
      for (size_t port = 0; port < run.queues.size(); ++port) {
        if (!run.queues[port].empty() && run.op->wants(static_cast<int>(port)))
          ready.push_back(static_cast<int>(port));
      }
      if (ready.empty()) return Status::Invalid("no event is wanted");
      const int port = ready[random() % ready.size()];
      auto& queue = run.queues[static_cast<size_t>(port)];
      Input input{port, std::move(queue.front())};
      queue.pop_front();
      ARROW_ASSIGN_OR_RAISE(state, run.op->Run(&input, out, {}));
    }
    ARROW_RETURN_NOT_OK(Collect(run, out, task, tasks, whole));
  }
  return Status::OK();
}

// The events of a port behind the barrier of `epoch`, dealt to tasks.
Status Fill(const Port& port, int64_t epoch, size_t number, std::vector<TaskRun>& tasks) {
  // An input that ended before the barrier ends again at once.
  size_t begin = epoch == 0 ? 0 : port.events.size() - 1;
  for (size_t i = 0; i < port.events.size(); ++i) {
    const auto* barrier = std::get_if<Barrier>(&port.events[i]);
    if (barrier != nullptr && barrier->epoch.value == epoch) begin = i + 1;
  }
  for (size_t i = begin; i < port.events.size(); ++i) {
    if (const auto* batch = std::get_if<data::Batch>(&port.events[i])) {
      ARROW_ASSIGN_OR_RAISE(auto parts,
                            port.deal(batch->rows, static_cast<int>(tasks.size())));
      for (size_t t = 0; t < tasks.size(); ++t) {
        if (!parts[t] || parts[t]->num_rows() == 0) continue;
        data::Batch part;
        part.rows = parts[t];
        tasks[t].queues[number].push_back(std::move(part));
      }
    } else {
      for (TaskRun& task : tasks) task.queues[number].push_back(port.events[i]);
    }
  }
  return Status::OK();
}

}  // namespace

Result<Outcome> Live(const plan::Node& node, const std::vector<Port>& ports,
                     const std::vector<Life>& lives, OperatorContext context,
                     uint64_t seed) {
  std::mt19937_64 random(seed);
  Outcome outcome;
  Checkpoint checkpoint;
  int64_t epoch = 0;
  int writers = 0;
  for (const Life& life : lives) {
    std::vector<TaskRun> tasks(static_cast<size_t>(life.tasks));
    for (size_t t = 0; t < tasks.size(); ++t) {
      ARROW_ASSIGN_OR_RAISE(tasks[t].op, Build(node, context));
      tasks[t].queues.resize(ports.size());
      tasks[t].epoch = epoch;
      tasks[t].detach = context.spill != nullptr;
      if (epoch == 0) continue;
      StoredState stored(checkpoint, static_cast<int>(t), life.tasks);
      ARROW_RETURN_NOT_OK(tasks[t].op->Restore(stored));
    }
    for (size_t p = 0; p < ports.size(); ++p)
      ARROW_RETURN_NOT_OK(Fill(ports[p], epoch, p, tasks));
    const bool whole = life.tasks != writers;
    for (size_t t = 0; t < tasks.size(); ++t) {
      ARROW_RETURN_NOT_OK(
          RunToEnd(tasks[t], static_cast<int>(t), life.tasks, whole, random));
    }
    if (whole) checkpoint.Clear();
    writers = life.tasks;
    const int64_t until = life.until == 0 ? INT64_MAX : life.until;
    outcome.rows_of_epoch.clear();
    for (int64_t e = epoch + 1; e <= until; ++e) {
      bool any = false;
      const int64_t before = checkpoint.rows_taken();
      for (TaskRun& task : tasks) {
        const auto found = task.snapshots.find(e);
        if (found == task.snapshots.end()) continue;
        any = true;
        ARROW_RETURN_NOT_OK(checkpoint.Take(*found->second));
      }
      if (!any) break;
      outcome.rows_of_epoch.push_back(checkpoint.rows_taken() - before);
    }
    // Rows put out before the barrier of epoch e stand under e − 1.
    for (TaskRun& task : tasks) {
      for (auto& [e, lines] : task.lines) {
        if (e >= until) continue;
        outcome.lines.insert(outcome.lines.end(), lines.begin(), lines.end());
      }
    }
    outcome.events = std::move(tasks[0].events);
    epoch = life.until;
  }
  outcome.rows_written = checkpoint.rows_taken();
  outcome.changes_written = checkpoint.changes_taken();
  return outcome;
}

std::vector<std::string> Lines(const arrow::RecordBatch& rows) {
  std::vector<std::string> out(static_cast<size_t>(rows.num_rows()));
  for (const auto& encoded : rows.columns()) {
    const auto column = *data::Decoded(encoded, arrow::default_memory_pool());
    for (int64_t i = 0; i < rows.num_rows(); ++i) {
      std::string& line = out[static_cast<size_t>(i)];
      if (!line.empty()) line += " | ";
      const auto scalar = *column->GetScalar(i);
      if (scalar->is_valid && column->type_id() == arrow::Type::DOUBLE) {
        // Sums differ in their last bits, which show where terms cancel out or a binary
        // fraction lies in the middle of two texts; not so in other units.
        const double value = static_cast<const arrow::DoubleScalar&>(*scalar).value;
        line += fmt::format("{:.9g}", std::abs(value) < 1e-6 ? 0 : value * 0.9123456789);
      } else {
        line += scalar->is_valid ? scalar->ToString() : "NULL";
      }
    }
  }
  return out;
}

std::vector<std::string> Sorted(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace millrace::operators::testing_state
