#pragma once

#include "millrace/plan/node.h"

namespace millrace::plan {

/// How rows are dealt to the tasks of the next stage.
enum class ExchangeKind {
  kHash,    ///< by key group of `keys`: equal keys meet in one task
  kGather,  ///< to the single task of the next stage, in split order where the input has
            ///< one
  kBroadcast,  ///< every row to every task
};

/// The cut between two stages. Made by Parallelize, never by SQL.
class ExchangeNode final : public Node {
 public:
  static constexpr std::string_view kKind = "exchange";
  static NodePtr Make(NodePtr input, ExchangeKind exchange, std::vector<int> keys = {});

  std::string_view kind() const override { return kKind; }
  std::string Describe() const override;
  bool takes_changes() const override { return true; }
  NodePtr WithInputs(std::vector<NodePtr> inputs) const override;

  ExchangeKind exchange() const { return exchange_; }
  /// Column indices of the input; kHash only.
  const std::vector<int>& keys() const { return keys_; }

 private:
  ExchangeNode(NodePtr input, ExchangeKind exchange, std::vector<int> keys);
  ExchangeKind exchange_;
  std::vector<int> keys_;
};

}  // namespace millrace::plan
