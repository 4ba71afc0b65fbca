#include "millrace/engine/dead_letters.h"

#include <charconv>

#include "millrace/base/calendar.h"
#include "millrace/engine/errors.h"

namespace millrace::engine {

namespace {

// Fewer rows say nothing of a share, until the end.
constexpr int64_t kLeastRowsForShare = 1000;

class DiscardingStore final : public DeadLetterStore {
 public:
  Status Add(const std::vector<DeadLetterRecord>&) override { return Status::OK(); }
  Status Sync(bool) override { return Status::OK(); }
  std::string place() const override { return ""; }
};

}  // namespace

std::unique_ptr<DeadLetterStore> MakeDiscardingStore() {
  return std::make_unique<DiscardingStore>();
}

Result<DeadLetterLimit> DeadLetterLimit::Parse(std::string_view text) {
  DeadLetterLimit out;
  if (text == "none") return out;
  const bool share = text.ends_with('%');
  const std::string_view digits = text.substr(0, text.size() - (share ? 1 : 0));
  const char* end = digits.data() + digits.size();
  double percent = 0;
  const auto read = share ? std::from_chars(digits.data(), end, percent)
                          : std::from_chars(digits.data(), end, out.count);
  const bool fits = share ? percent >= 0 && percent <= 100 : out.count >= 0;
  if (digits.empty() || read.ec != std::errc() || read.ptr != end || !fits) {
    return errors::kBadOption.Make(
        {}, "max_dead_letters: '{}' is neither a number, a share like 0.5%, nor none",
        text);
  }
  if (share) out.share = percent / 100;
  return out;
}

DeadLetters::DeadLetters(std::unique_ptr<DeadLetterStore> store, DeadLetterLimit limit,
                         std::string pipeline, const Clock* clock)
    : store_(std::move(store)),
      limit_(limit),
      pipeline_(std::move(pipeline)),
      clock_(clock) {}

void DeadLetters::GoOn(int64_t letters, int64_t rows) {
  taken_ = letters;
  rows_before_ = rows;
}

Status DeadLetters::Take(std::span<const data::DeadLetter> letters) {
  std::string time;
  AppendTimestamp(clock_->WallMicros(), 1'000'000, &time);
  std::vector<DeadLetterRecord> records;
  for (const data::DeadLetter& letter : letters) {
    DeadLetterRecord record;
    record.code = fmt::format("MR-{:04}", letter.code);
    record.reason = letter.reason;
    record.where = letter.where;
    record.time = time;
    record.pipeline = pipeline_;
    record.fields = letter.fields;
    record.source = letter.source;
    record.connector = letter.connector;
    record.split = letter.split;
    record.sink = letter.sink;
    record.position = letter.position;
    record.raw = letter.raw;
    record.cut = letter.raw.size() >= kLongestRaw;
    records.push_back(std::move(record));
  }
  std::lock_guard lock(mutex_);
  taken_ += static_cast<int64_t>(records.size());
  if (!records.empty()) last_reason_ = records.back().reason;
  ARROW_RETURN_NOT_OK(store_->Add(records));
  return Check(false);
}

Status DeadLetters::Sync(bool last) {
  {
    std::lock_guard lock(mutex_);
    ARROW_RETURN_NOT_OK(Check(last));
  }
  // It may wait for whoever reads the letters, and shards must not wait for it.
  return store_->Sync(last);
}

Status DeadLetters::Check(bool last) const {
  if (limit_.count >= 0 && taken_ > limit_.count) {
    return errors::kTooManyDeadLetters.Make({}, "{} are more than {}; the last: {}",
                                            taken_, limit_.count, last_reason_);
  }
  const runtime::Progress* progress = progress_;
  if (limit_.share < 0 || taken_ == 0 || progress == nullptr) return Status::OK();
  const int64_t rows =
      taken_ + rows_before_ + progress->rows_read.load(std::memory_order_relaxed);
  const double share = static_cast<double>(taken_) / static_cast<double>(rows);
  if ((!last && rows < kLeastRowsForShare) || share <= limit_.share) return Status::OK();
  return errors::kTooManyDeadLetters.Make({},
                                          "{} of {} rows are more than {}%; the last: {}",
                                          taken_, rows, limit_.share * 100, last_reason_);
}

}  // namespace millrace::engine
