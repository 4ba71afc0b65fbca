#include "millrace/data/predicate.h"

#include <arrow/scalar.h>

namespace millrace::data {

namespace {

const char* Symbol(Predicate::Comparison comparison) {
  switch (comparison) {
    case Predicate::Comparison::kEqual: return "=";
    case Predicate::Comparison::kNotEqual: return "<>";
    case Predicate::Comparison::kLess: return "<";
    case Predicate::Comparison::kLessEqual: return "<=";
    case Predicate::Comparison::kGreater: return ">";
    case Predicate::Comparison::kGreaterEqual: return ">=";
  }
  return "?";
}

std::string Joined(const Predicate& predicate, const char* word) {
  std::string out = "(";
  for (size_t i = 0; i < predicate.children.size(); ++i) {
    if (i > 0) out += word;
    out += predicate.children[i]->ToString();
  }
  return out + ")";
}

}  // namespace

std::string Predicate::ToString() const {
  switch (kind) {
    case Kind::kAnd: return Joined(*this, " AND ");
    case Kind::kOr: return Joined(*this, " OR ");
    case Kind::kNot: return "NOT " + children[0]->ToString();
    case Kind::kCompare:
      return column + " " + Symbol(comparison) + " " + values[0]->ToString();
    case Kind::kIsNull: return column + " IS NULL";
    case Kind::kPrefix: return column + " LIKE " + values[0]->ToString() + "%";
    case Kind::kIn: {
      std::string out = column + " IN (";
      for (size_t i = 0; i < values.size(); ++i)
        out += (i > 0 ? ", " : "") + values[i]->ToString();
      return out + ")";
    }
  }
  return "";
}

namespace {

bool AllKnown(const Predicate& predicate,
              const std::function<bool(const std::string&)>& known) {
  if (!predicate.column.empty()) return known(predicate.column);
  for (const PredicatePtr& child : predicate.children) {
    if (!AllKnown(*child, known)) return false;
  }
  return true;
}

}  // namespace

PredicatePtr OnlyOf(const PredicatePtr& predicate,
                    const std::function<bool(const std::string&)>& known) {
  if (!predicate || AllKnown(*predicate, known)) return predicate;
  if (predicate->kind != Predicate::Kind::kAnd) return nullptr;
  auto out = std::make_shared<Predicate>(*predicate);
  out->children.clear();
  for (const PredicatePtr& child : predicate->children) {
    if (auto left = OnlyOf(child, known)) out->children.push_back(std::move(left));
  }
  if (out->children.empty()) return nullptr;
  return out;
}

}  // namespace millrace::data
