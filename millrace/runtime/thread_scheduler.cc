#include <pthread.h>
#include <sched.h>

#include <condition_variable>
#include <list>
#include <thread>

#include "millrace/runtime/scheduler.h"

namespace millrace::runtime {

namespace {

// Leaf events that a task may take before another ready task has its turn.
constexpr int kPullsPerTurn = 4;

class ThreadScheduler final : public Scheduler {
 public:
  ThreadScheduler(int shards, bool pin) : shards_(static_cast<size_t>(shards)) {
    for (size_t i = 0; i < shards_.size(); ++i) {
      threads_.emplace_back([this, i, pin] {
        if (pin) Pin(static_cast<int>(i));
        Loop(shards_[i]);
      });
    }
  }

  ~ThreadScheduler() override {
    for (Shard& shard : shards_) shard.Stop();
    for (std::thread& thread : threads_) thread.join();
  }

  int shards() const override { return static_cast<int>(shards_.size()); }
  Shard& shard(int index) override { return shards_[static_cast<size_t>(index)]; }

  void RunUntil(const std::function<bool()>& done) override {
    std::unique_lock lock(mutex_);
    if (done()) return;
    Waiter self{&done};
    const auto place = waiters_.insert(waiters_.end(), &self);
    self.changed.wait(lock, [&self] { return self.met; });
    waiters_.erase(place);
  }

  void Notify() override {
    // Looked at here, so that of many idle pipelines only the one is woken that has
    // something to do. A condition may be true once only: it is not asked again.
    std::lock_guard lock(mutex_);
    for (Waiter* waiter : waiters_) {
      if (waiter->met || !(*waiter->done)()) continue;
      waiter->met = true;
      waiter->changed.notify_one();
    }
  }

 private:
  struct Waiter {
    const std::function<bool()>* done;
    bool met = false;
    std::condition_variable changed;
  };

  static void Loop(Shard& shard) {
    while (!shard.stopping()) {
      if (shard.Collect() == 0) {
        shard.WaitForWork();
        continue;
      }
      shard.Run(shard.Choose(), Budget{}, kPullsPerTurn);
    }
  }

  static void Pin(int index) {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    if (cores == 0) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(index % cores, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
  }

  std::deque<Shard> shards_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::list<Waiter*> waiters_;
};

}  // namespace

std::unique_ptr<Scheduler> MakeThreadScheduler(int shards, bool pin) {
  return std::make_unique<ThreadScheduler>(shards, pin);
}

}  // namespace millrace::runtime
