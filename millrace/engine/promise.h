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

/// What is read again after a failure decides as much as the sink. Without checkpoints a
/// run over input that ends either ends or is done again; one without an end never is.
Promise PromiseOf(const plan::Node& plan, const connector::Sink& sink,
                  const JobOptions& options);

/// May the job run? Fails with kSinkCannotTake where the sink `name` can't take what the
/// plan yields, with kNeedsName, or with kGuaranteeMissed.
Status CheckPromise(const plan::Node& plan, const connector::Sink& sink,
                    const std::string& name, const JobOptions& options);

}  // namespace millrace::engine
