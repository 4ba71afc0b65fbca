// What is promised, by the class of the sink, checkpoints, and what can be read again.
#include "millrace/engine/promise.h"

#include <cstdlib>

#include <arrow/type.h>

#include "millrace/base/testing.h"
#include "millrace/connector/testkit/plain_source.h"
#include "millrace/state/errors.h"

namespace millrace::engine {
namespace {

using connector::CommitClass;
using connector::Replay;

class FixedSink final : public connector::Sink {
 public:
  explicit FixedSink(CommitClass commit_class) : class_(commit_class) {}
  Status Preflight(connector::Report&) override { return Status::OK(); }
  Status EnsureTable(const std::shared_ptr<arrow::Schema>&,
                     const std::vector<std::string>&) override {
    return Status::OK();
  }
  Status Apply(const connector::SchemaChange&) override { return Status::OK(); }
  connector::Accepts accepts() const override { return {}; }
  CommitClass commit_class() const override { return class_; }
  int max_writers() const override { return 1; }
  Result<std::unique_ptr<connector::SinkWriter>> Open(WriterId) override {
    return Status::NotImplemented("");
  }
  connector::Committer& committer() override { std::abort(); }

 private:
  const CommitClass class_;
};

class FixedSource final : public connector::testkit::PlainSource {
 public:
  explicit FixedSource(Replay replay) : replay_(replay) {}
  Replay replay() const override { return replay_; }
  bool bounded() const override { return true; }

 private:
  const Replay replay_;
};

class Rows final : public plan::Node {
 public:
  explicit Rows(bool bounded) : Node(arrow::schema({}), bounded) {}
  std::string_view kind() const override { return "rows"; }
  std::string Describe() const override { return ""; }
  plan::NodePtr WithInputs(std::vector<plan::NodePtr>) const override { return nullptr; }
};

struct Case {
  Replay replay;
  CommitClass sink;
  bool bounded;
  WhenCheckpoints checkpoints;
  Guarantee promised;
};

TEST(Promise, IsTheLeastOfSourceAndSink) {
  constexpr auto kOn = WhenCheckpoints::kOn;
  constexpr auto kAuto = WhenCheckpoints::kAuto;
  constexpr auto kOff = WhenCheckpoints::kOff;
  const Case cases[] = {
      {Replay::kSeek, CommitClass::kTwoPhase, true, kOff, Guarantee::kExactlyOnce},
      {Replay::kSeek, CommitClass::kTwoPhase, true, kOn, Guarantee::kExactlyOnce},
      {Replay::kSeek, CommitClass::kAtomic, false, kAuto, Guarantee::kExactlyOnce},
      {Replay::kSeek, CommitClass::kIdempotent, false, kAuto, Guarantee::kExactlyOnce},
      {Replay::kSeek, CommitClass::kTwoPhase, false, kOff, Guarantee::kAny},
      {Replay::kSeek, CommitClass::kNone, true, kAuto, Guarantee::kAtLeastOnce},
      {Replay::kSeek, CommitClass::kNone, false, kAuto, Guarantee::kAtLeastOnce},
      // A kill between commit and acknowledgement brings the rows again.
      {Replay::kRedeliver, CommitClass::kTwoPhase, true, kOff, Guarantee::kAtLeastOnce},
      {Replay::kRedeliver, CommitClass::kAtomic, false, kAuto, Guarantee::kAtLeastOnce},
      {Replay::kRedeliver, CommitClass::kNone, false, kAuto, Guarantee::kAtLeastOnce},
      {Replay::kRedeliver, CommitClass::kTwoPhase, false, kOff, Guarantee::kAny},
      // All or nothing; but with several commits the rest is lost.
      {Replay::kNever, CommitClass::kTwoPhase, true, kAuto, Guarantee::kExactlyOnce},
      {Replay::kNever, CommitClass::kAtomic, true, kOff, Guarantee::kExactlyOnce},
      {Replay::kNever, CommitClass::kTwoPhase, true, kOn, Guarantee::kAny},
      {Replay::kNever, CommitClass::kAtomic, false, kAuto, Guarantee::kAny},
      {Replay::kNever, CommitClass::kNone, true, kOff, Guarantee::kAny},
      {Replay::kNever, CommitClass::kNone, true, kOn, Guarantee::kAny},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(fmt::format("replay {}, {}, bounded {}, checkpoints {}",
                             static_cast<int>(one.replay),
                             connector::CommitClassName(one.sink), one.bounded,
                             static_cast<int>(one.checkpoints)));
    const Rows plan(one.bounded);
    FixedSink sink(one.sink);
    Rereading sources;
    sources.Add(FixedSource(Replay::kSeek), "first");
    sources.Add(FixedSource(one.replay), "second");
    sources.Add(FixedSource(Replay::kSeek), "third");
    JobOptions options;
    options.name = {"name", true};
    options.checkpoints = one.checkpoints;
    const Promise promise = PromiseOf(plan, sink, sources, options);
    EXPECT_EQ(promise.guarantee, one.promised) << promise.text;
    const bool named = one.replay != Replay::kSeek &&
                       (one.bounded || one.checkpoints != WhenCheckpoints::kOff);
    EXPECT_EQ(promise.text.find("'second'") != std::string::npos, named) << promise.text;
    for (const Guarantee asked :
         {Guarantee::kAny, Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce}) {
      options.guarantee = asked;
      const Status status = CheckPromise(plan, sink, "sink", sources, options);
      if (asked <= one.promised) {
        EXPECT_TRUE(status.ok()) << status.ToString();
      } else {
        EXPECT_EQ(ErrorNumber(status), errors::kGuaranteeMissed.number);
        EXPECT_NE(status.message().find(promise.text), std::string::npos);
      }
    }
  }
}

}  // namespace
}  // namespace millrace::engine
