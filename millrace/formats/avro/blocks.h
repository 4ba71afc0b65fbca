// Header and blocks of an Avro container file.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "millrace/formats/avro/decoder.h"
#include "millrace/formats/input.h"

namespace millrace::formats::avro {

inline constexpr std::string_view kMagic{"Obj\1", 4};
inline constexpr int64_t kSyncBytes = 16;
using SyncMarker = std::array<uint8_t, kSyncBytes>;

struct Header {
  std::string schema;  ///< JSON
  std::string codec;   ///< "null" where the file tells none
  SyncMarker sync{};
  int64_t size = 0;  ///< bytes: the first block begins there
};

/// Waits for the bytes of a stream. Fails with kAvroBroken.
Result<Header> ReadHeader(InputHead& head, const std::string& file);

struct Block {
  int64_t begin = 0;  ///< in the file
  int64_t end = 0;    ///< behind the sync marker
  int64_t records = 0;
  std::span<const uint8_t> bytes;  ///< until the next call, kPadding behind
};

/// Reads the blocks that begin in [begin, end) of the input. Used by one thread.
class BlockReader {
 public:
  /// `head`: the bytes that a stream has given already. `begin` is where a block begins,
  /// or any place when `search`. `most`: bytes that a block may have.
  BlockReader(const Input& input, std::string_view head, const SyncMarker& sync,
              int64_t begin, int64_t end, bool search, int64_t most,
              arrow::MemoryPool* pool);

  /// Before the first Next: begin with the block at `offset`.
  void StartAt(int64_t offset);
  Result<ByteStream::State> Next(Block* out, const Waker& waker);

 private:
  Result<ByteStream::State> Fill(int64_t size, const Waker& waker);
  Result<ByteStream::State> Search(const Waker& waker);
  Status Broken(int64_t offset, std::string_view why) const;
  const uint8_t* at() { return window_.data() + (at_ - window_begin_); }
  int64_t available() const { return window_end_ - at_; }

  const Input& input_;
  const std::string_view head_;
  const SyncMarker sync_;
  const int64_t end_;
  const int64_t most_;
  arrow::MemoryPool* const pool_;
  bool search_;
  int64_t at_;  // of the file: the next block
  // What stands in memory of the file.
  Growing window_;
  int64_t window_begin_;
  int64_t window_end_;
};

}  // namespace millrace::formats::avro
