// Report: everything that a preflight found, so that a user mends it in one go.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "millrace/base/error.h"

namespace millrace::connector {

struct Finding {
  enum class Severity { kNote, kWarning, kError };
  Severity severity = Severity::kNote;
  std::string subject;  ///< "source flights"
  std::string text;
};

class Report {
 public:
  void Note(std::string subject, std::string text) {
    findings_.push_back({Finding::Severity::kNote, std::move(subject), std::move(text)});
  }
  void Warning(std::string subject, std::string text) {
    findings_.push_back(
        {Finding::Severity::kWarning, std::move(subject), std::move(text)});
  }
  void Error(std::string subject, const Status& status) {
    findings_.push_back(
        {Finding::Severity::kError, std::move(subject), ErrorText(status)});
  }
  const std::vector<Finding>& findings() const { return findings_; }
  bool has_errors() const {
    for (const Finding& finding : findings_) {
      if (finding.severity == Finding::Severity::kError) return true;
    }
    return false;
  }

 private:
  std::vector<Finding> findings_;
};

}  // namespace millrace::connector
