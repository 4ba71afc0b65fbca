// What appending rows to a JSON file must know of what it holds.
#pragma once

#include <string_view>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/formats/json/options.h"

namespace millrace::formats::json {

/// Does a file that begins with `head` have the layout? Fails with kJsonAppendLayout.
Status CheckLayout(std::string_view head, Layout layout);

/// Where the elements of the array in `file` end: rows that are appended replace what
/// follows. 0 when it has none. Fails with kJsonArrayCut when no bracket closes it.
Result<int64_t> EndOfElements(arrow::io::RandomAccessFile& file, int64_t size);

}  // namespace millrace::formats::json
