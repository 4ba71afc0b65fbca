#include "millrace/connectors/generators/nexmark/nexmark.h"

#include <optional>
#include <string>
#include <utility>

#include <arrow/array.h>
#include <arrow/compute/api_vector.h>
#include <arrow/record_batch.h>
#include <arrow/util/bit_util.h>

#include "millrace/connectors/generators/arrays.h"
#include "millrace/connectors/generators/generated_source.h"
#include "millrace/connectors/generators/nexmark/columns.h"

namespace millrace::generators {

namespace {

using nexmark::Kind;

constexpr const char kNexmark[] = "connector 'nexmark'";
constexpr Kind kKinds[] = {Kind::kPerson, Kind::kAuction, Kind::kBid};

const ConfigSpec& NexmarkSpec() {
  static const ConfigSpec spec({
      {.name = "table",
       .type = OptionType::kEnum,
       .default_value = "bid",
       .choices = {"person", "auction", "bid", "all"},
       .doc = "Which events: of 50, one is a person, three are auctions, 46 bids. all: "
              "every event, with event_type 0, 1 or 2 and columns person_…, auction_… "
              "and bid_…, NULL where they are of another type."},
      {.name = "events",
       .type = OptionType::kInt,
       .doc = "How many events of all types there are; without an end when absent."},
      {.name = "event_rate",
       .type = OptionType::kInt,
       .default_value = "10000",
       .doc = "Events a second of event time, from 2015-07-15 on. The benchmark's own "
              "10000000 puts 100 million events into ten seconds."},
      {.name = "disorder",
       .type = OptionType::kInt,
       .default_value = "1",
       .doc = "Size of the groups inside which events change places: 1 for order, 1000 "
              "for events that come up to 999 places too early or late."},
      {.name = "seed",
       .type = OptionType::kInt,
       .default_value = "1",
       .doc = "Another seed gives other events."},
      {.name = "splits",
       .type = OptionType::kInt,
       .doc = "Parts that are made at the same time, which changes no event. When "
              "absent, one a million events; without an end one, which keeps the "
              "order."},
  });
  return spec;
}

// A column of the connector's rows.
struct Wanted {
  std::optional<Kind> kind;  // absent: event_type, or the time
  const nexmark::Column* column = nullptr;
  bool is_time = false;
};

class NexmarkMaker final : public RowMaker {
 public:
  NexmarkMaker(nexmark::Rules rules, std::shared_ptr<const nexmark::Words> words,
               std::optional<Kind> only, std::shared_ptr<arrow::Schema> schema,
               std::vector<Wanted> wanted, arrow::MemoryPool* pool)
      : rules_(rules),
        words_(std::move(words)),
        only_(only),
        schema_(std::move(schema)),
        wanted_(std::move(wanted)),
        pool_(pool) {}

  int64_t Select(int64_t begin, int64_t end, int64_t rows,
                 std::vector<int64_t>* numbers) const override {
    int64_t n = begin;
    for (; n < end && std::ssize(*numbers) < rows; ++n) {
      const int64_t event = rules_.EventAt(n);
      if (!only_ || nexmark::Rules::KindOf(event) == *only_) numbers->push_back(event);
    }
    return n;
  }

  Result<std::shared_ptr<arrow::RecordBatch>> Make(
      std::span<const int64_t> numbers, const std::vector<int>& columns) override {
    if (!only_) Divide(numbers);
    arrow::ArrayVector arrays;
    arrow::FieldVector fields;
    for (const int index : columns) {
      ARROW_ASSIGN_OR_RAISE(auto array,
                            MakeColumn(numbers, wanted_[static_cast<size_t>(index)],
                                       schema_->field(index)->type()));
      fields.push_back(schema_->field(index)->WithType(array->type()));
      arrays.push_back(std::move(array));
    }
    return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), std::ssize(numbers),
                                    std::move(arrays));
  }

