#include "millrace/connectors/files/roll.h"

#include <algorithm>

namespace millrace::files {

namespace {
constexpr int64_t kRowsPerSizeLook = 4096;
// Less tells nothing: a file's own head and footer weigh more.
constexpr int64_t kLeastLesson = 4096;
}  // namespace

RollOptions RollOptionsOf(const Config& own) {
  return {own.GetInt("roll_rows"), own.GetInt("roll_size"), own.GetInt("roll_interval")};
}

int64_t Roll::Begin(const Waker& waker) const {
  if (options_.nanos <= 0) return 0;
  const int64_t end = clock_->MonotonicNanos() + options_.nanos;
  if (timers_ != nullptr) timers_->WakeAt(end, waker);
  return end;
}

int64_t Roll::Take(int64_t left, int64_t rows) const {
  if (options_.rows > 0) left = std::min(left, options_.rows - rows);
  return options_.bytes > 0 ? std::min(left, kRowsPerSizeLook) : left;
}

bool Roll::IsFull(int64_t rows, const io::WritableFile& file,
                  const formats::FileWriter& writer) const {
  if (options_.rows > 0 && rows >= options_.rows) return true;
  if (options_.bytes <= 0) return false;
  const double held = static_cast<double>(writer.buffered_bytes()) * landing_;
  return static_cast<double>(file.position()) + held >=
         static_cast<double>(options_.bytes);
}

Status Roll::Finish(const io::WritableFile& file, formats::FileWriter& writer) {
  const int64_t held = writer.buffered_bytes();
  const int64_t before = file.position();
  ARROW_RETURN_NOT_OK(writer.Finish());
  if (held >= kLeastLesson) {
    landing_ = static_cast<double>(file.position() - before) / static_cast<double>(held);
  }
  return Status::OK();
}

}  // namespace millrace::files
