// A source that does nothing: what a test derives from to do one thing.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <arrow/type.h>

#include "millrace/connector/source.h"

namespace millrace::connector::testkit {

/// Endless, without columns and splits, and can be read again.
class PlainSource : public Source {
 public:
  Result<std::shared_ptr<arrow::Schema>> InferSchema() override {
    return arrow::schema({});
  }
  Result<std::vector<Split>> Discover() override { return std::vector<Split>(); }
  Status Restore(const std::string&, const std::vector<SplitState>&) override {
    return Status::OK();
  }
  Status Preflight(Report&) override { return Status::OK(); }
  Status Setup() override { return Status::OK(); }
  Status Teardown() override { return Status::OK(); }
  Accepted Push(const Pushdown&) override { return {}; }
  Replay replay() const override { return Replay::kSeek; }
  bool bounded() const override { return false; }
  Result<std::unique_ptr<SplitReader>> Open(const Split&) override {
    return Status::NotImplemented("");
  }
  void Acknowledge(const std::vector<std::pair<SplitId, data::Position>>&) override {}
  Status Control(Command) override { return Status::OK(); }
};

}  // namespace millrace::connector::testkit
