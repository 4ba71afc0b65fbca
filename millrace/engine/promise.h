// What a job promises about its rows, and whether that is enough.
#pragma once

#include <string>

#include "millrace/connector/sink.h"
#include "millrace/engine/settings.h"
#include "millrace/plan/node.h"

namespace millrace::engine {

struct Promise {
  Guarantee guarantee = Guarantee::kAny;
  std::string text;  ///< "exactly once (two-phase commit)"
};

/// Does a job over `plan` make checkpoints?
bool WantsCheckpoints(const plan::Node& plan, const JobOptions& options);

/// Of a job's sources, the one that can least be read again.
struct Rereading {
  connector::Replay replay = connector::Replay::kSeek;
  std::string table;

  void Add(const connector::Source& source, const std::string& name);
};

/// What is read again after a failure decides as much as the sink. Without checkpoints a
/// run over input that ends either ends or is done again; one without an end never is. A
/// run that commits once, at its end, shows nothing when it fails, whatever it reads.
Promise PromiseOf(const plan::Node& plan, const connector::Sink& sink,
                  const Rereading& sources, const JobOptions& options);

/// May the job run? Fails with kSinkCannotTake where the sink `name` can't take what the
/// plan yields, with kNeedsName, or with kGuaranteeMissed.
Status CheckPromise(const plan::Node& plan, const connector::Sink& sink,
                    const std::string& name, const Rereading& sources,
                    const JobOptions& options);

/// May `source`, of the table `name`, be read while files like `written` appear? Fails
/// with kReadsItself. "": none do.
Status CheckNotReadBack(const connector::Source& source, const std::string& name,
                        const std::string& written);

}  // namespace millrace::engine
