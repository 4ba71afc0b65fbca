#include "millrace/expr/expression.h"

#include <algorithm>
#include <cctype>

#include <arrow/buffer.h>
#include <arrow/scalar.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include "millrace/base/calendar.h"
#include "millrace/data/type_name.h"
#include "millrace/expr/errors.h"
#include "millrace/expr/function.h"

namespace millrace::expr {

namespace {

// Columns show the stream's type: dictionary encoding is a matter of one batch.
TypePtr WithoutDictionary(TypePtr type) {
  if (type->id() != arrow::Type::DICTIONARY) return type;
  return static_cast<const arrow::DictionaryType&>(*type).value_type();
}

std::string Quoted(const std::string& text, char quote) {
  std::string out(1, quote);
  for (char c : text) {
    if (c == quote) out += c;
    out += c;
  }
  return out + quote;
}

bool IsIdentifier(const std::string& name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '.' || c >= 0x80;
  });
}

// The type is part of the text, because 1 and 1::BIGINT are different expressions.
std::string LiteralText(const arrow::Scalar& value) {
  const std::string type = data::SqlTypeName(*value.type);
  if (!value.is_valid)
    return value.type->id() == arrow::Type::NA ? "NULL" : "NULL::" + type;
  switch (value.type->id()) {
    case arrow::Type::BOOL:
    case arrow::Type::INT32: return value.ToString();
    case arrow::Type::STRING: return Quoted(value.ToString(), '\'');
    // Arrow rounds doubles in ToString; two different ones must not read the same.
    case arrow::Type::DOUBLE:
      return fmt::format("{}::{}", static_cast<const arrow::DoubleScalar&>(value).value,
                         type);
    case arrow::Type::FLOAT:
      return fmt::format("{}::{}", static_cast<const arrow::FloatScalar&>(value).value,
                         type);
    case arrow::Type::BINARY: {
      // Bytes need not be UTF-8, which this text is.
      std::string out = "X'";
      for (unsigned char byte :
           std::string_view(*static_cast<const arrow::BinaryScalar&>(value).value)) {
        out += fmt::format("{:02X}", byte);
      }
      return out + "'";
    }
    // Arrow leaves values of long lists out.
    case arrow::Type::LIST:
    case arrow::Type::MAP: {
      const auto& values = *static_cast<const arrow::BaseListScalar&>(value).value;
      std::string out = "[";
      for (int64_t i = 0; i < values.length(); ++i) {
        const auto item = values.GetScalar(i);
        out += (i > 0 ? ", " : "") + (item.ok() ? LiteralText(**item) : "?");
      }
      return out + "]::" + type;
    }
    case arrow::Type::STRUCT: {
      std::string out = "(";
      for (const auto& item : static_cast<const arrow::StructScalar&>(value).value) {
        out += (out.size() > 1 ? ", " : "") + LiteralText(*item);
      }
      return out + ")::" + type;
    }
    case arrow::Type::INTERVAL_MONTH_DAY_NANO: {
      const auto& interval =
          static_cast<const arrow::MonthDayNanoIntervalScalar&>(value).value;
      std::string out = "INTERVAL '";
      AppendInterval(interval.months, interval.days, interval.nanoseconds, &out);
      return out + "'";
    }
    case arrow::Type::INT64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256: return value.ToString() + "::" + type;
    default: return Quoted(value.ToString(), '\'') + "::" + type;
  }
}

bool IsInfix(const std::string& name) {
  return name == "and" || name == "or" ||
         !(std::isalnum(static_cast<unsigned char>(name[0])) || name[0] == '_');
}

std::string CallText(const std::string& name, const std::vector<ExprPtr>& arguments) {
  if (IsInfix(name) && arguments.size() >= 2) {
    std::string separator = " " + name + " ";
    std::transform(separator.begin(), separator.end(), separator.begin(),
                   [](unsigned char c) { return std::toupper(c); });
    std::string out = "(";
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (i > 0) out += separator;
      out += arguments[i]->ToString();
    }
    return out + ")";
  }
  std::string out = name + "(";
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) out += ", ";
    out += arguments[i]->ToString();
  }
  return out + ")";
}

std::string TypeList(const std::vector<TypePtr>& types) {
  std::string out;
  for (const TypePtr& type : types) {
    if (!out.empty()) out += ", ";
    out += data::SqlTypeName(*type);
  }
  return out;
}

}  // namespace

ExprPtr Expr::Literal(std::shared_ptr<arrow::Scalar> value) {
  auto node = std::shared_ptr<Expr>(new Expr());
  node->kind_ = ExprKind::kLiteral;
  node->type_ = value->type;
  node->literal_ = std::move(value);
  return node;
}

