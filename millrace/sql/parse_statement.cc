// Scripts and statements other than CREATE.
#include "millrace/sql/errors.h"
#include "millrace/sql/keywords.h"
#include "millrace/sql/parser_internal.h"

namespace millrace::sql {

Result<Script> Parser::ParseScript() {
  Script script;
  while (true) {
    while (TakeSymbol(";")) {
    }
    if (Peek().kind == TokenKind::kEnd) return script;
    ARROW_ASSIGN_OR_RAISE(StatementPtr statement, ParseOne());
    script.statements.push_back(std::move(statement));
    if (Peek().kind != TokenKind::kEnd && !AtSymbol(";")) {
      return Unexpected("; or the end of the statement");
    }
  }
}

Result<StatementPtr> Parser::ParseOnlyStatement() {
  ARROW_ASSIGN_OR_RAISE(Script script, ParseScript());
  if (script.statements.size() == 1) return script.statements[0];
  if (script.statements.empty()) return Unexpected("a statement");
  return errors::kSqlSyntax.Make(script.statements[1]->where.ToWhere(),
                                 "found a second statement, expected one");
}

// A statement with the annotations that stand before its first token.
Result<StatementPtr> Parser::ParseOne() {
  const size_t first = at_;
  ARROW_ASSIGN_OR_RAISE(StatementPtr statement, ParseStatementBody());
  Statement annotated = *statement;
  for (; annotation_ < stream_.annotations.size(); ++annotation_) {
    const Annotation& annotation = stream_.annotations[annotation_];
    if (annotation.token > first) break;
    annotated.annotations.push_back(annotation);
  }
  // Those inside the statement belong to nothing.
  while (annotation_ < stream_.annotations.size() &&
         stream_.annotations[annotation_].token <= at_) {
    ++annotation_;
  }
  return std::make_shared<Statement>(std::move(annotated));
}

Result<StatementPtr> Parser::MakeStatement(Location where,
                                           decltype(Statement::node) node) {
  auto out = std::make_shared<Statement>();
  out->where = where;
  out->node = std::move(node);
  return out;
}

Result<StatementPtr> Parser::ParseStatementBody() {
  Nested nested(this);
  ARROW_RETURN_NOT_OK(CheckNesting());
  using Action = JobStatement::Action;
  const Location where = Here();
  if (AtQuery()) {
    ARROW_ASSIGN_OR_RAISE(QueryPtr query, ParseQuery());
    return MakeStatement(where, QueryStatement{std::move(query)});
  }
  if (AtWord("CREATE")) return ParseCreate();
  if (AtWord("INSERT")) return ParseInsert();
  if (AtWord("EXPLAIN")) return ParseExplain();
  if (AtWord("DESCRIBE") || AtWord("DESC")) return ParseDescribe(false);
  if (AtWord("SUMMARIZE")) return ParseDescribe(true);
  if (AtWord("SHOW") || AtWord("LIST")) return ParseShow();
  if (AtWord("DROP")) return ParseDrop();
  if (AtWord("SET")) return ParseSet(false);
  if (AtWord("RESET")) return ParseSet(true);
  if (AtWords({"START", "JOB"})) return ParseJob(Action::kStart);
  if (AtWords({"STOP", "JOB"})) return ParseJob(Action::kStop);
  if (AtWords({"PAUSE", "JOB"})) return ParseJob(Action::kPause);
  if (AtWords({"RESUME", "JOB"})) return ParseJob(Action::kResume);
  if (AtWords({"DEPLOY", "JOB"})) return ParseJob(Action::kDeploy);
  if (AtWords({"ROLLBACK", "JOB"})) return ParseJob(Action::kRollback);
  return Unexpected("a statement: SELECT, CREATE, INSERT, EXPLAIN, SHOW …");
}

Result<StatementPtr> Parser::ParseInsert() {
  const Location where = Here();
  Advance();
  InsertStatement insert;
  insert.overwrite = TakeWord("OVERWRITE");
  if (!TakeWord("INTO") && !insert.overwrite) return Unexpected("INTO or OVERWRITE");
  if (Peek().kind == TokenKind::kString) {
    ARROW_ASSIGN_OR_RAISE(insert.file, ParseStringToken("a file"));
  } else {
    ARROW_ASSIGN_OR_RAISE(insert.table, ParsePath("a table, or 'a file'"));
  }
  if (AtSymbol("(") && !AtQuery()) {
    ARROW_ASSIGN_OR_RAISE(insert.columns, ParseIdentifierList("the name of a column"));
  }
  if (!AtQuery()) return Unexpected("SELECT or VALUES");
  ARROW_ASSIGN_OR_RAISE(insert.query, ParseQuery());
  return MakeStatement(where, std::move(insert));
}

Result<StatementPtr> Parser::ParseExplain() {
  const Location where = Here();
  Advance();
  ExplainStatement explain;
  if (TakeWord("ANALYZE")) {
    explain.mode = ExplainStatement::Mode::kAnalyze;
  } else if (TakeWord("WATERMARK")) {
    explain.mode = ExplainStatement::Mode::kWatermark;
  }
  ARROW_ASSIGN_OR_RAISE(explain.statement, ParseStatementBody());
  return MakeStatement(where, std::move(explain));
}

Result<StatementPtr> Parser::ParseDescribe(bool summarize) {
  const Location where = Here();
  Advance();
  DescribeStatement describe;
  describe.summarize = summarize;
  if (AtQuery()) {
    ARROW_ASSIGN_OR_RAISE(describe.query, ParseQuery());
  } else if (Peek().kind == TokenKind::kString) {
    ARROW_ASSIGN_OR_RAISE(describe.file, ParseStringToken("a file"));
  } else {
    ARROW_ASSIGN_OR_RAISE(describe.table, ParsePath("a table, 'a file' or SELECT"));
  }
  return MakeStatement(where, std::move(describe));
}

Result<StatementPtr> Parser::ParseShow() {
  const Location where = Here();
  Advance();
  ShowStatement show;
  if (Peek().kind != TokenKind::kWord) {
    return Unexpected("TABLES, FUNCTIONS, JOBS or another thing to show");
  }
  show.what = Peek().keyword;
  Advance();
  if (show.what == "CREATE" || show.what == "ALL") {
    return errors::kSqlSyntax.Make(where.ToWhere(), "found SHOW {}, expected SHOW SCHEMA",
                                   show.what);
  }
  if (TakeWord("LIKE")) {
    ARROW_ASSIGN_OR_RAISE(show.like, ParseStringToken("'a pattern'"));
  } else if (AtName()) {
    // SHOW PROPERTIES STREAM s
    if ((AtWord("STREAM") || AtWord("TABLE") || AtWord("SOURCE") || AtWord("SINK")) &&
        AtName(1)) {
      Advance();
    }
    ARROW_ASSIGN_OR_RAISE(show.target, ParsePath("a name"));
    if (TakeWord("LIKE")) {
      ARROW_ASSIGN_OR_RAISE(show.like, ParseStringToken("'a pattern'"));
    }
  }
  return MakeStatement(where, std::move(show));
}

Result<StatementPtr> Parser::ParseDrop() {
  const Location where = Here();
  Advance();
  DropStatement drop;
  ARROW_ASSIGN_OR_RAISE(drop.kind, ParseObjectKind());
  drop.if_exists = TakeWords({"IF", "EXISTS"});
  ARROW_ASSIGN_OR_RAISE(drop.name, ParsePath("a name"));
  return MakeStatement(where, std::move(drop));
}

Result<StatementPtr> Parser::ParseSet(bool reset) {
  const Location where = Here();
  Advance();
  SetStatement set;
  ARROW_ASSIGN_OR_RAISE(set.key, ParsePropertyKey());
  if (!reset) {
    if (!TakeSymbol("=") && !TakeWord("TO")) return Unexpected("=");
    ARROW_ASSIGN_OR_RAISE(set.value, ParsePropertyValue());
  }
  return MakeStatement(where, std::move(set));
}

Result<StatementPtr> Parser::ParseJob(JobStatement::Action action) {
  const Location where = Here();
  at_ += 2;
  JobStatement job;
  job.action = action;
  ARROW_ASSIGN_OR_RAISE(job.name, ParseIdentifier("the name of a job"));
  if (TakeWord("VERSION")) {
    const bool number =
        Peek().kind == TokenKind::kInteger || Peek().kind == TokenKind::kDecimal;
    if (!number && Peek().kind != TokenKind::kString) return Unexpected("'a version'");
    job.version = Peek().text;
    Advance();
  }
  const bool runs =
      action == JobStatement::Action::kStart || action == JobStatement::Action::kDeploy;
  if (runs) {
    if (AtWord("WITH") && AtSymbol("(", 1)) {
      Advance();
      ARROW_ASSIGN_OR_RAISE(job.properties, ParseProperties());
    }
    ARROW_RETURN_NOT_OK(ExpectWord("AS"));
    ARROW_ASSIGN_OR_RAISE(job.statement, ParseStatementBody());
  }
  if (TakeWord("STRATEGY")) {
    static constexpr std::string_view kStrategies[] = {"CANARY", "BLUE_GREEN", "ROLLING",
                                                       "REPLACE"};
    for (std::string_view strategy : kStrategies) {
      if (TakeWord(strategy)) job.strategy = strategy;
    }
    if (job.strategy.empty()) return Unexpected("CANARY, BLUE_GREEN, ROLLING or REPLACE");
    if (job.strategy == "CANARY" && TakeSymbol("(")) {
      ARROW_ASSIGN_OR_RAISE(job.canary_percent, ParseInteger("a percentage"));
      ARROW_RETURN_NOT_OK(ExpectSymbol(")"));
    }
  }
  return MakeStatement(where, std::move(job));
}

}  // namespace millrace::sql
