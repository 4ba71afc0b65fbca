#include <pthread.h>
#include <sched.h>

#include <condition_variable>
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
    changed_.wait(lock, done);
  }

  void Notify() override {
    // Taken so that a waiter between its look and its sleep does not miss us.
    { std::lock_guard lock(mutex_); }
    changed_.notify_all();
  }

 private:
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
  std::condition_variable changed_;
};

}  // namespace

std::unique_ptr<Scheduler> MakeThreadScheduler(int shards, bool pin) {
  return std::make_unique<ThreadScheduler>(shards, pin);
}

}  // namespace millrace::runtime
