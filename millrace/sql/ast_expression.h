// Expressions as parsed: names are not resolved, nothing has a type yet.
//
// Trees are immutable and shared, so that a CTE may be bound several times.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/sql/interval.h"
#include "millrace/sql/token.h"

namespace millrace::sql {

struct Expression;
struct Query;
using ExpressionPtr = std::shared_ptr<const Expression>;
using QueryPtr = std::shared_ptr<const Query>;

/// A name as written. Names compare without regard to case.
struct Identifier {
  std::string text;
  bool quoted = false;
  Location where;
};

/// a.b.c
using Path = std::vector<Identifier>;

/// A span of time in a clause that takes nothing else.
struct Duration {
  Interval value;
  Location where;
};

struct TypeName {
  std::shared_ptr<arrow::DataType> type;
  Location where;
};

struct OrderItem {
  ExpressionPtr value;
  bool descending = false;
  std::optional<bool> nulls_first;  ///< absent: the default of the dialect
};

// --- windows of OVER ----------------------------------------------------------------

struct FrameBound {
  enum class Kind {
    kUnboundedPreceding,
    kPreceding,
    kCurrentRow,
    kFollowing,
    kUnboundedFollowing
  };
  Kind kind = Kind::kUnboundedPreceding;
  ExpressionPtr offset;  ///< kPreceding, kFollowing
};

struct Frame {
  enum class Unit { kRows, kRange, kGroups };
  Unit unit = Unit::kRange;
  FrameBound begin;
  FrameBound end{FrameBound::Kind::kCurrentRow, nullptr};
};

/// What stands inside OVER (…), or after WINDOW name AS.
struct OverWindow {
  std::optional<Identifier> base;      ///< a named window that this one extends
  std::optional<int64_t> buffer_rows;  ///< ROWS WINDOW BUFFER n ROWS
  std::vector<ExpressionPtr> partition_by;
  std::vector<OrderItem> order_by;
  std::optional<Frame> frame;
  std::optional<Duration> session_gap;  ///< SESSION WITH GAP d
  enum class Emit { kDefault, kEveryRecord, kOnBufferFull };
  Emit emit = Emit::kDefault;
  std::optional<Duration> expire_after;  ///< of inactivity
  bool never_expires = false;
};

// --- nodes --------------------------------------------------------------------------

struct Literal {
  enum class Kind {
    kNull,
    kBoolean,
    kInteger,
    kDecimal,
    kFloat,
    kString,
    kBytes,
    kDate,
    kTime,
    kTimestamp,
    kTimestampTz,
    kInterval
  };
  Kind kind = Kind::kNull;
  std::string text;   ///< as written, quotes and escapes gone; TRUE or FALSE
  Interval interval;  ///< kInterval
};

struct Name {
  Path path;
};

/// * or t.*, with columns left out or replaced.
struct Star {
  Path qualifier;
  std::vector<Identifier> except;
  std::vector<std::pair<ExpressionPtr, Identifier>> replace;
};

struct Unary {
  enum class Op { kMinus, kPlus, kNot };
  Op op = Op::kMinus;
  ExpressionPtr operand;
};

enum class BinaryOp {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kConcat,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kDistinct,
  kNotDistinct,
  kMatch,
  kNotMatch,
  kMatchInsensitive,
  kNotMatchInsensitive,
  kJsonGet,
  kJsonGetText,
  kAtTimeZone
};

struct Binary {
  BinaryOp op = BinaryOp::kAdd;
  ExpressionPtr left, right;
};

/// AND or OR over two or more terms: generated conditions have thousands, which must not
/// become a tree as deep.
struct Logical {
  bool conjunction = true;
  std::vector<ExpressionPtr> terms;
};

struct IsTest {
  enum class What { kNull, kTrue, kFalse, kUnknown };
  ExpressionPtr operand;
  What what = What::kNull;
  bool negated = false;
};

struct LikeTest {
  ExpressionPtr operand, pattern, escape;  ///< escape may be null
  bool ignore_case = false;
  bool negated = false;
};

struct BetweenTest {
  ExpressionPtr operand, low, high;
  bool negated = false;
};

/// IN over a list, or over a query when that is set.
struct InTest {
  ExpressionPtr operand;
  std::vector<ExpressionPtr> list;
  QueryPtr query;
  bool negated = false;
};

struct ExistsTest {
  QueryPtr query;
};

/// x > ANY (…), x = ALL (…)
struct QuantifiedTest {
  ExpressionPtr operand;
  BinaryOp op = BinaryOp::kEqual;
  bool all = false;
  QueryPtr query;
};

struct ScalarQuery {
  QueryPtr query;
};

struct CaseOf {
  ExpressionPtr operand;  ///< null: CASE WHEN condition …
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> branches;
  ExpressionPtr otherwise;  ///< may be null
};

struct CastTo {
  ExpressionPtr operand;
  TypeName type;
  bool lenient = false;  ///< TRY_CAST
};

struct FunctionArgument {
  std::optional<Identifier> name;  ///< name => value
  ExpressionPtr value;
};

/// Special forms are calls too: EXTRACT(f FROM x) is extract('f', x), SUBSTRING(x FROM a
/// FOR b) is substring(x, a, b), POSITION(a IN b) is position(a, b), TRIM(LEADING c FROM
/// x) is ltrim(x, c).
struct FunctionCall {
  Identifier name;
  std::vector<FunctionArgument> arguments;
  bool star = false;  ///< COUNT(*)
  bool distinct = false;
  std::vector<OrderItem> order_by;      ///< inside the parentheses
  std::vector<OrderItem> within_group;  ///< WITHIN GROUP (ORDER BY …)
  std::optional<bool> ignore_nulls;     ///< IGNORE NULLS, RESPECT NULLS
  ExpressionPtr filter;                 ///< may be null
  std::shared_ptr<const OverWindow> over;
  std::optional<Identifier> over_name;  ///< OVER w
};

/// [a, b] or ARRAY[a, b]
struct ArrayOf {
  std::vector<ExpressionPtr> elements;
};

/// MAP {k: v, …}
struct MapOf {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};

/// {'name': value, …}
struct StructOf {
  std::vector<std::pair<Identifier, ExpressionPtr>> fields;
};

/// array[1], map['k']
struct Subscript {
  ExpressionPtr operand, index;
};

/// (expression).field; a.b.c alone is a Name.
struct FieldOf {
  ExpressionPtr operand;
  Identifier field;
};

struct Expression {
  using Node =
      std::variant<Literal, Name, Star, Unary, Binary, Logical, IsTest, LikeTest,
                   BetweenTest, InTest, ExistsTest, QuantifiedTest, ScalarQuery, CaseOf,
                   CastTo, FunctionCall, ArrayOf, MapOf, StructOf, Subscript, FieldOf>;
  Node node;
  Location where;
  int32_t depth = 1;  ///< nodes on the longest path down, queries included

  template <typename T>
  const T* As() const {
    return std::get_if<T>(&node);
  }
};

/// Call `visit` with every direct child; queries inside are not entered.
void ForEachChild(const Expression& expression,
                  const std::function<void(const Expression&)>& visit);

}  // namespace millrace::sql
