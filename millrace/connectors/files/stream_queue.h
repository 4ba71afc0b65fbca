// StreamQueue: bytes on their way to whoever reads a stream, written by the executor so
// that no shard ever waits for them.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include <arrow/type_fwd.h>

#include "millrace/base/future.h"
#include "millrace/base/waker.h"
#include "millrace/connector/registry.h"
#include "millrace/connectors/files/outlet.h"

namespace millrace::files {

/// What goes out at once is written by the task itself. Of the rest a piece is written
/// while the next is filled. Put, Accepts, Drained and Abandon belong
/// to the task that writes; the rest happens on the executor, one call at a time.
class StreamQueue final : public Wakeable,
                          public std::enable_shared_from_this<StreamQueue> {
 public:
  StreamQueue(std::unique_ptr<Outlet> outlet,
              const connector::Surroundings& surroundings);
  ~StreamQueue() override;

  /// May rows be put in? If not, `waker` fires when that may have changed. Fails with
  /// what made writing fail.
  Result<bool> Accepts(const Waker& waker);
  /// Take all of it, whatever the limit: what one batch gives belongs together.
  Status Put(const void* data, int64_t size);
  /// Finished when what was put in has been written.
  Future<> Drained();
  /// Nobody waits for the rest: let go of it.
  void Abandon();

  int64_t put() const { return put_; }  ///< bytes

 private:
  struct Due {
    int64_t position;
    Future<> future;
  };
  Result<int64_t> PutAtOnce(const char* data, int64_t size);
  void Begin();  // mutex_ held
  void Wake() override;
  void Work();
  Result<bool> WriteSome();
  bool NextPiece();
  void Fail(const Status& status);
  Status CheckTime(int64_t limit, const ErrorSpec& spec);

  const connector::Surroundings surroundings_;
  int64_t put_ = 0;

  // Of the work under way; of the task while there is none.
  const std::unique_ptr<Outlet> outlet_;
  std::shared_ptr<arrow::ResizableBuffer> piece_;
  int64_t at_ = 0;           // of the piece, written
  int64_t waits_since_ = 0;  // nothing could be done since; 0: something could

  std::atomic<bool> abandoned_{false};
  std::mutex mutex_;  // of all below
  std::shared_ptr<arrow::ResizableBuffer> filling_;
  bool open_;
  bool working_ = false;
  int64_t written_ = 0;
  Status error_;
  Waker waker_;
  std::deque<Due> dues_;
};

}  // namespace millrace::files
