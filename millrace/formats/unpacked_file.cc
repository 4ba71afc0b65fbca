// A compressed file as a stream that is unpacked ahead of its reader.
#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/base/error.h"
#include "millrace/formats/compressed_stream.h"

namespace millrace::formats {

namespace {

constexpr int64_t kPiece = 1 << 20;
constexpr size_t kAhead = 3;

struct Piece {
  std::shared_ptr<arrow::Buffer> bytes;
  int64_t size = 0;
};

// Shared with the piece of work that is under way.
struct Work {
  std::mutex mutex;
  std::condition_variable idle;
  std::unique_ptr<ByteStream> stream;  // the worker's while `running`
  int64_t skip = 0;                    // plain bytes that nobody wants; the worker's
  std::deque<Piece> pieces;
  bool submitted = false;
  bool running = false;
  bool ended = false;
  bool abandoned = false;
  Status error;
  Waker waker;
};

Result<Piece> ReadPiece(ByteStream& stream, arrow::MemoryPool* pool, bool* ended) {
  Piece out;
  ARROW_ASSIGN_OR_RAISE(out.bytes, arrow::AllocateBuffer(kPiece, pool));
  while (out.size < kPiece) {
    int64_t got = 0;
    ARROW_ASSIGN_OR_RAISE(const auto state,
                          stream.Read(out.bytes->mutable_data() + out.size,
                                      kPiece - out.size, &got, Waker()));
    if (state == ByteStream::State::kEnd) {
      *ended = true;
      break;
    }
    out.size += got;
  }
  return out;
}

// One piece, and then the next one while there is room.
void UnpackAhead(const std::shared_ptr<Work>& work, Executor* executor,
                 arrow::MemoryPool* pool) {
  {
    std::lock_guard lock(work->mutex);
    if (work->abandoned) return;
    work->running = true;
  }
  bool ended = false;
  auto piece = ReadPiece(*work->stream, pool, &ended);
  if (piece.ok() && work->skip > 0) {
    const int64_t skipped = std::min(work->skip, piece->size);
    work->skip -= skipped;
    piece->size -= skipped;
    memmove(piece->bytes->mutable_data(), piece->bytes->data() + skipped,
            static_cast<size_t>(piece->size));
  }
  Waker waker;
  bool more;
  {
    std::lock_guard lock(work->mutex);
    if (!piece.ok()) {
      work->error = piece.status();
      ended = true;
    } else if (piece->size > 0) {
      work->pieces.push_back(*std::move(piece));
    }
    work->ended = ended;
    more = !ended && !work->abandoned && work->pieces.size() < kAhead;
    work->submitted = more;
    // Resubmitted under the lock: whoever abandons the work knows that none runs.
    if (more) executor->Submit([=] { UnpackAhead(work, executor, pool); });
    work->running = false;
    waker = work->waker;
    work->idle.notify_all();
  }
  waker.Wake();
}

class UnpackedFile final : public ByteStream {
 public:
  UnpackedFile(std::shared_ptr<arrow::io::RandomAccessFile> file, CompressionHint hint,
               Executor* executor, arrow::MemoryPool* pool)
      : file_(std::move(file)),
        hint_(std::move(hint)),
        executor_(executor),
        pool_(pool),
        front_(Begin()) {}
  ~UnpackedFile() override { Abandon(); }

  bool can_seek() const override { return true; }

  Status SeekTo(int64_t offset) override {
    // What was read by somebody else before, and what an error left, is read anew.
    const bool here = front_ && position_ == offset;
    auto stream = here ? std::move(front_) : Begin();
    Abandon();
    front_.reset();
    taken_ = {};
    const int64_t skip = here ? 0 : offset;
    position_ = offset;
    if (executor_ == nullptr) {
      front_ = std::move(stream);
      return SkipInFront(skip);
    }
    work_ = std::make_shared<Work>();
    work_->stream = std::move(stream);
    work_->skip = skip;
    return Status::OK();
  }

  Result<State> Read(uint8_t* out, int64_t capacity, int64_t* size,
                     const Waker& waker) override {
    *size = 0;
    if (front_) {
      ARROW_ASSIGN_OR_RAISE(const State state, front_->Read(out, capacity, size, waker));
      position_ += *size;
      return state;
    }
    if (taken_at_ == taken_.size) {
      ARROW_ASSIGN_OR_RAISE(const State state, Take(waker));
      if (state != State::kBytes) return state;
    }
    *size = std::min(capacity, taken_.size - taken_at_);
    memcpy(out, taken_.bytes->data() + taken_at_, static_cast<size_t>(*size));
    taken_at_ += *size;
    position_ += *size;
    return State::kBytes;
  }

 private:
  std::unique_ptr<ByteStream> Begin() const {
    return MakeDecodingStream(MakeFileStream(file_, hint_.name), hint_, pool_);
  }

  Status SkipInFront(int64_t bytes) {
    ARROW_ASSIGN_OR_RAISE(auto piece, arrow::AllocateBuffer(kPiece, pool_));
    while (bytes > 0) {
      int64_t got = 0;
      ARROW_ASSIGN_OR_RAISE(
          const State state,
          front_->Read(piece->mutable_data(), std::min(bytes, kPiece), &got, Waker()));
      if (state == State::kEnd) break;
      bytes -= got;
    }
    return Status::OK();
  }

  // The next piece into taken_.
  Result<State> Take(const Waker& waker) {
    std::lock_guard lock(work_->mutex);
    State state = State::kPending;
    if (!work_->pieces.empty()) {
      taken_ = std::move(work_->pieces.front());
      work_->pieces.pop_front();
      taken_at_ = 0;
      state = State::kBytes;
    } else if (work_->ended) {
      ARROW_RETURN_NOT_OK(work_->error);
      return State::kEnd;
    }
    work_->waker = waker;
    if (!work_->submitted && !work_->ended) {
      work_->submitted = true;
      executor_->Submit([work = work_, executor = executor_, pool = pool_] {
        UnpackAhead(work, executor, pool);
      });
    }
    return state;
  }

  // The memory pool may go away with the reader: nothing of it stays behind.
  void Abandon() {
    if (!work_) return;
    std::unique_lock lock(work_->mutex);
    work_->abandoned = true;
    work_->idle.wait(lock, [this] { return !work_->running; });
    work_->stream.reset();
    work_->pieces.clear();
    lock.unlock();
    work_.reset();
  }

  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
  const CompressionHint hint_;
  Executor* const executor_;
  arrow::MemoryPool* const pool_;
  std::unique_ptr<ByteStream> front_;  // read by the reader itself
  std::shared_ptr<Work> work_;
  Piece taken_;
  int64_t taken_at_ = 0;
  int64_t position_ = 0;
};

}  // namespace

std::unique_ptr<ByteStream> MakeUnpackedFile(
    std::shared_ptr<arrow::io::RandomAccessFile> file, CompressionHint hint,
    Executor* executor, arrow::MemoryPool* pool) {
  return std::make_unique<UnpackedFile>(std::move(file), std::move(hint), executor, pool);
}

}  // namespace millrace::formats
