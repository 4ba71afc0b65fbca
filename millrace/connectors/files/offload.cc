#include "millrace/connectors/files/offload.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "millrace/base/error.h"

namespace millrace::files {

// Between the source and work that may still be queued when the source is gone.
struct Offload::Gate {
  std::atomic<bool> closed{false};
  std::mutex mutex;
  std::condition_variable left;
  int inside = 0;

  bool Enter() {
    std::lock_guard lock(mutex);
    if (closed) return false;
    ++inside;
    return true;
  }
  void Leave() {
    std::lock_guard lock(mutex);
    --inside;
    left.notify_all();
  }
};

// One batch ahead of whoever polls. `work` is of the executor, the rest of the task.
class Offload::Reader final : public connector::SplitReader {
 public:
  Reader(std::shared_ptr<Gate> gate, Executor* executor,
         std::shared_ptr<MemoryBudget> memory,
         std::function<Result<std::unique_ptr<SplitReader>>()> open)
      : gate_(std::move(gate)), executor_(executor), work_(std::make_shared<Work>()) {
    work_->memory = std::move(memory);
    work_->open = std::move(open);
  }
  ~Reader() override { work_->unwanted = true; }

  Status Seek(const data::Position& position) override {
    work_->position = position;
    return Status::OK();
  }

  Result<connector::PollResult> Poll(const Budget& budget, const Waker& waker) override {
    std::optional<Result<connector::PollResult>> result;
    bool begin = false;
    {
      std::lock_guard lock(work_->mutex);
      result = std::exchange(work_->result, std::nullopt);
      const bool over =
          result && (!result->ok() || (*result)->state == connector::PollState::kEnd);
      if (!result) work_->waker = waker;
      work_->asked = !result;
      begin = !over && !work_->busy;
      if (begin) {
        work_->busy = true;
        work_->asked = false;
        work_->task = waker;
        work_->budget = budget;
      }
    }
    if (begin) {
      executor_->Submit([gate = gate_, work = work_]() mutable {
        if (!gate->Enter()) return;
        Waker waker = Step(*work);
        work.reset();  // before the source may go
        gate->Leave();
        waker.Wake();
      });
    }
    if (result) return std::move(*result);
    connector::PollResult pending;
    pending.state = connector::PollState::kPending;
    return pending;
  }

 private:
  struct Work {
    std::shared_ptr<MemoryBudget> memory;  // outlives what is read
    std::function<Result<std::unique_ptr<SplitReader>>()> open;
    std::unique_ptr<SplitReader> reader;
    data::Position position;
    std::atomic<bool> unwanted{false};
    std::mutex mutex;
    // Under mutex.
    bool busy = false;
    bool asked = false;  // since the work began
    Budget budget;
    Waker task;
    Waker waker;
    std::optional<Result<connector::PollResult>> result;
  };

  static Result<connector::PollResult> Read(Work& work, const Budget& budget,
                                            const Waker& task) {
    if (!work.reader) {
      ARROW_ASSIGN_OR_RAISE(work.reader, work.open());
      ARROW_RETURN_NOT_OK(work.reader->Seek(work.position));
    }
    return work.reader->Poll(budget, task);
  }

  static Waker Step(Work& work) {
    if (work.unwanted) return {};
    Budget budget;
    Waker task;
    {
      std::lock_guard lock(work.mutex);
      budget = work.budget;
      task = work.task;
    }
    auto result = Read(work, budget, task);
    std::lock_guard lock(work.mutex);
    // The reader itself wakes the task, unless it has come and gone in the meantime.
    if (result.ok() && (*result).state == connector::PollState::kPending &&
        result->dead_letters.empty() && result->bytes_read == 0) {
      work.busy = false;
      return work.asked ? std::exchange(work.waker, Waker()) : Waker();
    }
    work.result = std::move(result);
    work.busy = false;
    return std::exchange(work.waker, Waker());
  }

  const std::shared_ptr<Gate> gate_;
  Executor* const executor_;
  const std::shared_ptr<Work> work_;
};

Offload::Offload(const connector::Surroundings& surroundings, Executor* executor)
    : gate_(std::make_shared<Gate>()),
      executor_(executor),
      memory_(surroundings.memory),
      given_up_([gate = gate_, given_up = surroundings.given_up]() -> Status {
        if (gate->closed) return errors::kCancelled.Make({}, "");
        return given_up ? given_up() : Status::OK();
      }) {}

std::unique_ptr<connector::SplitReader> Offload::Read(
    std::function<Result<std::unique_ptr<connector::SplitReader>>()> open) {
  return std::make_unique<Reader>(gate_, executor_, memory_, std::move(open));
}

void Offload::Close() {
  std::unique_lock lock(gate_->mutex);
  gate_->closed = true;
  gate_->left.wait(lock, [this] { return gate_->inside == 0; });
}

}  // namespace millrace::files
