#include "millrace/runtime/checkpoint/operator_states.h"

#include <algorithm>

#include "millrace/state/state_file.h"

namespace millrace::runtime {

OperatorStates::OperatorStates(const std::vector<plan::OperatorIdentity>& operators,
                               const std::vector<state::OperatorEntry>* restored) {
  for (const plan::OperatorIdentity& identity : operators) {
    entries_.push_back({identity.fingerprint, identity.description, 1, {}, {}});
  }
  if (restored != nullptr) {
    std::copy_n(restored->begin(), entries_.size(), entries_.begin());
  }
}

// Of what several tasks say the least counts.
void OperatorStates::AddFacts(int op, const std::map<std::string, int64_t>& facts) {
  auto& known = entries_[static_cast<size_t>(op)].facts;
  for (const auto& [name, value] : facts) {
    const auto [found, added] = known.emplace(name, value);
    if (!added) found->second = std::min(found->second, value);
  }
}

void OperatorStates::Begin() {
  for (state::OperatorEntry& entry : entries_) entry.facts.clear();
  for (int op : forgotten_) entries_[static_cast<size_t>(op)].sections.clear();
  forgotten_.clear();
  for (const Ended& ended : ended_) AddFacts(ended.op, ended.facts);
}

std::optional<OperatorStates::Writing> OperatorStates::Take(TaskReport& report) {
  Writing out;
  bool any = false;
  for (auto& [op, snapshot] : report.operators) {
    state::OperatorEntry& entry = entries_[static_cast<size_t>(op)];
    AddFacts(op, snapshot.facts());
    if (report.ended) {
      // What it held it has put out.
      ended_.push_back({op, snapshot.facts()});
      std::erase_if(entry.sections,
                    [task = snapshot.task()](const auto& s) { return s.task == task; });
      continue;
    }
    entry.tasks = snapshot.tasks();
    any |= !snapshot.pieces().empty();
    out.ordinal = snapshot.task();
    out.operators.push_back(op);
    out.pieces.push_back(snapshot.TakePieces());
  }
  if (!any) return std::nullopt;
  return out;
}

void OperatorStates::Settle(const std::vector<int>& operators, Sections sections) {
  for (size_t i = 0; i < operators.size(); ++i) {
    state::AppendSections(std::move(sections[i]),
                          &entries_[static_cast<size_t>(operators[i])].sections);
  }
}

}  // namespace millrace::runtime
