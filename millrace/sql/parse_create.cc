// CREATE SOURCE, SINK, TABLE, STREAM, VIEW.
#include <arrow/type.h>

#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/parser_internal.h"

namespace millrace::sql {

Result<CreateStatement::Kind> Parser::ParseObjectKind() {
  using Kind = CreateStatement::Kind;
  if (TakeWord("SOURCE")) return Kind::kSource;
  if (TakeWord("SINK")) return Kind::kSink;
  if (TakeWord("TABLE")) return Kind::kTable;
  if (TakeWord("STREAM")) return Kind::kStream;
  if (TakeWord("VIEW")) return Kind::kView;
  if (TakeWords({"MATERIALIZED", "VIEW"})) return Kind::kMaterializedView;
  return Unexpected("SOURCE, SINK, TABLE, STREAM or VIEW");
}

Result<StatementPtr> Parser::ParseCreate() {
  const Location where = Here();
  Advance();
  CreateStatement create;
  create.or_replace = TakeWords({"OR", "REPLACE"});
  create.temporary = TakeWord("TEMPORARY") || TakeWord("TEMP");
  ARROW_ASSIGN_OR_RAISE(create.kind, ParseObjectKind());
  create.if_not_exists = TakeWords({"IF", "NOT", "EXISTS"});
  ARROW_ASSIGN_OR_RAISE(create.name, ParsePath("a name"));
  if (AtSymbol("(")) ARROW_RETURN_NOT_OK(ParseTableElements(&create));
  if (AtWord("WATERMARK")) ARROW_RETURN_NOT_OK(ParseWatermark(&create));
  if (AtWord("WITH")) {
    Advance();
    ARROW_ASSIGN_OR_RAISE(create.properties, ParseProperties());
  }
  if (AtWord("WATERMARK")) ARROW_RETURN_NOT_OK(ParseWatermark(&create));
  if (TakeWord("AS")) {
    if (!AtQuery()) return Unexpected("SELECT");
    in_create_ = true;
    ARROW_ASSIGN_OR_RAISE(create.query, ParseQuery());
    in_create_ = false;
    if (!create.query->properties.empty()) {
      if (!create.properties.empty()) return Duplicate("WITH");
      // WITH after the query describes the stream made of it.
      auto query = std::make_shared<Query>(*create.query);
      create.properties = std::move(query->properties);
      query->properties.clear();
      create.query = std::move(query);
    }
  }
  return MakeStatement(where, std::move(create));
}

Status Parser::ParseTableElements(CreateStatement* create) {
  ARROW_RETURN_NOT_OK(ExpectSymbol("("));
  do {
    if (AtSymbol(")")) break;  // a comma may follow the last one
    if (AtWords({"WATERMARK", "FOR"})) {
      ARROW_RETURN_NOT_OK(ParseWatermark(create));
      continue;
    }
    if (AtWord("CONSTRAINT") && AtName(1) && AtWord("PRIMARY", 2)) {
      at_ += 2;
    }
    if (AtWords({"PRIMARY", "KEY"}) && AtSymbol("(", 2)) {
      if (!create->primary_key.empty()) return Duplicate("PRIMARY KEY");
      at_ += 2;
      ARROW_ASSIGN_OR_RAISE(create->primary_key,
                            ParseIdentifierList("the name of a column"));
      TakeWords({"NOT", "ENFORCED"});
      continue;
    }
    if (AtCheck()) {
      ARROW_RETURN_NOT_OK(ParseCheck(create));
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(ColumnDefinition column, ParseColumn(create));
    for (const ColumnDefinition& known : create->columns) {
      if (EqualsIgnoreCase(known.name.text, column.name.text)) {
        return errors::kSqlDuplicateClause.Make(column.name.where.ToWhere(), "column {}",
                                                column.name.text);
      }
    }
    create->columns.push_back(std::move(column));
  } while (TakeSymbol(","));
  return ExpectSymbol(")");
}

bool Parser::AtCheck() const {
  if (AtWord("CHECK")) return AtSymbol("(", 1);
  return AtWord("CONSTRAINT") && AtName(1) && AtWord("CHECK", 2);
}

Status Parser::ParseCheck(CreateStatement* create) {
  CheckDefinition check;
  if (TakeWord("CONSTRAINT")) {
    ARROW_ASSIGN_OR_RAISE(check.name, ParseIdentifier("the name of a constraint"));
  }
  ARROW_RETURN_NOT_OK(ExpectWord("CHECK"));
  ARROW_RETURN_NOT_OK(ExpectSymbol("("));
  ARROW_ASSIGN_OR_RAISE(check.condition, ParseExpr());
  ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
  create->checks.push_back(std::move(check));
  return Status::OK();
}

Status Parser::ParseWatermark(CreateStatement* create) {
  if (create->watermark) return Duplicate("WATERMARK");
  WatermarkDefinition watermark;
  watermark.where = Here();
  ARROW_RETURN_NOT_OK(ExpectWords({"WATERMARK", "FOR"}));
  ARROW_ASSIGN_OR_RAISE(watermark.column, ParsePath("the name of a column"));
  ARROW_RETURN_NOT_OK(ExpectWord("AS"));
  ARROW_ASSIGN_OR_RAISE(watermark.value, ParseExpr());
  create->watermark = std::move(watermark);
  return Status::OK();
}

Result<std::shared_ptr<arrow::Schema>> Parser::ParseOnlyColumns() {
  arrow::FieldVector fields;
  do {
    if (Peek().kind == TokenKind::kEnd) break;  // a comma may follow the last one
    ARROW_ASSIGN_OR_RAISE(const Identifier name, ParseIdentifier("the name of a column"));
    ARROW_ASSIGN_OR_RAISE(const TypeName type, ParseTypeName());
    const bool not_null = TakeWords({"NOT", "NULL"});
    fields.push_back(arrow::field(name.text, type.type, !not_null));
  } while (TakeSymbol(","));
  if (Peek().kind != TokenKind::kEnd) return Unexpected("a comma or the end");
  return arrow::schema(std::move(fields));
}

Result<ColumnDefinition> Parser::ParseColumn(CreateStatement* create) {
  ColumnDefinition column;
  ARROW_ASSIGN_OR_RAISE(column.name, ParseIdentifier("the name of a column"));
  if (!AtWord("AS") && !AtWord("PRIMARY")) {
    ARROW_ASSIGN_OR_RAISE(column.type, ParseTypeName());
  }
  while (true) {
    if (TakeWords({"NOT", "NULL"})) {
      column.not_null = true;
    } else if (TakeWord("NULL")) {
      // the default
    } else if (TakeWords({"PRIMARY", "KEY"})) {
      column.primary_key = true;
      TakeWords({"NOT", "ENFORCED"});
    } else if (AtWord("METADATA") && !column.metadata_key) {
      Advance();
      column.metadata_key = "";
      if (TakeWord("FROM")) {
        ARROW_ASSIGN_OR_RAISE(column.metadata_key, ParseStringToken("'a key'"));
      }
      TakeWord("VIRTUAL");
    } else if (AtCheck()) {
      ARROW_RETURN_NOT_OK(ParseCheck(create));
    } else if (AtWord("DEFAULT") && column.default_value == nullptr) {
      Advance();
      // NOT NULL may follow.
      ARROW_ASSIGN_OR_RAISE(column.default_value, ParseExpr(precedence::kRange + 1));
    } else if (AtWord("AS") && column.computed == nullptr) {
      Advance();
      ARROW_ASSIGN_OR_RAISE(column.computed, ParseExpr(precedence::kRange + 1));
    } else {
      return column;
    }
  }
}

}  // namespace millrace::sql
