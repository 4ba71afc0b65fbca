// The reader declared in sql_expression.h.
#include <cctype>

#include <arrow/util/decimal.h>

#include "millrace/base/testing.h"
#include "millrace/expr/cast.h"
#include "millrace/functions/tests/sql_expression.h"

namespace millrace::functions {

namespace {

using expr::Expr;
using expr::ExprPtr;

class ExpressionReader {
 public:
  ExpressionReader(const std::string& sql, Fixture& fixture)
      : sql_(sql), fixture_(fixture) {}

  Result<ExprPtr> Read() {
    ARROW_ASSIGN_OR_RAISE(ExprPtr expr, Or());
    Blanks();
    if (at_ != sql_.size()) return Status::Invalid("left over: ", sql_.substr(at_));
    return expr;
  }

 private:
  void Blanks() {
    while (at_ < sql_.size() && sql_[at_] == ' ') ++at_;
  }
  static bool IsWord(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  }
  bool Symbol(const std::string& symbol) {
    Blanks();
    if (sql_.compare(at_, symbol.size(), symbol) != 0) return false;
    at_ += symbol.size();
    return true;
  }
  bool Keyword(const std::string& word) {
    Blanks();
    for (size_t i = 0; i < word.size(); ++i) {
      if (at_ + i >= sql_.size() ||
          std::toupper(static_cast<unsigned char>(sql_[at_ + i])) != word[i]) {
        return false;
      }
    }
    if (at_ + word.size() < sql_.size() && IsWord(sql_[at_ + word.size()])) return false;
    at_ += word.size();
    return true;
  }
  Result<ExprPtr> Call(const std::string& name, std::vector<ExprPtr> arguments) {
    return Expr::Call(fixture_.registry, name, std::move(arguments));
  }

