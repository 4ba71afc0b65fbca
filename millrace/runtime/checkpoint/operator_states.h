// OperatorStates: what stands of every operator of a pipeline, from epoch to epoch.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "millrace/base/future.h"
#include "millrace/connector/manifest_store.h"
#include "millrace/plan/identity.h"
#include "millrace/runtime/checkpoint/report.h"
#include "millrace/state/manifest.h"

namespace millrace::runtime {

/// Used by the coordinating thread. An epoch: Begin, Take of every report, then Settle of
/// every file that is being written.
class OperatorStates {
 public:
  /// State that is being written to one file.
  struct Writing {
    int ordinal = 0;                                ///< of the task in its stage
    std::vector<int> operators;                     ///< by their ordinals
    std::vector<std::vector<state::Piece>> pieces;  ///< of each
  };
  using Sections = std::vector<std::vector<state::Section>>;

  /// `restored` is by the order of `operators`, or null.
  OperatorStates(const std::vector<plan::OperatorIdentity>& operators,
                 const std::vector<state::OperatorEntry>* restored);

  /// Operator `op` starts at another number of tasks: its old sections are not built
  /// upon.
  void Forget(int op) { forgotten_.insert(op); }
  /// An epoch is written: what was forgotten goes, and the facts are told anew.
  void Begin();
  /// What is to be written of the report, if anything is.
  std::optional<Writing> Take(TaskReport& report);
  /// Its pieces have become `sections`.
  void Settle(const std::vector<int>& operators, Sections sections);

  const std::vector<state::OperatorEntry>& entries() const { return entries_; }

 private:
  struct Ended {
    int op;
    std::map<std::string, int64_t> facts;
  };
  void AddFacts(int op, const std::map<std::string, int64_t>& facts);

  std::vector<state::OperatorEntry> entries_;
  std::set<int> forgotten_;
  std::vector<Ended> ended_;
};

}  // namespace millrace::runtime
