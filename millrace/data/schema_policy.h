// SchemaPolicy: what happens when later rows have other columns or types than the first.
//
//   change of the later schema              strict   default      flexible
//   --------------------------------------  -------  -----------
//   ------------------------- same columns in another order           refused  put in
//   order put in order a column more, which may hold NULL      refused  left out     left
//   out a column more, which is NOT NULL        refused  refused      left out a column
//   less, which may hold NULL      refused  NULL         NULL a column less, which is NOT
//   NULL        refused  refused      refused a type whose every value fits refused
//   converted    converted a type of which some values may fit     refused  refused value
//   by value, else a
//                                                                 bad row
//   a type of which no value can fit        refused  refused      refused
//   NULL where the first schema has none    refused  refused      such a row is a bad row
//   no NULL where the first schema has it   refused  taken        taken
//
// A column that was renamed is one less and one more: nothing tells that from two
// changes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::data {

enum class SchemaPolicy { kStrict, kDefault, kFlexible };

/// What readers of one schema can do with rows of the other.
enum class Compatibility {
  kNone,      ///< nothing is asked
  kBackward,  ///< who knows the later schema can read the earlier rows
  kForward,   ///< who knows the earlier schema can read the later rows
  kFull,      ///< both
  // The same of every earlier schema, not of one: see SchemaHistory.
  kBackwardTransitive,
  kForwardTransitive,
  kFullTransitive,
};
bool IsTransitive(Compatibility compatibility);

enum class ChangeKind {
  kReordered,
  kAdded,
  kAddedRequired,
  kRemoved,
  kRemovedRequired,
  kNarrowed,   ///< every value of the later type fits the earlier
  kWidened,    ///< some may not, but every value of the earlier fits the later
  kRetyped,    ///< some values may fit in either direction
  kUnrelated,  ///< no value can
  kNullsAllowed,
  kNullsForbidden,
};

struct SchemaChangeItem {
  ChangeKind kind = ChangeKind::kReordered;
  std::string column;                        ///< empty for kReordered
  std::shared_ptr<arrow::DataType> earlier;  ///< null for an added column
  std::shared_ptr<arrow::DataType> later;    ///< null for a removed column

  /// "column amount: BIGINT became VARCHAR"
  std::string ToString() const;
};

/// What `later` has changed, in the order of `earlier`'s columns, additions last. Columns
/// are found by name; `types`: false where the later schema's types are guesses, so that
/// only names count.
std::vector<SchemaChangeItem> CompareSchemas(const arrow::Schema& earlier,
                                             const arrow::Schema& later, bool types);

/// The table above.
bool Accepts(SchemaPolicy policy, ChangeKind change);
/// The policies that accept `change`, for an error: "default or flexible", "flexible", or
/// empty.
std::string_view AcceptedBy(ChangeKind change);
/// Between two schemas, whether they are neighbours or not.
bool Allows(Compatibility compatibility, ChangeKind change);

/// Every schema that was met so far, for the transitive levels: two changes that are
/// harmless one by one may not be so together. A column that comes, goes and comes back
/// with another type is an example. Not thread-safe.
class SchemaHistory {
 public:
  /// `types` as for CompareSchemas.
  SchemaHistory(Compatibility compatibility, bool types)
      : compatibility_(compatibility), types_(types) {}

  struct Conflict {
    std::string earlier;  ///< the name under which the other schema was added
    SchemaChangeItem change;
  };
  /// Add `schema` of `name` and compare it with all before it. The first conflict, the
  /// newest schema first.
  std::optional<Conflict> Add(const std::string& name,
                              std::shared_ptr<arrow::Schema> schema);
  /// What was added, each schema under the name that it first had.
  const std::vector<std::pair<std::string, std::shared_ptr<arrow::Schema>>>& seen()
      const {
    return seen_;
  }

 private:
  const Compatibility compatibility_;
  const bool types_;
  std::vector<std::pair<std::string, std::shared_ptr<arrow::Schema>>> seen_;  // distinct
};

/// Turns rows of a later schema into rows of the earlier. Immutable; thread-safe.
class SchemaAdaptor {
 public:
  /// Every change between the two must be acceptable to SchemaPolicy::kFlexible.
  SchemaAdaptor(std::shared_ptr<arrow::Schema> earlier,
                const std::shared_ptr<arrow::Schema>& later);

  /// The columns of the later schema, ascending, that rows of `wanted` columns of the
  /// earlier are made from.
  std::vector<int> Needed(const std::vector<int>& wanted) const;
  /// Where column `earlier` of the earlier schema stands in the later; −1 if nowhere.
  int SourceOf(int earlier) const { return sources_[static_cast<size_t>(earlier)]; }
  const arrow::Schema& earlier() const { return *earlier_; }

  /// A row that can't be one of the earlier schema.
  struct BadRow {
    int64_t row = 0;  ///< in the batch that was given
    std::string column;
    std::string value;  ///< as text
  };
  struct Adapted {
    std::shared_ptr<arrow::RecordBatch> rows;  ///< without the bad ones
    std::vector<BadRow> bad;                   ///< ascending, one for each row
  };
  /// `rows` have the columns Needed(wanted).
  Result<Adapted> Adapt(const arrow::RecordBatch& rows, const std::vector<int>& wanted,
                        arrow::MemoryPool* pool) const;

 private:
  const std::shared_ptr<arrow::Schema> earlier_;
  std::vector<int> sources_;  // of each earlier column, −1 for none
};

}  // namespace millrace::data
