// Future: a value that arrives later. Arrow's own, so that its asynchronous readers and
// ours compose.
#pragma once

#include <arrow/util/future.h>

namespace millrace {

template <typename T = arrow::internal::Empty>
using Future = arrow::Future<T>;

}  // namespace millrace
