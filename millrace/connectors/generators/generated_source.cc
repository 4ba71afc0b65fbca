#include "millrace/connectors/generators/generated_source.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include "millrace/connectors/generators/errors.h"
#include "millrace/connectors/generators/names.h"
#include "millrace/formats/input.h"

namespace millrace::generators {

namespace {

using connector::PollResult;
using connector::PollState;
using connector::Split;

constexpr int64_t kRowsOfSplit = 1 << 20;
constexpr int64_t kMostSplits = 4096;
constexpr int64_t kLaneBlock = 1000;
constexpr int64_t kEndless = std::numeric_limits<int64_t>::max() / 2;
// So that numbers of a batch take some pages of memory, not more.
constexpr int64_t kMostRows = 64 * 1024;

// The numbers of one split: [begin, end), and of these the blocks of its lane.
struct Numbers {
  int64_t begin = 0;
  int64_t end = kEndless;
  int64_t lane = 0;
  int64_t lanes = 1;

  // The first number of ours that is not before `n`.
  int64_t From(int64_t n) const {
    if (lanes == 1) return n;
    const int64_t block = n / kLaneBlock;
    const int64_t ahead = (lane - block % lanes + lanes) % lanes;
    return ahead == 0 ? n : (block + ahead) * kLaneBlock;
  }
  // Where the run of numbers ends in which `n` is.
  int64_t EndOfRun(int64_t n) const {
    return lanes == 1 ? end : std::min(end, (n / kLaneBlock + 1) * kLaneBlock);
  }
};

class GeneratedReader final : public connector::SplitReader {
 public:
  GeneratedReader(std::unique_ptr<RowMaker> maker, Numbers numbers,
                  std::vector<int> columns, std::string name)
      : maker_(std::move(maker)),
        numbers_(numbers),
        columns_(std::move(columns)),
        name_(std::move(name)),
        next_(numbers.begin) {}

  Result<PollResult> Poll(const Budget& budget, const Waker&) override {
    PollResult out;
    const int64_t rows = std::clamp<int64_t>(
        std::min(budget.rows, budget.bytes / row_bytes_), 1, kMostRows);
    chosen_.clear();
    next_ = numbers_.From(next_);
    while (next_ < numbers_.end && std::ssize(chosen_) < rows) {
      next_ =
          numbers_.From(maker_->Select(next_, numbers_.EndOfRun(next_), rows, &chosen_));
    }
    if (chosen_.empty()) return out;
    ARROW_ASSIGN_OR_RAISE(out.batch.rows, maker_->Make(chosen_, columns_));
    out.batch.end = formats::OffsetPosition(next_);
    out.state = PollState::kBatch;
    row_bytes_ = std::max<int64_t>(1, out.batch.num_bytes() / std::ssize(chosen_));
    return out;
  }

  Status Seek(const data::Position& position) override {
    if (position.empty()) return Status::OK();
    if (!formats::OffsetOf(position, &next_) || next_ < numbers_.begin) {
      return errors::kBadGeneratorPosition.Make({.file = name_}, "");
    }
    return Status::OK();
  }

 private:
  const std::unique_ptr<RowMaker> maker_;
  const Numbers numbers_;
  const std::vector<int> columns_;
  const std::string name_;
  int64_t next_;
  int64_t row_bytes_ = 64;  // of the batch before
  std::vector<int64_t> chosen_;
};

class GeneratedSource final : public connector::Source {
 public:
  GeneratedSource(std::string owner, GeneratedTable table,
                  const connector::Surroundings& surroundings)
      : owner_(std::move(owner)), memory_(surroundings.memory), table_(std::move(table)) {
    columns_.resize(static_cast<size_t>(table_.schema->num_fields()));
    std::iota(columns_.begin(), columns_.end(), 0);
  }

  Result<std::shared_ptr<arrow::Schema>> InferSchema() override { return table_.schema; }

  Result<std::vector<Split>> Discover() override {
    if (told_ && !bounded()) return std::vector<Split>();
    told_ = true;
    std::vector<Split> out;
    const auto splits = static_cast<int64_t>(NumberOfSplits());
    for (int64_t i = 0; i < splits; ++i) {
      if (restored_ && !std::binary_search(unfinished_.begin(), unfinished_.end(), i)) {
        continue;
      }
      const Numbers numbers = NumbersOf(i);
      Split split;
      split.id = SplitId{i};
      split.name = bounded() ? fmt::format("rows [{}..{})", numbers.begin, numbers.end)
                             : fmt::format("lane {} of {}", i + 1, splits);
      split.description = std::to_string(i);
      if (bounded()) split.approximate_rows = numbers.end - numbers.begin;
      if (event_time_ && table_.min_event_time) {
        const int64_t begin = bounded() ? numbers.begin : i * kLaneBlock;
        split.min_event_time =
            table_.min_event_time(begin, *event_time_).value_or(data::event_time::kMin);
      }
      out.push_back(std::move(split));
    }
    return out;
  }

