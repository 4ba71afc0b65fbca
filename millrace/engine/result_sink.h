// Result sink: hands the rows of a SELECT to whoever asked.
#pragma once

#include <functional>
#include <memory>

#include "millrace/connector/sink.h"

namespace millrace::engine {

/// Called on a shard, one batch at a time, in order. An error ends the pipeline.
using OnRows = std::function<Status(const std::shared_ptr<arrow::RecordBatch>& rows)>;

/// One writer, class kNone: rows are visible as they come.
std::unique_ptr<connector::Sink> MakeResultSink(OnRows on_rows);

}  // namespace millrace::engine
