#include "millrace/io/compression/framed_file.h"

#include <algorithm>
#include <cstring>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/io/compression/decoder.h"
#include "millrace/io/compression/errors.h"
#include "millrace/io/positioned_file.h"

namespace millrace::io {

std::shared_ptr<arrow::Buffer> FrameCache::Find(int64_t file, int64_t begin) {
  std::lock_guard lock(mutex_);
  const auto found = places_.find({file, begin});
  if (found == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void FrameCache::Put(int64_t file, int64_t begin, std::shared_ptr<arrow::Buffer> plain) {
  std::lock_guard lock(mutex_);
  const Key key{file, begin};
  // Another reader may have been as fast.
  if (places_.contains(key)) return;
  bytes_ += plain->capacity();
  entries_.emplace_front(key, std::move(plain));
  places_[key] = entries_.begin();
  while (bytes_ > most_bytes_ && entries_.size() > 1) {
    bytes_ -= entries_.back().second->capacity();
    places_.erase(entries_.back().first);
    entries_.pop_back();
  }
}

void FrameCache::Forget(int64_t file) {
  std::lock_guard lock(mutex_);
  auto at = places_.lower_bound({file, -1});
  while (at != places_.end() && at->first.first == file) {
    bytes_ -= at->second->second->capacity();
    entries_.erase(at->second);
    at = places_.erase(at);
  }
}

int64_t FrameCache::NextFile() {
  std::lock_guard lock(mutex_);
  return next_file_++;
}

namespace {

class FramedFile final : public PositionedFile {
 public:
  FramedFile(std::shared_ptr<arrow::io::RandomAccessFile> file, Compression compression,
             std::vector<Frame> frames, std::shared_ptr<FrameCache> cache,
             std::string name, arrow::MemoryPool* pool)
      : file_(std::move(file)),
        compression_(compression),
        frames_(std::move(frames)),
        cache_(std::move(cache)),
        number_(cache_->NextFile()),
        name_(std::move(name)),
        pool_(pool) {}
  ~FramedFile() override { cache_->Forget(number_); }

  Result<int64_t> GetSize() override {
    return frames_.back().plain_begin + frames_.back().plain_size;
  }

  Result<int64_t> ReadAt(int64_t position, int64_t size, void* out) override {
    auto frame = std::upper_bound(
        frames_.begin(), frames_.end(), position,
        [](int64_t at, const Frame& f) { return at < f.plain_begin + f.plain_size; });
    int64_t total = 0;
    for (; total < size && frame != frames_.end(); ++frame) {
      ARROW_ASSIGN_OR_RAISE(const auto plain, PlainOf(*frame));
      const int64_t from = position + total - frame->plain_begin;
      const int64_t part = std::min(size - total, frame->plain_size - from);
      memcpy(static_cast<uint8_t*>(out) + total, plain->data() + from,
             static_cast<size_t>(part));
      total += part;
    }
    return total;
  }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t size) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t end, GetSize());
    size = std::clamp<int64_t>(end - position, 0, size);
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(size, pool_));
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          ReadAt(position, size, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(got, /*shrink_to_fit=*/false));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

 private:
  Result<std::shared_ptr<arrow::Buffer>> PlainOf(const Frame& frame) {
    if (auto held = cache_->Find(number_, frame.begin)) return held;
    ARROW_ASSIGN_OR_RAISE(auto packed, arrow::AllocateBuffer(frame.size, pool_));
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          file_->ReadAt(frame.begin, frame.size, packed->mutable_data()));
    if (got < frame.size) {
      return errors::kCompressedCutOff.Make({.file = name_}, "after {} bytes",
                                            frame.begin + got);
    }
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> plain,
                          arrow::AllocateBuffer(frame.plain_size, pool_));
    ARROW_RETURN_NOT_OK(Unpack(frame, *packed, plain->mutable_data()));
    cache_->Put(number_, frame.begin, plain);
    return plain;
  }

  Status Unpack(const Frame& frame, const arrow::Buffer& packed, uint8_t* out) {
    ARROW_ASSIGN_OR_RAISE(auto decoder, MakeDecoder(compression_, name_, pool_,
                                                    DecodeFrom::kFrame, frame.begin));
    std::span<const uint8_t> in(packed.data(), static_cast<size_t>(packed.size()));
    uint8_t more[16];
    for (int64_t done = 0;;) {
      const bool full = done == frame.plain_size;
      const std::span<uint8_t> room =
          full ? std::span<uint8_t>(more)
               : std::span<uint8_t>(out + done,
                                    static_cast<size_t>(frame.plain_size - done));
      ARROW_ASSIGN_OR_RAISE(const Decoder::Step step, decoder->Decode(in, room));
      in = in.subspan(static_cast<size_t>(step.read));
      if (full && step.written > 0) return WrongSize(frame);
      done += step.written;
      if (step.read == 0 && step.written == 0) {
        ARROW_RETURN_NOT_OK(decoder->End());
        return done == frame.plain_size && in.empty() ? Status::OK() : WrongSize(frame);
      }
    }
  }

  Status WrongSize(const Frame& frame) const {
    return errors::kCompressedBroken.Make(
        {.file = name_},
        "byte {} of the compressed file: a frame does not hold what it says",
        frame.begin);
  }

  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
  const Compression compression_;
  const std::vector<Frame> frames_;
  const std::shared_ptr<FrameCache> cache_;
  const int64_t number_;
  const std::string name_;
  arrow::MemoryPool* const pool_;
};

}  // namespace

std::shared_ptr<arrow::io::RandomAccessFile> MakeFramedFile(
    std::shared_ptr<arrow::io::RandomAccessFile> file, Compression compression,
    std::vector<Frame> frames, std::shared_ptr<FrameCache> cache, std::string name,
    arrow::MemoryPool* pool) {
  return std::make_shared<FramedFile>(std::move(file), compression, std::move(frames),
                                      std::move(cache), std::move(name), pool);
}

}  // namespace millrace::io