  Result<std::string> DiscoveryState() override {
    return fmt::format("{} rows={} splits={}", table_.identity, table_.rows,
                       NumberOfSplits());
  }

  Status Restore(const std::string& discovery_state,
                 const std::vector<connector::SplitState>& unfinished) override {
    ARROW_ASSIGN_OR_RAISE(const std::string now, DiscoveryState());
    if (now != discovery_state) {
      return errors::kGeneratorChanged.Make({}, "{}: {}; then: {}", owner_, now,
                                            discovery_state);
    }
    restored_ = true;
    unfinished_.clear();
    for (const auto& state : unfinished) unfinished_.push_back(state.split.id.value);
    std::sort(unfinished_.begin(), unfinished_.end());
    return Status::OK();
  }

  Status Preflight(connector::Report& report) override {
    report.Note(owner_, bounded() ? fmt::format("{} numbers", table_.rows)
                                  : std::string("rows without an end"));
    return Status::OK();
  }
  Status Setup() override { return Status::OK(); }
  Status Teardown() override { return Status::OK(); }

  connector::Accepted Push(const connector::Pushdown& pushdown) override {
    if (pushdown.columns) columns_ = *pushdown.columns;
    event_time_ = pushdown.event_time;
    return {.columns = true};
  }
  connector::Replay replay() const override { return connector::Replay::kSeek; }
  bool splits_pause() const override { return false; }
  bool bounded() const override { return table_.rows >= 0; }

  Result<std::unique_ptr<connector::SplitReader>> Open(const Split& split) override {
    return std::make_unique<GeneratedReader>(table_.new_maker(memory_->pool()),
                                             NumbersOf(split.id.value), columns_,
                                             split.name);
  }
  void Acknowledge(const std::vector<std::pair<SplitId, data::Position>>&) override {}
  Status Control(connector::Command) override {
    return Status::NotImplemented("a generator can't be paused");
  }

 private:
  int64_t NumberOfSplits() const {
    if (table_.splits > 0) return table_.splits;
    if (!bounded()) return 1;
    return std::clamp<int64_t>((table_.rows + kRowsOfSplit - 1) / kRowsOfSplit, 1,
                               kMostSplits);
  }
  Numbers NumbersOf(int64_t split) const {
    const int64_t splits = NumberOfSplits();
    if (!bounded()) return {.lane = split, .lanes = splits};
    const auto bound = [&](int64_t i) {
      return static_cast<int64_t>(static_cast<__int128>(table_.rows) * i / splits);
    };
    return {.begin = bound(split), .end = bound(split + 1)};
  }

  const std::string owner_;
  const std::shared_ptr<MemoryBudget> memory_;  // of what the table holds, too
  const GeneratedTable table_;
  std::vector<int> columns_;
  std::optional<int> event_time_;
  bool told_ = false;
  bool restored_ = false;
  std::vector<int64_t> unfinished_;
};

}  // namespace

int64_t RowMaker::Select(int64_t begin, int64_t end, int64_t rows,
                         std::vector<int64_t>* numbers) const {
  const int64_t until = std::min(end, begin + rows - std::ssize(*numbers));
  for (int64_t n = begin; n < until; ++n) numbers->push_back(n);
  return until;
}

std::unique_ptr<connector::Source> MakeGeneratedSource(
    std::string owner, GeneratedTable table,
    const connector::Surroundings& surroundings) {
  return std::make_unique<GeneratedSource>(std::move(owner), std::move(table),
                                           surroundings);
}

Result<std::vector<int>> DeclaredColumns(const std::string& owner,
                                         const arrow::Schema& schema,
                                         const std::shared_ptr<arrow::Schema>& declared) {
  std::vector<int> out;
  if (!declared) {
    out.resize(static_cast<size_t>(schema.num_fields()));
    std::iota(out.begin(), out.end(), 0);
    return out;
  }
  for (const auto& field : declared->fields()) {
    int found = -1;
    for (int i = 0; i < schema.num_fields(); ++i) {
      if (Lowered(schema.field(i)->name()) == Lowered(field->name())) found = i;
    }
    if (found < 0) {
      const auto names = schema.field_names();
      const std::string near = NearestName(field->name(), names);
      return errors::kNotGenerated.Make(
          {.column = field->name()}, "{} has {}{}", owner, fmt::join(names, ", "),
          near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
    }
    if (!schema.field(found)->type()->Equals(*field->type())) {
      return errors::kNotGenerated.Make({.column = field->name()}, "{} makes {}, not {}",
                                        owner, schema.field(found)->type()->ToString(),
                                        field->type()->ToString());
    }
    out.push_back(found);
  }
  return out;
}

}  // namespace millrace::generators
