// What every bounded source keeps to. Call CheckSource from a test of the connector.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "millrace/connector/testkit/rows.h"

namespace millrace::connector::testkit {

/// A source under test.
struct SourceCase {
  /// A new source over the same outside data, each time.
  std::function<Result<std::unique_ptr<Source>>()> make;
  /// What it holds. The order between splits is free.
  std::shared_ptr<arrow::RecordBatch> rows;
  /// Rows that a batch may hold beyond its budget: the connector's indivisible piece.
  int64_t overshoot = 1;
  /// Splits there must be at least, so that the checks see more than one.
  size_t least_splits = 1;
  /// Rows of the outside data that can't be decoded and are set aside.
  size_t dead_letters = 0;
};

constexpr Budget kSmall{.rows = 3, .bytes = 1 << 20};

inline void CheckSchemaIsDelivered(const SourceCase& test) {
  ASSERT_OK_AND_ASSIGN(auto source, test.make());
  ASSERT_OK_AND_ASSIGN(auto schema, source->InferSchema());
  ASSERT_TRUE(schema->Equals(*test.rows->schema())) << schema->ToString();
  ASSERT_OK_AND_ASSIGN(auto splits, source->Discover());
  source->Push({});
  for (const Split& split : splits) {
    ASSERT_OK_AND_ASSIGN(auto reader, source->Open(split));
    ASSERT_OK_AND_ASSIGN(Reading reading, Drain(*reader, {}));
    for (const auto& delivered : reading.schemas) {
      ASSERT_EQ(delivered->num_fields(), schema->num_fields());
      for (int i = 0; i < schema->num_fields(); ++i) {
        auto type = delivered->field(i)->type();
        if (type->id() == arrow::Type::DICTIONARY) {
          type = static_cast<const arrow::DictionaryType&>(*type).value_type();
        }
        EXPECT_EQ(delivered->field(i)->name(), schema->field(i)->name());
        EXPECT_TRUE(type->Equals(*schema->field(i)->type())) << type->ToString();
      }
    }
  }
}

inline void CheckDiscoverIsStable(const SourceCase& test) {
  ASSERT_OK_AND_ASSIGN(auto one, test.make());
  ASSERT_OK_AND_ASSIGN(auto other, test.make());
  ASSERT_OK_AND_ASSIGN(auto first, one->Discover());
  ASSERT_OK_AND_ASSIGN(auto again, one->Discover());
  ASSERT_OK_AND_ASSIGN(auto elsewhere, other->Discover());
  ASSERT_GE(first.size(), test.least_splits);
  ASSERT_EQ(first.size(), again.size());
  ASSERT_EQ(first.size(), elsewhere.size());
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].id.value, static_cast<int64_t>(i));
    EXPECT_EQ(first[i].name, again[i].name);
    EXPECT_EQ(first[i].description, again[i].description);
    EXPECT_EQ(first[i].description, elsewhere[i].description);
  }
}

/// In any order of opening, from a source of its own for each: no row twice, none
/// missing.
inline void CheckEveryRowOnce(const SourceCase& test) {
  ASSERT_OK_AND_ASSIGN(const Rows expected, RowsOf(*test.rows));
  for (const bool backwards : {false, true}) {
    ASSERT_OK_AND_ASSIGN(auto source, test.make());
    ASSERT_OK_AND_ASSIGN(auto splits, source->Discover());
    if (backwards) std::reverse(splits.begin(), splits.end());
    source->Push({});
    Rows rows;
    size_t dead_letters = 0;
    for (const Split& split : splits) {
      ASSERT_OK_AND_ASSIGN(auto reader, source->Open(split));
      ASSERT_OK_AND_ASSIGN(Reading reading,
                           Drain(*reader, backwards ? kSmall : Budget{}));
      rows.insert(rows.end(), reading.rows.begin(), reading.rows.end());
      dead_letters += reading.dead_letters;
    }
    EXPECT_EQ(Sorted(rows), Sorted(expected));
    EXPECT_EQ(dead_letters, test.dead_letters);
  }
}

inline void CheckBudget(const SourceCase& test) {
  ASSERT_OK_AND_ASSIGN(auto source, test.make());
  ASSERT_OK_AND_ASSIGN(auto splits, source->Discover());
  source->Push({});
  for (const Split& split : splits) {
    ASSERT_OK_AND_ASSIGN(auto reader, source->Open(split));
    ASSERT_OK_AND_ASSIGN(Reading reading, Drain(*reader, kSmall));
    EXPECT_LE(reading.most_rows, kSmall.rows + test.overshoot) << split.name;
  }
}

/// After every position that a reader gave out, another process reads exactly the rest.
inline void CheckSeek(const SourceCase& test) {
  ASSERT_OK_AND_ASSIGN(auto source, test.make());
  ASSERT_OK_AND_ASSIGN(auto splits, source->Discover());
  source->Push({});
  if (source->replay() != Replay::kSeek) return;
  for (size_t i = 0; i < splits.size(); ++i) {
    ASSERT_OK_AND_ASSIGN(auto reader, source->Open(splits[i]));
    ASSERT_OK_AND_ASSIGN(Reading whole, Drain(*reader, kSmall));
    whole.ends.emplace_back(0, data::Position());
    for (const auto& [before, position] : whole.ends) {
      ASSERT_OK_AND_ASSIGN(auto later, test.make());
      ASSERT_OK_AND_ASSIGN(auto same, later->Discover());
      later->Push({});
      ASSERT_OK_AND_ASSIGN(auto resumed, later->Open(same[i]));
      ASSERT_OK(resumed->Seek(position));
      ASSERT_OK_AND_ASSIGN(Reading rest, Drain(*resumed, {}));
      EXPECT_EQ(rest.rows,
                Rows(whole.rows.begin() + static_cast<int64_t>(before), whole.rows.end()))
          << splits[i].name << " after " << before << " rows";
    }
    for (size_t k = 1; k + 1 < whole.ends.size(); ++k) {
      EXPECT_LE(whole.ends[k - 1].second, whole.ends[k].second)
          << "positions are ordered";
    }
  }
}

/// The columns that were asked for have the values that they have without asking.
inline void CheckProjection(const SourceCase& test) {
  const int columns = test.rows->num_columns();
  std::vector<std::vector<int>> choices = {{columns - 1}, {0}};
  if (columns > 2) choices.push_back({0, columns - 1});
  for (const std::vector<int>& asked : choices) {
    ASSERT_OK_AND_ASSIGN(auto source, test.make());
    ASSERT_OK(source->InferSchema().status());
    ASSERT_OK_AND_ASSIGN(auto splits, source->Discover());
    Pushdown pushdown;
    pushdown.columns = asked;
    const Accepted accepted = source->Push(pushdown);
    Rows rows;
    for (const Split& split : splits) {
      ASSERT_OK_AND_ASSIGN(auto reader, source->Open(split));
      ASSERT_OK_AND_ASSIGN(Reading reading, Drain(*reader, {}));
      rows.insert(rows.end(), reading.rows.begin(), reading.rows.end());
    }
    ASSERT_OK_AND_ASSIGN(
        const Rows expected,
        RowsOf(accepted.columns ? *Columns(*test.rows, asked) : *test.rows));
    EXPECT_EQ(Sorted(rows), Sorted(expected));
  }
}

inline void CheckSource(const SourceCase& test) {
  CheckSchemaIsDelivered(test);
  CheckDiscoverIsStable(test);
  CheckEveryRowOnce(test);
  CheckBudget(test);
  CheckSeek(test);
  if (test.dead_letters == 0) CheckProjection(test);
}

}  // namespace millrace::connector::testkit
