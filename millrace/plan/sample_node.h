#pragma once

#include <optional>

#include "millrace/plan/node.h"

namespace millrace::plan {

/// Draws a number for each row, from `seed`, its split and its place there: the same ones
/// however many tasks read. Stands on the scan of a bounded source. Nothing is kept for a
/// restart.
class SampleNode final : public Node {
 public:
  static constexpr std::string_view kKind = "sample";
  /// Columns that NumberRows puts behind the others: BIGINTs of no sign.
  static constexpr const char* kDraw = "#draw";
  static constexpr const char* kPlace = "#place";  ///< rises with splits and their rows

  /// Each row with probability `share`, from 0 to 1.
  static NodePtr KeepShare(NodePtr input, int64_t seed, double share);
  /// All rows, with the columns kDraw and kPlace.
  static NodePtr NumberRows(NodePtr input, int64_t seed);

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  int64_t seed() const { return seed_; }
  /// Absent: rows are numbered.
  std::optional<double> share() const { return share_; }

 private:
  SampleNode(NodePtr input, SchemaPtr schema, int64_t seed, std::optional<double> share);
  int64_t seed_;
  std::optional<double> share_;
};

/// The sample of `rows` rows, each set of so many being as likely as any other, in the
/// order of the input.
NodePtr SampleRows(const NodePtr& input, int64_t seed, int64_t rows);

}  // namespace millrace::plan
