// Strong ids: numbers that can't be taken for one another.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace millrace {

template <typename Tag, typename Value = int32_t>
struct StrongId {
  Value value{};
  auto operator<=>(const StrongId&) const = default;
};

/// A split of a source, numbered in reading order within one pipeline.
using SplitId = StrongId<struct SplitTag, int64_t>;
/// A checkpoint epoch; the first is 1.
using Epoch = StrongId<struct EpochTag, int64_t>;
/// One writer of one sink: its ordinal among the sink's parallel writers.
using WriterId = StrongId<struct WriterTag, int32_t>;

}  // namespace millrace
