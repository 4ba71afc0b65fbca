// Printer: syntax tree → canonical SQL. Shared by the print_*.cc files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/sql/ast.h"

namespace millrace::sql {

class Printer {
 public:
  std::string Take() { return std::move(out_); }

  /// In parentheses when it binds weaker than `least`.
  void Expr(const Expression& expression, int least = 0);
  void QueryText(const Query& query);
  void StatementText(const Statement& statement);
  void Id(const Identifier& identifier);
  void PathText(const Path& path);
  void String(std::string_view text);

  // Overloads by node, called by std::visit.
  void operator()(const Literal& node);
  void operator()(const Name& node);
  void operator()(const Star& node);
  void operator()(const Unary& node);
  void operator()(const Binary& node);
  void operator()(const Logical& node);
  void operator()(const IsTest& node);
  void operator()(const LikeTest& node);
  void operator()(const BetweenTest& node);
  void operator()(const InTest& node);
  void operator()(const ExistsTest& node);
  void operator()(const QuantifiedTest& node);
  void operator()(const ScalarQuery& node);
  void operator()(const CaseOf& node);
  void operator()(const CastTo& node);
  void operator()(const FunctionCall& node);
  void operator()(const ArrayOf& node);
  void operator()(const MapOf& node);
  void operator()(const StructOf& node);
  void operator()(const Subscript& node);
  void operator()(const FieldOf& node);

  void operator()(const Select& node);
  void operator()(const Values& node);
  void operator()(const SetOperation& node);
  void operator()(const NestedQuery& node);

  void operator()(const NamedTable& node);
  void operator()(const SubqueryTable& node);
  void operator()(const TableFunction& node);
  void operator()(const Join& node);

  void operator()(const QueryStatement& node);
  void operator()(const CreateStatement& node);
  void operator()(const InsertStatement& node);
  void operator()(const ExplainStatement& node);
  void operator()(const DescribeStatement& node);
  void operator()(const ShowStatement& node);
  void operator()(const DropStatement& node);
  void operator()(const SetStatement& node);
  void operator()(const JobStatement& node);

 private:
  void Text(std::string_view text) { out_ += text; }
  void FunctionName(const Identifier& name);
  void Exprs(const std::vector<ExpressionPtr>& items);
  void Ids(const std::vector<Identifier>& items);
  void OrderBy(const std::vector<OrderItem>& items);
  void Over(const OverWindow& window);
  void Bound(const FrameBound& bound);
  void Time(const TimeWindow& window);
  void Group(const GroupItem& item);
  void Body(const QueryBody& body);
  void Table(const TableRef& table);
  void Argument(const TableArgument& argument);
  void Target(const Path& path, const std::string& file);
  void Properties(const std::vector<Property>& properties);
  void Column(const ColumnDefinition& column);
  void Span(const Duration& duration) { Text(IntervalToSql(duration.value)); }

  template <typename Items, typename Print>
  void List(const Items& items, Print print) {
    bool first = true;
    for (const auto& item : items) {
      if (!first) Text(", ");
      first = false;
      print(item);
    }
  }

  std::string out_;
};

}  // namespace millrace::sql
