#include "tests/crash/feed.h"

#include <algorithm>
#include <utility>

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/connector/testkit/plain_source.h"

namespace millrace::crash {

namespace {

using connector::PollResult;
using connector::PollState;
using connector::Split;

std::shared_ptr<arrow::Schema> FeedSchema() {
  return arrow::schema({arrow::field("id", arrow::int64()),
                        arrow::field("k", arrow::utf8()),
                        arrow::field("v", arrow::int64()),
                        arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO))});
}

// The feed as one process sees it.
struct Sight {
  std::shared_ptr<const Feed> feed;
  connector::Surroundings surroundings;

  int64_t now() const {
    return feed->passed_nanos + surroundings.clock->MonotonicNanos();
  }
  void WakeWhenArrived(int64_t arrives_nanos, const Waker& waker) const {
    surroundings.timers->WakeAt(arrives_nanos - feed->passed_nanos, waker);
  }
};

class FeedReader final : public connector::SplitReader {
 public:
  FeedReader(Sight sight, const Feed::Part& part)
      : sight_(std::move(sight)), part_(part) {}

  Result<PollResult> Poll(const Budget& budget, const Waker& waker) override {
    PollResult out;
    const int64_t now = sight_.now();
    arrow::Int64Builder id, v;
    arrow::StringBuilder k;
    arrow::TimestampBuilder t(FeedSchema()->field(3)->type(),
                              sight_.surroundings.memory->pool());
    while (next_ < part_.rows.size() && id.length() < std::max<int64_t>(budget.rows, 1) &&
           part_.rows[next_].arrives_nanos <= now) {
      const Feed::Row& row = part_.rows[next_++];
      ARROW_RETURN_NOT_OK(id.Append(row.id));
      ARROW_RETURN_NOT_OK(k.Append(row.k));
      ARROW_RETURN_NOT_OK(v.Append(row.v));
      ARROW_RETURN_NOT_OK(t.Append(row.t_micros));
    }
    if (id.length() > 0) {
      const int64_t rows = id.length();
      arrow::ArrayVector columns(4);
      ARROW_RETURN_NOT_OK(id.Finish(&columns[0]));
      ARROW_RETURN_NOT_OK(k.Finish(&columns[1]));
      ARROW_RETURN_NOT_OK(v.Finish(&columns[2]));
      ARROW_RETURN_NOT_OK(t.Finish(&columns[3]));
      out.state = PollState::kBatch;
      out.batch.rows = arrow::RecordBatch::Make(FeedSchema(), rows, std::move(columns));
      out.batch.end = data::Position{std::to_string(next_)};
    } else if (next_ < part_.rows.size()) {
      out.state = PollState::kCaughtUp;
      sight_.WakeWhenArrived(part_.rows[next_].arrives_nanos, waker);
    } else {
      out.state = part_.ends ? PollState::kEnd : PollState::kCaughtUp;
    }
    return out;
  }

  Status Seek(const data::Position& position) override {
    next_ = std::stoul(position.bytes());
    return Status::OK();
  }

 private:
  const Sight sight_;
  const Feed::Part& part_;
  size_t next_ = 0;
};

class FeedSource final : public connector::testkit::PlainSource {
 public:
  FeedSource(Sight sight, std::string half)
      : sight_(std::move(sight)), half_(std::move(half)) {}

  Result<std::shared_ptr<arrow::Schema>> InferSchema() override { return FeedSchema(); }

  Result<std::vector<Split>> Discover() override {
    std::vector<Split> out = std::exchange(restored_, {});
    const auto& parts = sight_.feed->parts;
    for (; next_ < parts.size(); ++next_) {
      if (half_ != "all" && half_ != std::to_string(next_ % 2)) continue;
      if (parts[next_].arrives_nanos > sight_.now()) {
        sight_.WakeWhenArrived(parts[next_].arrives_nanos, waker_);
        break;
      }
      Split split;
      split.id = SplitId{static_cast<int64_t>(next_)};
      split.name = "part " + std::to_string(next_);
      out.push_back(std::move(split));
    }
    return out;
  }
  void WakeOnNewSplits(Waker waker) override {
    waker_ = std::move(waker);
    if (next_ < sight_.feed->parts.size())
      sight_.WakeWhenArrived(sight_.feed->parts[next_].arrives_nanos, waker_);
  }
  Result<std::string> DiscoveryState() override { return std::to_string(next_); }
  Status Restore(const std::string& discovery_state,
                 const std::vector<connector::SplitState>& unfinished) override {
    next_ = std::stoul(discovery_state);
    for (const auto& state : unfinished) restored_.push_back(state.split);
    return Status::OK();
  }
  Result<std::unique_ptr<connector::SplitReader>> Open(const Split& split) override {
    return std::make_unique<FeedReader>(
        sight_, sight_.feed->parts[static_cast<size_t>(split.id.value)]);
  }

 private:
  const Sight sight_;
  const std::string half_;
  size_t next_ = 0;
  std::vector<Split> restored_;
  Waker waker_;
};

}  // namespace

connector::ConnectorSpec MakeFeedConnector(std::shared_ptr<const Feed> feed) {
  connector::ConnectorSpec spec;
  spec.name = "feed";
  spec.doc = "Rows that arrive by the clock, for crash tests.";
  spec.guarantee = "Can be read again.";
  OptionSpec half;
  half.name = "half";
  half.type = OptionType::kEnum;
  half.choices = {"all", "0", "1"};
  half.default_value = "all";
  half.doc = "Which of the parts.";
  spec.source_options = {{"", ConfigSpec({half})}};
  spec.make_source = [feed = std::move(feed), options = spec.source_options[0].options](
                         const connector::Options& given,
                         const std::shared_ptr<arrow::Schema>&,
                         const connector::Surroundings& surroundings)
      -> Result<std::unique_ptr<connector::Source>> {
    ARROW_ASSIGN_OR_RAISE(Config config, options.Parse("feed", given, nullptr));
    return std::make_unique<FeedSource>(Sight{feed, surroundings},
                                        config.GetString("half"));
  };
  return spec;
}

}  // namespace millrace::crash
