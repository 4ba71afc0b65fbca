#include "millrace/engine/promise.h"

#include "millrace/base/error.h"
#include "millrace/engine/errors.h"
#include "millrace/plan/errors.h"
#include "millrace/state/errors.h"

namespace millrace::engine {

namespace {

Status CheckChanges(plan::ChangeMode mode, const connector::Sink& sink,
                    const std::string& name) {
  const connector::Accepts accepts = sink.accepts();
  const bool fits = mode == plan::ChangeMode::kAppend   ? accepts.append
                    : mode == plan::ChangeMode::kUpsert ? accepts.upsert
                                                        : accepts.retract;
  if (fits) return Status::OK();
  return errors::kSinkCannotTake.Make({}, "{} takes rows to append only", name);
}

// Where all that was not committed is read again.
Promise PromiseOf(const connector::Sink& sink) {
  switch (sink.commit_class()) {
    case connector::CommitClass::kTwoPhase:
      return {Guarantee::kExactlyOnce, "exactly once (two-phase commit)"};
    case connector::CommitClass::kAtomic:
      return {Guarantee::kExactlyOnce, "exactly once (atomic commit)"};
    case connector::CommitClass::kIdempotent:
      return {Guarantee::kExactlyOnce, "exactly once (idempotent commit)"};
    case connector::CommitClass::kNone: break;
  }
  return {Guarantee::kAtLeastOnce,
          "at least once (rows are visible as they are written)"};
}

}  // namespace

bool WantsCheckpoints(const plan::Node& plan, const JobOptions& options) {
  switch (options.checkpoints) {
    case WhenCheckpoints::kOn: return true;
    case WhenCheckpoints::kOff: return false;
    case WhenCheckpoints::kAuto: break;
  }
  return !plan.bounded();
}

void Rereading::Add(const connector::Source& source, const std::string& name) {
  if (source.replay() <= replay) return;
  replay = source.replay();
  table = name;
}

Promise PromiseOf(const plan::Node& plan, const connector::Sink& sink,
                  const Rereading& sources, const JobOptions& options) {
  const bool checkpointed = WantsCheckpoints(plan, options);
  if (!plan.bounded() && !checkpointed) {
    return {Guarantee::kAny, "none (no checkpoints are made of input without an end)"};
  }
  const Promise promise = PromiseOf(sink);
  switch (sources.replay) {
    case connector::Replay::kSeek: return promise;
    case connector::Replay::kRedeliver:
      return {Guarantee::kAtLeastOnce,
              fmt::format("at least once (what '{}' was not told to be safe comes again)",
                          sources.table)};
    case connector::Replay::kNever: break;
  }
  // One commit, at the end: no run goes on from where another has stopped.
  if (!checkpointed && promise.guarantee == Guarantee::kExactlyOnce) {
    return {
        promise.guarantee,
        fmt::format("{}; a run that fails writes nothing, and '{}' can't be read again",
                    promise.text, sources.table)};
  }
  return {Guarantee::kAny,
          fmt::format("at most once ('{}' can't be read again)", sources.table)};
}

Status CheckPromise(const plan::Node& plan, const connector::Sink& sink,
                    const std::string& name, const Rereading& sources,
                    const JobOptions& options) {
  ARROW_RETURN_NOT_OK(CheckChanges(plan.change_mode(), sink, name));
  if (WantsCheckpoints(plan, options) && !options.name.chosen)
    return errors::kNeedsName.Make({}, "");
  const Promise promise = PromiseOf(plan, sink, sources, options);
  if (promise.guarantee >= options.guarantee) return Status::OK();
  return errors::kGuaranteeMissed.Make(
      {}, "{}; this pipeline gives: {}",
      options.guarantee == Guarantee::kExactlyOnce ? "exactly once" : "at least once",
      promise.text);
}

Status CheckNotReadBack(const connector::Source& source, const std::string& name,
                        const std::string& written) {
  if (written.empty() || !source.WouldRead(written)) return Status::OK();
  return errors::kReadsItself.Make({.file = written}, "it would be one of '{}'", name);
}

}  // namespace millrace::engine
