// Node: one step of a plan, as data. The waist of the engine: SQL and `copy` make nodes,
// operators and the runtime run them.
//
// Nodes are immutable and shared; a rewrite makes new ones. A node knows its inputs and
// the schema of its rows, nothing of threads. One header per node; nothing switches over
// all of them: builders are registered by kind.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::plan {

class Node;
using NodePtr = std::shared_ptr<const Node>;
using SchemaPtr = std::shared_ptr<arrow::Schema>;

/// What may travel on an edge: rows only, rows replacing rows by key, or rows taking
/// exact rows back.
enum class ChangeMode { kAppend, kUpsert, kRetract };

class Node {
 public:
  virtual ~Node() = default;

  /// Stable name of the node's type, also in EXPLAIN: "filter".
  virtual std::string_view kind() const = 0;
  /// The node's own settings on one line, for EXPLAIN: "salary > 100".
  virtual std::string Describe() const = 0;
  /// The same node over other inputs (as many as before, with the same schemas).
  virtual NodePtr WithInputs(std::vector<NodePtr> inputs) const = 0;

  const std::vector<NodePtr>& inputs() const { return inputs_; }
  const NodePtr& input() const { return inputs_.front(); }
  const SchemaPtr& schema() const { return schema_; }
  ChangeMode change_mode() const { return change_mode_; }
  /// Can the node run over rows that take back others? One that can't is refused by
  /// CheckChanges.
  virtual bool takes_changes() const { return false; }
  /// Every row will have been seen at some point: the input ends.
  bool bounded() const { return bounded_; }

 protected:
  Node(std::vector<NodePtr> inputs, SchemaPtr schema);
  /// For leaves.
  Node(SchemaPtr schema, bool bounded) : schema_(std::move(schema)), bounded_(bounded) {}
  void set_change_mode(ChangeMode mode) { change_mode_ = mode; }

 private:
  std::vector<NodePtr> inputs_;
  SchemaPtr schema_;
  ChangeMode change_mode_ = ChangeMode::kAppend;
  bool bounded_ = true;
};

/// `node` as a `T` when its kind is T::kKind, else null.
template <typename T>
const T* As(const NodePtr& node) {
  return node->kind() == T::kKind ? static_cast<const T*>(node.get()) : nullptr;
}

/// Fails with kChangesNotTaken where rows that take back others would reach a node that
/// can't run over them.
Status CheckChanges(const NodePtr& root);

/// The tree as indented text, one node a line, root first.
std::string Explain(const NodePtr& root);

}  // namespace millrace::plan