 private:
  Result<std::shared_ptr<arrow::Array>> MakeColumn(
      std::span<const int64_t> numbers, const Wanted& wanted,
      const std::shared_ptr<arrow::DataType>& type) {
    if (wanted.is_time)
      return nexmark::TimeColumn({rules_, *words_, numbers, pool_}, type);
    if (!wanted.kind) {
      return FixedArray<int32_t>(type, std::ssize(numbers), pool_, [&](int64_t i) {
        return static_cast<int32_t>(
            nexmark::Rules::KindOf(numbers[static_cast<size_t>(i)]));
      });
    }
    if (only_) return wanted.column->make({rules_, *words_, numbers, pool_});
    const auto& events = of_kind_[static_cast<size_t>(*wanted.kind)];
    ARROW_ASSIGN_OR_RAISE(auto values,
                          wanted.column->make({rules_, *words_, events, pool_}));
    ARROW_ASSIGN_OR_RAISE(const auto places, Places(numbers, *wanted.kind));
    arrow::compute::ExecContext context(pool_);
    ARROW_ASSIGN_OR_RAISE(
        auto spread,
        arrow::compute::Take(values, places, arrow::compute::TakeOptions::NoBoundsCheck(),
                             &context));
    return spread.make_array();
  }

  void Divide(std::span<const int64_t> numbers) {
    for (auto& events : of_kind_) events.clear();
    for (const int64_t event : numbers) {
      of_kind_[static_cast<size_t>(nexmark::Rules::KindOf(event))].push_back(event);
    }
  }

  // For each event its place among those of its kind; NULL for the other kinds.
  Result<std::shared_ptr<arrow::Array>> Places(std::span<const int64_t> numbers,
                                               Kind kind) {
    const int64_t rows = std::ssize(numbers);
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> valid,
                          arrow::AllocateEmptyBitmap(rows, pool_));
    uint8_t* bits = valid->mutable_data();
    int32_t next = 0;
    ARROW_ASSIGN_OR_RAISE(
        const auto places,
        FixedArray<int32_t>(arrow::int32(), rows, pool_, [&](int64_t i) {
          if (nexmark::Rules::KindOf(numbers[static_cast<size_t>(i)]) != kind) return 0;
          arrow::bit_util::SetBit(bits, i);
          return next++;
        }));
    return arrow::MakeArray(arrow::ArrayData::Make(
        arrow::int32(), rows, {std::move(valid), places->data()->buffers[1]}));
  }

  const nexmark::Rules rules_;
  const std::shared_ptr<const nexmark::Words> words_;
  const std::optional<Kind> only_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<Wanted> wanted_;
  arrow::MemoryPool* const pool_;
  std::vector<int64_t> of_kind_[std::size(kKinds)];
};

const char* NameOf(Kind kind) {
  switch (kind) {
    case Kind::kPerson: return "person";
    case Kind::kAuction: return "auction";
    case Kind::kBid: break;
  }
  return "bid";
}

// Every column of the table, and what it is made of.
std::pair<arrow::FieldVector, std::vector<Wanted>> ColumnsOf(std::optional<Kind> only) {
  arrow::FieldVector fields;
  std::vector<Wanted> wanted;
  auto add = [&](std::string name, std::shared_ptr<arrow::DataType> type, Wanted what) {
    fields.push_back(arrow::field(std::move(name), std::move(type)));
    wanted.push_back(what);
  };
  const auto add_time = [&] {
    add(nexmark::kTimeColumn, arrow::timestamp(arrow::TimeUnit::MICRO),
        {.is_time = true});
  };
  if (!only) {
    add("event_type", arrow::int32(), {});
    add_time();
  }
  for (const Kind kind : kKinds) {
    if (only && *only != kind) continue;
    for (const nexmark::Column& column : nexmark::ColumnsOf(kind)) {
      add(only ? column.name : fmt::format("{}_{}", NameOf(kind), column.name),
          column.type, {.kind = kind, .column = &column});
    }
  }
  if (only) add_time();
  return {std::move(fields), std::move(wanted)};
}

