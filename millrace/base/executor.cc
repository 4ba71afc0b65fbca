#include "millrace/base/executor.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace millrace {

namespace {

class ThreadExecutor final : public Executor {
 public:
  explicit ThreadExecutor(int max_threads) : max_threads_(max_threads) {}

  ~ThreadExecutor() override {
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    // From whoever is not one of us, after the last of us had looked.
    for (; !queue_.empty(); queue_.pop_front()) queue_.front()();
  }

  void Submit(std::function<void()> work) override {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
    // Work may bring more work while the threads are being joined: those that are there
    // do it.
    if (!closing_ && idle_ < queue_.size() &&
        threads_.size() < static_cast<size_t>(max_threads_)) {
      threads_.emplace_back([this] { Loop(); });
    }
    changed_.notify_one();
  }

 private:
  void Loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      --idle_;
      if (queue_.empty()) return;
      std::function<void()> work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
      work = nullptr;
      lock.lock();
    }
  }

  const int max_threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  size_t idle_ = 0;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Executor> MakeThreadExecutor(int max_threads) {
  return std::make_unique<ThreadExecutor>(max_threads);
}

}  // namespace millrace
