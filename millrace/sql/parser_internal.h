// Parser: one method per production. Shared by the parse_*.cc files.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/sql/lexer.h"
#include "millrace/sql/parser.h"

namespace millrace::sql {

/// Binding strengths of operators, weakest first, as in PostgreSQL.
namespace precedence {
inline constexpr int kOr = 1, kAnd = 2, kNot = 3, kIs = 4, kCompare = 5, kRange = 6,
                     kOther = 7, kAdd = 8, kMultiply = 9, kAtTimeZone = 10, kSign = 11,
                     kPostfix = 12;
}  // namespace precedence

/// How deep productions may call each other, and how deep a tree may get. Both keep the
/// stack within bounds, also of whoever walks the tree later.
inline constexpr int kMaxNesting = 160;
inline constexpr int kMaxTreeDepth = 500;

class Parser {
 public:
  explicit Parser(TokenStream stream);

  Result<Script> ParseScript();
  Result<StatementPtr> ParseOnlyStatement();
  Result<ExpressionPtr> ParseOnlyExpression();
  Result<TypeName> ParseOnlyType();
  Result<std::vector<SelectItem>> ParseOnlyItems();
  Result<std::shared_ptr<arrow::Schema>> ParseOnlyColumns();

 private:
  class Nested {
   public:
    explicit Nested(Parser* parser) : parser_(parser) { ++parser_->nesting_; }
    ~Nested() { --parser_->nesting_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;

   private:
    Parser* parser_;
  };

  // --- tokens (parser.cc)
  const Token& Peek(size_t ahead = 0) const;
  const Token& Previous() const { return stream_.tokens[at_ == 0 ? 0 : at_ - 1]; }
  Location Here() const { return Peek().where; }
  bool AtSymbol(std::string_view symbol, size_t ahead = 0) const;
  bool AtWord(std::string_view keyword, size_t ahead = 0) const;
  bool AtWords(std::initializer_list<std::string_view> keywords) const;
  bool AtName(size_t ahead = 0) const;  ///< a word, reserved or not, or a quoted one
  bool AtDuration() const;
  void Advance() { ++at_; }
  bool TakeSymbol(std::string_view symbol);
  bool TakeWord(std::string_view keyword);
  bool TakeWords(std::initializer_list<std::string_view> keywords);
  Status ExpectSymbol(std::string_view symbol);
  Status ExpectWord(std::string_view keyword);
  Status ExpectWords(std::initializer_list<std::string_view> keywords);
  Status Unexpected(std::string_view expected) const;
  Status TooDeep() const;
  Status CheckNesting() const;
  Status Duplicate(std::string_view clause) const;

  // --- small pieces (parser.cc)
  Result<Identifier> ParseIdentifier(std::string_view what);
  Result<std::vector<Identifier>> ParseIdentifierList(std::string_view what);
  Result<Path> ParsePath(std::string_view what);
  Result<std::optional<Identifier>> ParseAlias();
  Result<Duration> ParseDuration();
  Result<Interval> ParseIntervalAfterKeyword();
  Result<int64_t> ParseInteger(std::string_view what);
  Result<std::string> ParseStringToken(std::string_view what);
  Result<std::vector<Property>> ParseProperties();
  Result<std::string> ParsePropertyValue();
  Result<std::string> ParsePropertyKey();

  // --- types (parse_type.cc)
  Result<TypeName> ParseTypeName();
  Result<std::shared_ptr<arrow::DataType>> ParseBaseType();
  Result<std::shared_ptr<arrow::DataType>> ParseTimestampType(const std::string& word);
  Result<std::shared_ptr<arrow::DataType>> ParseDecimalType();
  Result<std::shared_ptr<arrow::DataType>> ParseStructType(std::string_view close);

  // --- expressions (parse_expression.cc, parse_primary.cc)
  Result<ExpressionPtr> Make(Location where, Expression::Node node);
  Result<ExpressionPtr> ParseExpr(int least = 0);
  Result<ExpressionPtr> ParseInfixes(ExpressionPtr left, int least);
  Result<ExpressionPtr> ParseInfix(ExpressionPtr left, int least, bool* done);
  Result<ExpressionPtr> ParseLogical(ExpressionPtr left, bool conjunction);
  Result<ExpressionPtr> ParseIs(ExpressionPtr left);
  Result<ExpressionPtr> ParseRangeTest(ExpressionPtr left);
  Result<ExpressionPtr> ParseIn(ExpressionPtr left, bool negated);
  Result<ExpressionPtr> ParseComparison(ExpressionPtr left, BinaryOp op);
  Result<ExpressionPtr> ParsePrefix();
  Result<ExpressionPtr> ParsePostfix(ExpressionPtr operand);
  Result<ExpressionPtr> ParsePrimary();
  Result<ExpressionPtr> ParseWordPrimary();
  Result<ExpressionPtr> ParseLiteral(Literal::Kind kind);
  Result<ExpressionPtr> ParseParenthesized();
  Result<ExpressionPtr> ParseCase();
  Result<ExpressionPtr> ParseCast(bool lenient);
  Result<ExpressionPtr> ParseArray();
  Result<ExpressionPtr> ParseMap();
  Result<ExpressionPtr> ParseStruct();
  Result<ExpressionPtr> ParseNameOrStar();
  Result<ExpressionPtr> ParseStar(Path qualifier, Location where);
  Result<std::vector<ExpressionPtr>> ParseExprList();

