// GatedSink: a sink whose commits wait for something else to be done first.
#pragma once

#include <functional>
#include <memory>

#include "millrace/connector/sink.h"

namespace millrace::engine {

/// `sink`, with `before_commit` called ahead of each of its commits, by the thread that
/// commits. Its error takes the place of the commit.
std::unique_ptr<connector::Sink> MakeGatedSink(std::unique_ptr<connector::Sink> sink,
                                               std::function<Status()> before_commit);

}  // namespace millrace::engine