  Result<ExprPtr> Or() {
    ARROW_ASSIGN_OR_RAISE(ExprPtr left, And());
    while (Keyword("OR")) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr right, And());
      ARROW_ASSIGN_OR_RAISE(left, Call("or", {left, right}));
    }
    return left;
  }
  Result<ExprPtr> And() {
    ARROW_ASSIGN_OR_RAISE(ExprPtr left, Not());
    while (Keyword("AND")) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr right, Not());
      ARROW_ASSIGN_OR_RAISE(left, Call("and", {left, right}));
    }
    return left;
  }
  Result<ExprPtr> Not() {
    if (Keyword("NOT")) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr inner, Not());
      return Call("not", {inner});
    }
    return Comparison();
  }
  Result<ExprPtr> Comparison() {
    ARROW_ASSIGN_OR_RAISE(ExprPtr left, Sum());
    for (const char* op : {"<=", ">=", "<>", "=", "<", ">"}) {
      if (!Symbol(op)) continue;
      ARROW_ASSIGN_OR_RAISE(ExprPtr right, Sum());
      return Call(op, {left, right});
    }
    return left;
  }
  Result<ExprPtr> Sum() {
    ARROW_ASSIGN_OR_RAISE(ExprPtr left, Product());
    for (;;) {
      std::string op;
      if (Symbol("||")) {
        op = "||";
      } else if (Symbol("+")) {
        op = "+";
      } else if (Symbol("-")) {
        op = "-";
      } else {
        return left;
      }
      ARROW_ASSIGN_OR_RAISE(ExprPtr right, Product());
      ARROW_ASSIGN_OR_RAISE(left, Call(op, {left, right}));
    }
  }
  Result<ExprPtr> Product() {
    ARROW_ASSIGN_OR_RAISE(ExprPtr left, Unary());
    for (;;) {
      std::string op;
      if (Symbol("*")) {
        op = "*";
      } else if (Symbol("/")) {
        op = "/";
      } else if (Symbol("%")) {
        op = "%";
      } else {
        return left;
      }
      ARROW_ASSIGN_OR_RAISE(ExprPtr right, Unary());
      ARROW_ASSIGN_OR_RAISE(left, Call(op, {left, right}));
    }
  }
  Result<ExprPtr> Unary() {
    Blanks();
    if (at_ < sql_.size() && sql_[at_] == '-') {
      ++at_;
      // -2147483648 must not pass through its positive twin.
      if (at_ < sql_.size() && std::isdigit(static_cast<unsigned char>(sql_[at_]))) {
        return Suffix(Number(true));
      }
      ARROW_ASSIGN_OR_RAISE(ExprPtr inner, Unary());
      return Call("-", {inner});
    }
    return Suffix(Primary());
  }
  Result<ExprPtr> Suffix(Result<ExprPtr> parsed) {
    ARROW_ASSIGN_OR_RAISE(ExprPtr expr, std::move(parsed));
    while (Symbol("::")) {
      ARROW_ASSIGN_OR_RAISE(auto type, Type());
      expr = Expr::Cast(expr, type);
    }
    return expr;
  }
  Result<ExprPtr> Primary() {
    Blanks();
    if (at_ == sql_.size()) return Status::Invalid("unexpected end of ", sql_);
    if (Symbol("(")) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr inner, Or());
      if (!Symbol(")")) return Status::Invalid("no ) in ", sql_);
      return inner;
    }
    if (sql_[at_] == '\'') {
      ARROW_ASSIGN_OR_RAISE(std::string text, Text());
      return Expr::Literal(arrow::MakeScalar(text));
    }
    if (std::isdigit(static_cast<unsigned char>(sql_[at_]))) return Number(false);
    if (Keyword("NULL")) return Expr::Literal(std::make_shared<arrow::NullScalar>());
    if (Keyword("TRUE")) return Expr::Literal(arrow::MakeScalar(true));
    if (Keyword("FALSE")) return Expr::Literal(arrow::MakeScalar(false));
    if (Keyword("CASE")) return Case();
    if (Keyword("TRY_CAST")) return Cast(true);
    if (Keyword("CAST")) return Cast(false);
    std::string word;
    while (at_ < sql_.size() && IsWord(sql_[at_])) word += sql_[at_++];
    if (word.empty()) return Status::Invalid("can't read ", sql_.substr(at_));
    Blanks();
    if (at_ < sql_.size() && sql_[at_] == '\'') return Typed(word);
    if (Symbol("(")) {
      std::vector<ExprPtr> arguments;
      while (!Symbol(")")) {
        ARROW_ASSIGN_OR_RAISE(ExprPtr argument, Or());
        arguments.push_back(argument);
        Symbol(",");
      }
      return Call(word, std::move(arguments));
    }
    const int index = fixture_.schema->GetFieldIndex(word);
    if (index < 0) return Status::Invalid("no column ", word);
    return Expr::Column(index, word, fixture_.schema->field(index)->type());
  }
  Result<ExprPtr> Case() {
    std::vector<ExprPtr> conditions, values;
    ExprPtr otherwise;
    while (Keyword("WHEN")) {
      ARROW_ASSIGN_OR_RAISE(ExprPtr condition, Or());
      if (!Keyword("THEN")) return Status::Invalid("no THEN");
      ARROW_ASSIGN_OR_RAISE(ExprPtr value, Or());
      conditions.push_back(condition);
      values.push_back(value);
    }
    if (Keyword("ELSE")) {
      ARROW_ASSIGN_OR_RAISE(otherwise, Or());
    } else {
      otherwise = Expr::Literal(std::make_shared<arrow::NullScalar>());
    }
    if (!Keyword("END")) return Status::Invalid("no END");
    auto type = otherwise->type();
    for (const ExprPtr& value : values) type = expr::CommonType(type, value->type());
    if (type == nullptr) return Status::Invalid("values without a common type");
    for (ExprPtr& value : values) value = Expr::Cast(value, type);
    return Expr::Case(conditions, values, Expr::Cast(otherwise, type));
  }
  Result<ExprPtr> Cast(bool lenient) {
    if (!Symbol("(")) return Status::Invalid("no (");
    ARROW_ASSIGN_OR_RAISE(ExprPtr inner, Or());
    if (!Keyword("AS")) return Status::Invalid("no AS");
    ARROW_ASSIGN_OR_RAISE(auto type, Type());
    if (!Symbol(")")) return Status::Invalid("no )");
    return Expr::Cast(inner, type, lenient);
  }
  Result<std::string> Text() {
    std::string text;
    for (++at_; at_ < sql_.size(); ++at_) {
      if (sql_[at_] == '\'') {
        if (at_ + 1 < sql_.size() && sql_[at_ + 1] == '\'') {
          ++at_;
        } else {
          ++at_;
          return text;
        }
      }
      text += sql_[at_];
    }
    return Status::Invalid("text without end");
  }
  Result<ExprPtr> Number(bool negative) {
    std::string digits = negative ? "-" : "";
    int scale = -1;
    while (at_ < sql_.size() &&
           (std::isdigit(static_cast<unsigned char>(sql_[at_])) || sql_[at_] == '.')) {
      if (sql_[at_] == '.') {
        scale = 0;
      } else if (scale >= 0) {
        ++scale;
      }
      digits += sql_[at_++];
    }
    if (scale >= 0) {
      arrow::Decimal128 value;
      int32_t precision, parsed_scale;
      ARROW_RETURN_NOT_OK(
          arrow::Decimal128::FromString(digits, &value, &precision, &parsed_scale));
      return Expr::Literal(std::make_shared<arrow::Decimal128Scalar>(
          value, arrow::decimal128(precision, parsed_scale)));
    }
    const bool small =
        digits.size() < 10 || std::stoll(digits) == int32_t(std::stoll(digits));
    ARROW_ASSIGN_OR_RAISE(
        auto value,
        arrow::Scalar::Parse(small ? arrow::int32() : arrow::int64(), digits));
    return Expr::Literal(value);
  }
  Result<std::shared_ptr<arrow::DataType>> Type() {
    Blanks();
    std::string word;
    while (at_ < sql_.size() && IsWord(sql_[at_])) word += sql_[at_++];
    if (word == "BIGINT") return arrow::int64();
    if (word == "INTEGER") return arrow::int32();
    if (word == "SMALLINT") return arrow::int16();
    if (word == "TINYINT") return arrow::int8();
    if (word == "UBIGINT") return arrow::uint64();
    if (word == "DOUBLE") return arrow::float64();
    if (word == "REAL") return arrow::float32();
    if (word == "VARCHAR") return arrow::utf8();
    if (word == "BOOLEAN") return arrow::boolean();
    if (word == "DATE") return arrow::date32();
    if (word == "TIMESTAMP") return arrow::timestamp(arrow::TimeUnit::MICRO);
    if (word == "TIMESTAMPTZ") return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
    if (word == "DECIMAL") {
      int precision = 0, scale = 0;
      if (std::sscanf(sql_.c_str() + at_, "(%d,%d)", &precision, &scale) != 2) {
        return Status::Invalid("DECIMAL needs (p,s)");
      }
      at_ = sql_.find(')', at_) + 1;
      return arrow::decimal128(precision, scale);
    }
    return Status::Invalid("no type ", word);
  }
  Result<ExprPtr> Typed(const std::string& word) {
    ARROW_ASSIGN_OR_RAISE(std::string text, Text());
    if (word == "INTERVAL") {
      std::string unit;
      Blanks();
      while (at_ < sql_.size() && IsWord(sql_[at_])) unit += sql_[at_++];
      const int64_t count = std::stoll(text);
      arrow::MonthDayNanoIntervalType::MonthDayNanos value{0, 0, 0};
      if (unit == "MONTH") value.months = static_cast<int32_t>(count);
      if (unit == "DAY") value.days = static_cast<int32_t>(count);
      if (unit == "HOUR") value.nanoseconds = count * 3'600'000'000'000;
      if (unit == "SECOND") value.nanoseconds = count * 1'000'000'000;
      return Expr::Literal(std::make_shared<arrow::MonthDayNanoIntervalScalar>(value));
    }
    const size_t back = at_;
    const ExprPtr literal = Expr::Literal(arrow::MakeScalar(text));
    const std::string type_name = word;
    ExpressionReader type_reader(type_name, fixture_);
    ARROW_ASSIGN_OR_RAISE(auto type, type_reader.Type());
    at_ = back;
    return expr::FoldConstants(Expr::Cast(literal, type), fixture_.context);
  }

  const std::string& sql_;
  Fixture& fixture_;
  size_t at_ = 0;
};

}  // namespace