  // --- calls (parse_call.cc)
  Result<ExpressionPtr> ParseCall(Identifier name);
  Result<bool> ParseSpecialArguments(FunctionCall* call);
  Result<bool> ParseMoreArguments(FunctionCall* call);
  Status ParseArguments(FunctionCall* call);
  Status ParseCallTail(FunctionCall* call);
  Result<OverWindow> ParseOverWindow();
  Result<Frame> ParseFrame();
  Result<FrameBound> ParseFrameBound();
  Result<std::vector<OrderItem>> ParseOrderItems();

  // --- queries (parse_query.cc, parse_select.cc, parse_table.cc)
  bool AtQuery(size_t ahead = 0) const;
  bool AtParenthesizedQuery(size_t ahead = 0) const;
  Result<QueryPtr> ParseQuery();
  Result<QueryPtr> ParseParenthesizedQuery();
  Status ParseCommonTables(Query* query);
  Result<QueryBodyPtr> MakeBody(Location where, decltype(QueryBody::node) node);
  Result<QueryBodyPtr> ParseUnionChain(Query* tail);
  Result<QueryBodyPtr> ParseIntersectChain();
  Result<QueryBodyPtr> ParseQueryTerm();
  Status ParseQueryTail(Query* query);
  Result<bool> ParseTailClause(Query* query);
  Result<IntoClause> ParseTarget();
  Result<QueryBodyPtr> ParseSelect();
  Status ParseSelectItems(Select* select);
  Status ParseSelectClauses(Select* select);
  Status ParseGroupBy(Select* select);
  Result<GroupItem> ParseGroupItem();
  Status ParseWindowClause(Select* select);
  Result<TimeWindow> ParseTimeWindow();
  Status ParseTimeWindowArguments(TimeWindow* window);
  Result<QueryBodyPtr> ParseValues();

  Result<TableRefPtr> ParseTableRef();
  Result<TableRefPtr> ParseTablePrimary();
  Result<TableRefPtr> ParseTableFunction(Identifier name);
  Result<TableArgument> ParseTableArgument();
  Result<std::optional<Join>> ParseJoinHead();
  Status ParseJoinCondition(Join* join);
  bool AtTableProperties() const;
  Status ParseTableAlias(TableAlias* alias);

  // --- statements (parse_statement.cc, parse_create.cc)
  Result<StatementPtr> ParseOne();
  Result<StatementPtr> ParseStatementBody();
  Result<StatementPtr> MakeStatement(Location where, decltype(Statement::node) node);
  Result<StatementPtr> ParseInsert();
  Result<StatementPtr> ParseExplain();
  Result<StatementPtr> ParseDescribe(bool summarize);
  Result<StatementPtr> ParseShow();
  Result<StatementPtr> ParseDrop();
  Result<StatementPtr> ParseSet(bool reset);
  Result<StatementPtr> ParseJob(JobStatement::Action action);
  Result<StatementPtr> ParseCreate();
  Result<CreateStatement::Kind> ParseObjectKind();
  Status ParseTableElements(CreateStatement* create);
  Status ParseWatermark(CreateStatement* create);
  Result<ColumnDefinition> ParseColumn(CreateStatement* create);
  bool AtCheck() const;
  Status ParseCheck(CreateStatement* create);

  TokenStream stream_;
  std::vector<size_t> closing_;  ///< per token: of a (, the index of its )
  size_t at_ = 0;
  size_t annotation_ = 0;
  int nesting_ = 0;
  bool in_create_ = false;  ///< inside CREATE … AS, whose WITH (…) may come last
  // Depth of the deepest tree made since it was last cleared: how a query learns the
  // depth of the expressions inside it.
  int32_t deepest_ = 0;
};

}  // namespace millrace::sql
