// Dead letters in any sink: a table with a row for each.
#pragma once

#include <memory>
#include <string>

#include "millrace/connector/sink.h"
#include "millrace/engine/dead_letters.h"
#include "millrace/runtime/scheduler.h"

namespace millrace::engine {

/// The columns that a sink of dead letters gets: those of the file.
std::shared_ptr<arrow::Schema> DeadLetterSchema();

/// Letters as rows of `sink`, whose target is made or checked at once. Every Sync that
/// has new letters is an epoch of its own; without any letter nothing is left in the
/// target. Letters that the sink does not take at once wait in `memory`. `scheduler` is
/// used to wait and outlives the store.
Result<std::unique_ptr<DeadLetterStore>> MakeDeadLetterSink(
    std::string name, std::unique_ptr<connector::Sink> sink,
    std::vector<std::string> keys, runtime::Scheduler* scheduler,
    std::shared_ptr<MemoryBudget> memory);

}  // namespace millrace::engine