Fixture::Fixture() {
  const Status status = RegisterAll(registry);
  if (!status.ok()) ADD_FAILURE() << ErrorText(status);
  arrow_context.set_use_threads(false);
  context.pool = arrow_context.memory_pool();
  context.arrow = &arrow_context;
  context.clock = &clock;
}

Result<ExprPtr> Fixture::Parse(const std::string& sql) {
  return ExpressionReader(sql, *this).Read();
}

Result<std::string> CsvText(const std::shared_ptr<arrow::Scalar>& value,
                            expr::EvalContext& context) {
  if (!value->is_valid) return std::string();
  if (value->type->id() == arrow::Type::INTERVAL_MONTH_DAY_NANO) {
    const auto& v = static_cast<const arrow::MonthDayNanoIntervalScalar&>(*value).value;
    return std::to_string(v.months) + "M" + std::to_string(v.days) + "d" +
           std::to_string(v.nanoseconds) + "ns";
  }
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum text,
      expr::CastDatum(arrow::Datum(value), arrow::utf8(), false, "value", context));
  return text.scalar()->ToString();
}

Result<std::string> Fixture::Value(const std::string& sql) {
  ARROW_ASSIGN_OR_RAISE(ExprPtr expr, Parse(sql));
  const auto one = arrow::RecordBatch::Make(arrow::schema(arrow::FieldVector()), 1,
                                            arrow::ArrayVector());
  ARROW_ASSIGN_OR_RAISE(auto array, expr::EvaluateToArray(*expr, *one, context));
  if (!array->type()->Equals(*expr->type())) {
    return Status::Invalid("type ", array->type()->ToString(), " is not the bound ",
                           expr->type()->ToString());
  }
  ARROW_ASSIGN_OR_RAISE(auto scalar, array->GetScalar(0));
  return CsvText(scalar, context);
}

Result<std::vector<std::string>> Fixture::Values(const std::string& sql,
                                                 const arrow::RecordBatch& rows) {
  schema = rows.schema();
  ARROW_ASSIGN_OR_RAISE(ExprPtr expr, Parse(sql));
  ARROW_ASSIGN_OR_RAISE(auto array, expr::EvaluateToArray(*expr, rows, context));
  ARROW_RETURN_NOT_OK(array->ValidateFull());
  std::vector<std::string> out;
  for (int64_t i = 0; i < array->length(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto scalar, array->GetScalar(i));
    if (scalar->type->id() == arrow::Type::DICTIONARY) {
      ARROW_ASSIGN_OR_RAISE(
          scalar, static_cast<const arrow::DictionaryScalar&>(*scalar).GetEncodedValue());
    }
    ARROW_ASSIGN_OR_RAISE(std::string text, CsvText(scalar, context));
    out.push_back(scalar->is_valid ? text : "NULL");
  }
  return out;
}

}  // namespace millrace::functions