Status CheckRange(const Config& config, const char* name, int64_t least) {
  if (!config.has(name) || config.GetInt(name) >= least) return Status::OK();
  return errors::kBadOption.Make({}, "{}: option '{}' is at least {}", kNexmark, name,
                                 least);
}

Result<GeneratedTable> MakeTable(const Config& config,
                                 const std::shared_ptr<arrow::Schema>& declared,
                                 arrow::MemoryPool* pool) {
  ARROW_RETURN_NOT_OK(CheckRange(config, "events", 0));
  for (const char* name : {"event_rate", "disorder", "splits"}) {
    ARROW_RETURN_NOT_OK(CheckRange(config, name, 1));
  }
  nexmark::Rules rules;
  rules.seed = static_cast<uint64_t>(config.GetInt("seed"));
  rules.event_rate = config.GetInt("event_rate");
  rules.disorder = config.GetInt("disorder");
  if (rules.disorder > 1 && rules.disorder % nexmark::kDisorderFactor == 0) {
    // The places would not be a permutation: one event of each group would come again
    // and again.
    return errors::kBadOption.Make({}, "{}: option 'disorder' can't be a multiple of {}",
                                   kNexmark, nexmark::kDisorderFactor);
  }
  std::optional<Kind> only;
  for (const Kind kind : kKinds) {
    if (config.GetString("table") == NameOf(kind)) only = kind;
  }
  auto [fields, all] = ColumnsOf(only);
  ARROW_ASSIGN_OR_RAISE(const std::vector<int> columns,
                        DeclaredColumns(kNexmark, *arrow::schema(fields), declared));
  std::vector<Wanted> wanted;
  for (const int column : columns) wanted.push_back(all[static_cast<size_t>(column)]);
  GeneratedTable table;
  table.schema = declared ? declared : arrow::schema(std::move(fields));
  if (config.has("events")) table.rows = config.GetInt("events");
  if (config.has("splits")) table.splits = config.GetInt("splits");
  table.identity =
      fmt::format("table={} event_rate={} disorder={} seed={}", config.GetString("table"),
                  rules.event_rate, rules.disorder, config.GetInt("seed"));
  ARROW_ASSIGN_OR_RAISE(const auto words, nexmark::MakeWords(rules, pool));
  table.new_maker = [=, schema = table.schema](arrow::MemoryPool* of_reader) {
    return std::make_unique<NexmarkMaker>(rules, words, only, schema, wanted, of_reader);
  };
  table.min_event_time = [rules, wanted](int64_t begin,
                                         int column) -> std::optional<int64_t> {
    if (!wanted[static_cast<size_t>(column)].is_time) return std::nullopt;
    return rules.Millis(begin - begin % rules.disorder) * 1000;
  };
  return table;
}

}  // namespace

connector::ConnectorSpec MakeNexmarkConnector() {
  connector::ConnectorSpec spec;
  spec.name = "nexmark";
  spec.doc =
      "Persons, auctions and bids of the Nexmark benchmark, made as they are read; the "
      "same for the same seed.";
  spec.guarantee =
      "An event is a function of its number and the seed, so a run goes on exactly where "
      "another stopped.";
  spec.source_options.push_back({"source", NexmarkSpec()});
  spec.make_source = [](const connector::Options& options,
                        const std::shared_ptr<arrow::Schema>& declared,
                        const connector::Surroundings& surroundings)
      -> Result<std::unique_ptr<connector::Source>> {
    ARROW_ASSIGN_OR_RAISE(
        const Config config,
        NexmarkSpec().Parse(kNexmark, options, surroundings.environment));
    ARROW_ASSIGN_OR_RAISE(GeneratedTable table,
                          MakeTable(config, declared, surroundings.memory->pool()));
    return MakeGeneratedSource(kNexmark, std::move(table), surroundings);
  };
  return spec;
}

}  // namespace millrace::generators
