#include "millrace/base/memory_budget.h"

#include <arrow/memory_pool.h>

#include "millrace/base/error.h"

namespace millrace {

// Lives while the budget or any of its buffers does: each counts as one owner.
class MemoryBudget::Pool final : public arrow::MemoryPool {
 public:
  Pool(int64_t limit, arrow::MemoryPool* parent) : limit_(limit), parent_(parent) {}

  Status Allocate(int64_t size, int64_t alignment, uint8_t** out) override {
    ARROW_RETURN_NOT_OK(Charge(size));
    Status status = parent_->Allocate(size, alignment, out);
    if (!status.ok()) {
      Discharge(size);
      return status;
    }
    allocations_.fetch_add(1, std::memory_order_relaxed);
    owners_.fetch_add(1, std::memory_order_relaxed);
    return status;
  }

  Status Reallocate(int64_t old_size, int64_t new_size, int64_t alignment,
                    uint8_t** data) override {
    if (new_size > old_size) ARROW_RETURN_NOT_OK(Charge(new_size - old_size));
    Status status = parent_->Reallocate(old_size, new_size, alignment, data);
    if (!status.ok()) {
      if (new_size > old_size) Discharge(new_size - old_size);
      return status;
    }
    if (new_size < old_size) Discharge(old_size - new_size);
    return status;
  }

  void Free(uint8_t* buffer, int64_t size, int64_t alignment) override {
    parent_->Free(buffer, size, alignment);
    Discharge(size);
    Drop();
  }

  int64_t bytes_allocated() const override {
    return used_.load(std::memory_order_relaxed);
  }
  int64_t max_memory() const override { return peak_.load(std::memory_order_relaxed); }
  int64_t total_bytes_allocated() const override {
    return total_.load(std::memory_order_relaxed);
  }
  int64_t num_allocations() const override {
    return allocations_.load(std::memory_order_relaxed);
  }
  std::string backend_name() const override {
    return "millrace budget on " + parent_->backend_name();
  }
  void ReleaseUnused() override { parent_->ReleaseUnused(); }

  Status Charge(int64_t bytes) { return Charge(bytes, limit_); }

  Status Charge(int64_t bytes, int64_t most) {
    const int64_t now = used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (now > most) {
      Discharge(bytes);
      return errors::kMemoryExceeded.Make(
          {}, "{} bytes in use, {} more asked for, the limit is {}", now - bytes, bytes,
          most);
    }
    total_.fetch_add(bytes, std::memory_order_relaxed);
    int64_t peak = peak_.load(std::memory_order_relaxed);
    while (now > peak &&
           !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
    return Status::OK();
  }
  void Discharge(int64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  void Drop() {
    if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  int64_t limit() const { return limit_; }

 private:
  const int64_t limit_;
  arrow::MemoryPool* const parent_;
  std::atomic<int64_t> used_{0};
  std::atomic<int64_t> peak_{0};
  std::atomic<int64_t> total_{0};
  std::atomic<int64_t> allocations_{0};
  std::atomic<int64_t> owners_{1};
};

std::shared_ptr<MemoryBudget> MemoryBudget::Make(int64_t limit,
                                                 arrow::MemoryPool* parent) {
  return std::shared_ptr<MemoryBudget>(new MemoryBudget(new Pool(limit, parent)));
}

MemoryBudget::~MemoryBudget() { pool_->Drop(); }

arrow::MemoryPool* MemoryBudget::pool() const { return pool_; }
Status MemoryBudget::Reserve(int64_t bytes) { return pool_->Charge(bytes); }
Status MemoryBudget::ReserveSpillable(int64_t bytes) {
  return pool_->Charge(bytes, limit() / 20 * 17);
}
void MemoryBudget::Release(int64_t bytes) { pool_->Discharge(bytes); }
bool MemoryBudget::pressed() const { return used() > limit() / 10 * 7; }
int64_t MemoryBudget::limit() const { return pool_->limit(); }
int64_t MemoryBudget::used() const { return pool_->bytes_allocated(); }
int64_t MemoryBudget::peak() const { return pool_->max_memory(); }

arrow::MemoryPool* ProcessMemoryPool() {
  static arrow::MemoryPool* const pool = [] {
    arrow::MemoryPool* chosen = nullptr;
    if (arrow::mimalloc_memory_pool(&chosen).ok()) return chosen;
    return arrow::system_memory_pool();
  }();
  return pool;
}

}  // namespace millrace
