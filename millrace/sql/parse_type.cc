// Productions of types.
#include <arrow/type.h>

#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/parser_internal.h"
#include "millrace/sql/types.h"

namespace millrace::sql {

using TypePtr = std::shared_ptr<arrow::DataType>;

Result<TypeName> Parser::ParseOnlyType() {
  ARROW_ASSIGN_OR_RAISE(TypeName type, ParseTypeName());
  if (Peek().kind != TokenKind::kEnd) return Unexpected("the end of the type");
  return type;
}

Result<TypeName> Parser::ParseTypeName() {
  Nested nested(this);
  ARROW_RETURN_NOT_OK(CheckNesting());
  const Location where = Here();
  ARROW_ASSIGN_OR_RAISE(TypePtr type, ParseBaseType());
  // T[] as often as wished; each pair is a level.
  int levels = 0;
  while (AtSymbol("[") && AtSymbol("]", 1)) {
    at_ += 2;
    if (nesting_ + ++levels > kMaxNesting) return TooDeep();
    type = arrow::list(type);
  }
  return TypeName{type, where};
}

Result<TypePtr> Parser::ParseBaseType() {
  const Token word = Peek();
  if (!AtName()) return Unexpected("a type");
  const std::string name =
      word.kind == TokenKind::kWord ? word.keyword : ToUpper(word.text);
  if (name == "ARRAY" && AtSymbol("<", 1)) {
    at_ += 2;
    ARROW_ASSIGN_OR_RAISE(TypeName element, ParseTypeName());
    ARROW_RETURN_NOT_OK(ExpectSymbol(">"));
    return arrow::list(element.type);
  }
  if (name == "MAP" && (AtSymbol("<", 1) || AtSymbol("(", 1))) {
    const std::string close = AtSymbol("<", 1) ? ">" : ")";
    at_ += 2;
    ARROW_ASSIGN_OR_RAISE(TypeName key, ParseTypeName());
    ARROW_RETURN_NOT_OK(ExpectSymbol(","));
    ARROW_ASSIGN_OR_RAISE(TypeName item, ParseTypeName());
    ARROW_RETURN_NOT_OK(ExpectSymbol(close));
    return arrow::map(key.type, item.type);
  }
  if ((name == "STRUCT" || name == "ROW") && (AtSymbol("<", 1) || AtSymbol("(", 1))) {
    const std::string close = AtSymbol("<", 1) ? ">" : ")";
    at_ += 2;
    return ParseStructType(close);
  }
  TypePtr type = TypeByName(name);
  if (type == nullptr) {
    const std::string nearest = NearestName(name, TypeNames());
    return errors::kSqlUnknownType.Make(
        word.where.ToWhere(), "{}{}", word.text,
        nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest));
  }
  Advance();
  if (name == "DOUBLE" || name == "CHARACTER") {
    TakeWord(name == "DOUBLE" ? "PRECISION" : "VARYING");
  }
  if (name == "DECIMAL" || name == "NUMERIC") return ParseDecimalType();
  if (name.starts_with("TIMESTAMP") || name == "DATETIME")
    return ParseTimestampType(name);
  if (!AtSymbol("(")) return type;
  const bool sized = type->id() == arrow::Type::STRING ||
                     type->id() == arrow::Type::BINARY || name == "TIME" ||
                     name == "FLOAT";
  if (!sized) return Unexpected("no length: this type takes none");
  // A length is a promise of the outside system that Arrow has no place for.
  Advance();
  ARROW_ASSIGN_OR_RAISE(int64_t size, ParseInteger("a length"));
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  if (name == "FLOAT" && size > 24) return arrow::float64();
  if (name == "TIME" && size > 6) return arrow::time64(arrow::TimeUnit::NANO);
  return type;
}

Result<TypePtr> Parser::ParseDecimalType() {
  int64_t precision = 18;
  int64_t scale = 3;
  const Location where = Here();
  if (TakeSymbol("(")) {
    scale = 0;
    ARROW_ASSIGN_OR_RAISE(precision, ParseInteger("the number of digits"));
    if (TakeSymbol(",")) {
      ARROW_ASSIGN_OR_RAISE(scale, ParseInteger("the number of decimal places"));
    }
    ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  }
  TypePtr type = DecimalType(precision, scale);
  if (type == nullptr) {
    return errors::kSqlBadLiteral.Make(
        where.ToWhere(), "DECIMAL({}, {}): takes 1 to 76 digits, and no more places",
        precision, scale);
  }
  return type;
}

Result<TypePtr> Parser::ParseTimestampType(const std::string& word) {
  int64_t precision = 6;
  bool zoned = word == "TIMESTAMPTZ" || word == "TIMESTAMP_LTZ";
  const Location where = Here();
  if (TakeSymbol("(")) {
    ARROW_ASSIGN_OR_RAISE(precision, ParseInteger("digits of a second"));
    ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  }
  if (TakeWords({"WITH", "TIME", "ZONE"}) ||
      TakeWords({"WITH", "LOCAL", "TIME", "ZONE"})) {
    zoned = true;
  } else {
    TakeWords({"WITHOUT", "TIME", "ZONE"});
  }
  TypePtr type = TimestampType(precision, zoned);
  if (type == nullptr) {
    return errors::kSqlBadLiteral.Make(where.ToWhere(), "TIMESTAMP takes 0 to 9 digits");
  }
  return type;
}

Result<TypePtr> Parser::ParseStructType(std::string_view close) {
  arrow::FieldVector fields;
  do {
    ARROW_ASSIGN_OR_RAISE(Identifier name, ParseIdentifier("the name of a field"));
    TakeSymbol(":");
    ARROW_ASSIGN_OR_RAISE(TypeName type, ParseTypeName());
    const bool nullable = !TakeWords({"NOT", "NULL"});
    fields.push_back(arrow::field(name.text, type.type, nullable));
  } while (TakeSymbol(","));
  ARROW_RETURN_NOT_OK(ExpectSymbol(close));
  return arrow::struct_(std::move(fields));
}

}  // namespace millrace::sql
