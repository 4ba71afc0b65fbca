// The footer of an ORC file, read before the library sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::formats::orc_format {

/// The plain bytes of `footer`, which is in chunks of at most `chunk_bytes` compressed
/// as `kind` says. Fails with kOrcCodec, or without a number.
Result<std::shared_ptr<arrow::Buffer>> PlainFooter(
    const std::shared_ptr<arrow::Buffer>& footer, uint64_t kind, int64_t chunk_bytes,
    const std::string& file, arrow::MemoryPool* pool);

/// Are the types of `footer` a tree of at most 64 levels, and can Arrow have them? The
/// library takes all that for granted: it walks the tree by recursion, and ends the
/// process at types that Arrow can't have. An error without a number.
Status CheckTypes(std::string_view footer);

}  // namespace millrace::formats::orc_format