ExprPtr Expr::Column(int index, std::string name, TypePtr type) {
  auto node = std::shared_ptr<Expr>(new Expr());
  node->kind_ = ExprKind::kColumn;
  node->type_ = WithoutDictionary(std::move(type));
  node->column_ = index;
  node->name_ = std::move(name);
  return node;
}

Result<ExprPtr> Expr::Call(const FunctionRegistry& functions, const std::string& name,
                           std::vector<ExprPtr> arguments) {
  const ScalarFunction* function = functions.FindScalar(name);
  if (function == nullptr) {
    if (functions.FindAggregate(name) != nullptr) {
      return errors::kUnknownFunction.Make(
          {}, "{} is an aggregate function and needs a group of rows", name);
    }
    const std::string nearest = functions.Nearest(name);
    return errors::kUnknownFunction.MakeText(
        {}, nearest.empty() ? name : name + "; did you mean " + nearest + "?");
  }
  std::vector<TypePtr> types;
  std::vector<std::shared_ptr<arrow::Scalar>> literals;
  for (const ExprPtr& argument : arguments) {
    types.push_back(argument->type());
    literals.push_back(argument->literal());
  }
  ARROW_ASSIGN_OR_RAISE(const Binding binding, function->bind(types, literals));
  if (binding.argument_types.size() != arguments.size()) {
    return errors::kBadArguments.Make({}, "{}({}); it is {}", name, TypeList(types),
                                      function->doc.signature);
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    arguments[i] = Cast(std::move(arguments[i]), binding.argument_types[i]);
  }
  if (function->control == Control::kIf) {
    return Case({arguments[0]}, {arguments[1]}, arguments[2]);
  }
  return BoundCall(function, std::move(arguments), binding.result);
}

ExprPtr Expr::BoundCall(const ScalarFunction* function, std::vector<ExprPtr> arguments,
                        TypePtr type) {
  auto node = std::shared_ptr<Expr>(new Expr());
  node->kind_ = ExprKind::kCall;
  node->type_ = std::move(type);
  node->function_ = function;
  node->children_ = std::move(arguments);
  return node;
}

ExprPtr Expr::Cast(ExprPtr input, TypePtr to, bool lenient) {
  if (input->type()->Equals(*to)) return input;
  auto node = std::shared_ptr<Expr>(new Expr());
  node->kind_ = ExprKind::kCast;
  node->type_ = std::move(to);
  node->lenient_ = lenient;
  node->children_.push_back(std::move(input));
  return node;
}

ExprPtr Expr::Case(std::vector<ExprPtr> conditions, std::vector<ExprPtr> values,
                   ExprPtr otherwise) {
  auto node = std::shared_ptr<Expr>(new Expr());
  node->kind_ = ExprKind::kCase;
  node->type_ = otherwise->type();
  for (size_t i = 0; i < conditions.size(); ++i) {
    node->children_.push_back(std::move(conditions[i]));
    node->children_.push_back(std::move(values[i]));
  }
  node->children_.push_back(std::move(otherwise));
  return node;
}

ExprPtr Expr::WithChildren(std::vector<ExprPtr> children) const {
  auto node = std::shared_ptr<Expr>(new Expr(*this));
  node->children_ = std::move(children);
  return node;
}

ExprPtr Expr::WithSource(std::shared_ptr<const Source> source) const {
  auto node = std::shared_ptr<Expr>(new Expr(*this));
  node->source_ = std::move(source);
  return node;
}

std::string Expr::ToString() const {
  switch (kind_) {
    case ExprKind::kLiteral: return LiteralText(*literal_);
    case ExprKind::kColumn:
      return fmt::format("{}#{}", IsIdentifier(name_) ? name_ : Quoted(name_, '"'),
                         column_);
    case ExprKind::kCall: return CallText(function_->doc.name, children_);
    case ExprKind::kCast:
      return fmt::format("{}({} AS {})", lenient_ ? "TRY_CAST" : "CAST",
                         children_[0]->ToString(), data::SqlTypeName(*type_));
    case ExprKind::kCase: {
      std::string out = "CASE";
      for (size_t i = 0; i + 1 < children_.size(); i += 2) {
        out += fmt::format(" WHEN {} THEN {}", children_[i]->ToString(),
                           children_[i + 1]->ToString());
      }
      return out + " ELSE " + children_.back()->ToString() + " END";
    }
  }
  return {};
}

bool Expr::is_constant() const {
  if (kind_ == ExprKind::kColumn) return false;
  if (kind_ == ExprKind::kCall && !function_->deterministic) return false;
  return std::all_of(children_.begin(), children_.end(),
                     [](const ExprPtr& child) { return child->is_constant(); });
}

bool Expr::is_deterministic() const {
  if (kind_ == ExprKind::kCall && !function_->deterministic) return false;
  return std::all_of(children_.begin(), children_.end(),
                     [](const ExprPtr& child) { return child->is_deterministic(); });
}

}  // namespace millrace::expr
