// Result sink: hands the rows of a SELECT to whoever asked.
#pragma once

#include <functional>
#include <memory>

#include "millrace/base/executor.h"
#include "millrace/connector/sink.h"

namespace millrace::engine {

/// Called on the executor, one batch at a time, in order: it may wait for whoever reads
/// the rows. An error ends the pipeline.
using OnRows = std::function<Status(const std::shared_ptr<arrow::RecordBatch>& rows)>;

/// One writer, class kNone: rows are visible as they come. Destroyed it waits for the end
/// of a call; none follows.
std::unique_ptr<connector::Sink> MakeResultSink(OnRows on_rows, Executor* executor);

}  // namespace millrace::engine
