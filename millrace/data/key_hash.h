// Key hashing: one hash of row keys for exchange, aggregation, joins and state, so that
// all of them agree where a key lives.
//
// XXH3-64 (Collet) with a fixed seed over one canonical encoding: integers, times and
// booleans as 8 little-endian bytes (sign extended), floats as the 8 bytes of their
// double with −0 as 0 and one NaN, decimals as 32 bytes, text and binary as their bytes,
// NULL as a fixed value. Dictionary-encoded columns hash like their values. Part of the
// state format: it changes only with the format's version.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"

namespace millrace::data {

/// Number of key groups, the unit in which state moves between shards.
inline constexpr int kKeyGroups = 1024;

inline int KeyGroupOf(uint64_t hash) { return static_cast<int>(hash >> 54); }
inline int ShardOfKeyGroup(int group, int shards) { return group * shards / kKeyGroups; }

/// The hash of each row over `columns`, into `out` (room for `rows`). Nested types are
/// refused with NotImplemented.
Status HashRows(const std::vector<std::shared_ptr<arrow::Array>>& columns, int64_t rows,
                uint64_t* out);

/// The rows of `batch` that belong to each of `targets` shards, by key group. Entry i
/// holds shard i's rows in their order, or null when it gets none.
Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> ScatterByKey(
    const std::shared_ptr<arrow::RecordBatch>& batch, const std::vector<int>& key_columns,
    int targets, arrow::MemoryPool* pool);

}  // namespace millrace::data
