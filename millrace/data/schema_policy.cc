#include "millrace/data/schema_policy.h"

#include <algorithm>

#include <arrow/compute/cast.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include "millrace/data/type_name.h"

namespace millrace::data {

namespace {

using arrow::DataType;
using arrow::Type;

bool IsText(Type::type id) { return id == Type::STRING || id == Type::LARGE_STRING; }
bool IsBytes(Type::type id) { return id == Type::BINARY || id == Type::LARGE_BINARY; }

// Bits of a whole number's magnitude.
int MagnitudeBits(const DataType& type) {
  const int bits = arrow::bit_width(type.id());
  return arrow::is_signed_integer(type.id()) ? bits - 1 : bits;
}

bool TimestampFits(const DataType& from, const DataType& to) {
  const auto& a = static_cast<const arrow::TimestampType&>(from);
  const auto& b = static_cast<const arrow::TimestampType&>(to);
  // Finer units reach less far: nanoseconds end in 2262.
  return a.timezone().empty() == b.timezone().empty() && a.unit() <= b.unit() &&
         (b.unit() != arrow::TimeUnit::NANO || a.unit() == b.unit());
}

// Does every value of `from` have its equal in `to`?
bool EveryValueFits(const DataType& from, const DataType& to) {
  if (from.Equals(to)) return true;
  const Type::type a = from.id(), b = to.id();
  if (IsText(a) && IsText(b)) return a == Type::STRING;
  if (IsBytes(a) && IsBytes(b)) return a == Type::BINARY;
  if (arrow::is_integer(a) && arrow::is_integer(b)) {
    const bool sign_fits = arrow::is_signed_integer(b) || arrow::is_unsigned_integer(a);
    return sign_fits && MagnitudeBits(from) <= MagnitudeBits(to);
  }
  // A double holds whole numbers of 53 bits, a float of 24.
  if (arrow::is_integer(a) && b == Type::DOUBLE) return MagnitudeBits(from) <= 53;
  if (arrow::is_integer(a) && b == Type::FLOAT) return MagnitudeBits(from) <= 24;
  if (a == Type::FLOAT && b == Type::DOUBLE) return true;
  if (arrow::is_decimal(a) && arrow::is_decimal(b)) {
    const auto& x = static_cast<const arrow::DecimalType&>(from);
    const auto& y = static_cast<const arrow::DecimalType&>(to);
    return y.scale() >= x.scale() &&
           y.precision() - y.scale() >= x.precision() - x.scale();
  }
  if (a == Type::TIMESTAMP && b == Type::TIMESTAMP) return TimestampFits(from, to);
  return false;
}

ChangeKind TypeChange(const std::shared_ptr<DataType>& earlier,
                      const std::shared_ptr<DataType>& later) {
  if (EveryValueFits(*later, *earlier)) return ChangeKind::kNarrowed;
  if (!arrow::compute::CanCast(*later, *earlier)) return ChangeKind::kUnrelated;
  return EveryValueFits(*earlier, *later) ? ChangeKind::kWidened : ChangeKind::kRetyped;
}

}  // namespace

std::string SchemaChangeItem::ToString() const {
  switch (kind) {
    case ChangeKind::kReordered: return "the columns have another order";
    case ChangeKind::kAdded:
    case ChangeKind::kAddedRequired:
      return fmt::format("column {} {} was added", column, SqlTypeName(*later));
    case ChangeKind::kRemoved:
    case ChangeKind::kRemovedRequired:
      return fmt::format("column {} {} is missing", column, SqlTypeName(*earlier));
    case ChangeKind::kNullsAllowed:
      return fmt::format("column {} may hold NULL now", column);
    case ChangeKind::kNullsForbidden:
      return fmt::format("column {} is NOT NULL now", column);
    case ChangeKind::kNarrowed:
    case ChangeKind::kWidened:
    case ChangeKind::kRetyped:
    case ChangeKind::kUnrelated: break;
  }
  return fmt::format("column {}: {} became {}", column, SqlTypeName(*earlier),
                     SqlTypeName(*later));
}

std::vector<SchemaChangeItem> CompareSchemas(const arrow::Schema& earlier,
                                             const arrow::Schema& later, bool types) {
  std::vector<SchemaChangeItem> out;
  int before = -1;
  bool reordered = false;
  for (const auto& field : earlier.fields()) {
    const int at = later.GetFieldIndex(field->name());
    if (at < 0) {
      out.push_back(
          {field->nullable() ? ChangeKind::kRemoved : ChangeKind::kRemovedRequired,
           field->name(), field->type(), nullptr});
      continue;
    }
    reordered |= at < before;
    before = at;
    if (!types) continue;
    const auto& other = later.field(at);
    if (!field->type()->Equals(*other->type())) {
      out.push_back({TypeChange(field->type(), other->type()), field->name(),
                     field->type(), other->type()});
    }
    if (field->nullable() != other->nullable()) {
      out.push_back(
          {other->nullable() ? ChangeKind::kNullsAllowed : ChangeKind::kNullsForbidden,
           field->name(), field->type(), other->type()});
    }
  }
  for (const auto& field : later.fields()) {
    if (earlier.GetFieldIndex(field->name()) >= 0) continue;
    const bool required = types && !field->nullable();
    out.push_back({required ? ChangeKind::kAddedRequired : ChangeKind::kAdded,
                   field->name(), nullptr, field->type()});
  }
  if (reordered) out.insert(out.begin(), SchemaChangeItem{});
  return out;
}

bool Accepts(SchemaPolicy policy, ChangeKind change) {
  if (policy == SchemaPolicy::kStrict) return false;
  switch (change) {
    case ChangeKind::kReordered:
    case ChangeKind::kAdded:
    case ChangeKind::kRemoved:
    case ChangeKind::kNarrowed:
    case ChangeKind::kNullsForbidden: return true;
    case ChangeKind::kAddedRequired:
    case ChangeKind::kWidened:
    case ChangeKind::kRetyped:
    case ChangeKind::kNullsAllowed: return policy == SchemaPolicy::kFlexible;
    case ChangeKind::kRemovedRequired:
    case ChangeKind::kUnrelated: return false;
  }
  return false;
}

std::string_view AcceptedBy(ChangeKind change) {
  if (Accepts(SchemaPolicy::kDefault, change)) return "default or flexible";
  return Accepts(SchemaPolicy::kFlexible, change) ? "flexible" : "";
}

bool IsTransitive(Compatibility compatibility) {
  return compatibility == Compatibility::kBackwardTransitive ||
         compatibility == Compatibility::kForwardTransitive ||
         compatibility == Compatibility::kFullTransitive;
}

bool Allows(Compatibility compatibility, ChangeKind change) {
  bool backward = true, forward = true;
  switch (change) {
    case ChangeKind::kReordered:
    case ChangeKind::kAdded:
    case ChangeKind::kRemoved: break;
    // The earlier rows have no value for it.
    case ChangeKind::kAddedRequired: backward = false; break;
    // The later rows have none.
    case ChangeKind::kRemovedRequired: forward = false; break;
    case ChangeKind::kNarrowed: backward = false; break;
    case ChangeKind::kWidened: forward = false; break;
    case ChangeKind::kRetyped:
    case ChangeKind::kUnrelated: backward = forward = false; break;
    case ChangeKind::kNullsAllowed: forward = false; break;
    case ChangeKind::kNullsForbidden: backward = false; break;
  }
  switch (compatibility) {
    case Compatibility::kNone: return true;
    case Compatibility::kBackward:
    case Compatibility::kBackwardTransitive: return backward;
    case Compatibility::kForward:
    case Compatibility::kForwardTransitive: return forward;
    case Compatibility::kFull:
    case Compatibility::kFullTransitive: return backward && forward;
  }
  return true;
}

std::optional<SchemaHistory::Conflict> SchemaHistory::Add(
    const std::string& name, std::shared_ptr<arrow::Schema> schema) {
  for (auto earlier = seen_.rbegin(); earlier != seen_.rend(); ++earlier) {
    if (earlier->second->Equals(*schema, /*check_metadata=*/false)) return std::nullopt;
  }
  for (auto earlier = seen_.rbegin(); earlier != seen_.rend(); ++earlier) {
    for (SchemaChangeItem& change : CompareSchemas(*earlier->second, *schema, types_)) {
      if (!Allows(compatibility_, change.kind))
        return Conflict{earlier->first, std::move(change)};
    }
  }
  seen_.emplace_back(name, std::move(schema));
  return std::nullopt;
}

}  // namespace millrace::data
