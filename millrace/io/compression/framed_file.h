// FramedFile: a compressed file of several frames, read as the plain bytes that it holds.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <arrow/io/type_fwd.h>
#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/io/compression/frames.h"

namespace millrace::io {

/// Unpacked frames that may be asked for again, those of several files. Thread-safe.
class FrameCache {
 public:
  explicit FrameCache(int64_t most_bytes) : most_bytes_(most_bytes) {}

  /// The frame that begins there, of the file with that number; null when it is not held.
  std::shared_ptr<arrow::Buffer> Find(int64_t file, int64_t begin);
  /// Frames that were used least recently make room.
  void Put(int64_t file, int64_t begin, std::shared_ptr<arrow::Buffer> plain);
  /// Let go of all frames of a file.
  void Forget(int64_t file);
  int64_t NextFile();

 private:
  using Key = std::pair<int64_t, int64_t>;
  using Entry = std::pair<Key, std::shared_ptr<arrow::Buffer>>;

  const int64_t most_bytes_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // the latest first
  std::map<Key, std::list<Entry>::iterator> places_;
  int64_t bytes_ = 0;
  int64_t next_file_ = 0;
};

/// ReadAt is thread-safe and unpacks in the calling thread. `frames`: of FindFrames.
/// `name`: for errors. Memory comes from `pool`.
std::shared_ptr<arrow::io::RandomAccessFile> MakeFramedFile(
    std::shared_ptr<arrow::io::RandomAccessFile> file, Compression compression,
    std::vector<Frame> frames, std::shared_ptr<FrameCache> cache, std::string name,
    arrow::MemoryPool* pool);

}  // namespace millrace::io
