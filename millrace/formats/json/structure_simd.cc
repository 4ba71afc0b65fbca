// Compiled once per instruction set; the best one of the machine is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "millrace/formats/json/structure_simd.cc"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "millrace/formats/json/structure.h"

HWY_BEFORE_NAMESPACE();
namespace millrace::formats::json {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::CappedTag<uint8_t, 64>;
constexpr size_t kLanes = hn::MaxLanes(Bytes());

// Bits of one vector's comparison in the low end of a word.
template <class M>
HWY_INLINE uint64_t Bits(M mask) {
  const Bytes d;
  uint8_t store[16] = {};
  hn::StoreMaskBits(d, mask, store);
  uint64_t bits;
  memcpy(&bits, store, 8);
  return kLanes >= 64 ? bits : bits & ((uint64_t{1} << (kLanes % 64)) - 1);
}

// Bit i is the parity of the bits 0 … i.
HWY_INLINE uint64_t PrefixXor(uint64_t bits) {
#if HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || \
    HWY_TARGET == HWY_AVX3_DL
  const hn::Full128<uint64_t> d;
  return hn::GetLane(hn::CLMulLower(hn::Set(d, bits), hn::Set(d, ~uint64_t{0})));
#else
  for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
#endif
}

// The bytes that a backslash escapes. `carry`: the first one is, and then whether the
// first of the next block is.
HWY_INLINE uint64_t Escaped(uint64_t backslashes, uint64_t* carry) {
  uint64_t escaped = *carry;
  *carry = 0;
  backslashes &= ~escaped;
  while (backslashes != 0) {
    const uint64_t first = backslashes & (~backslashes + 1);
    *carry = first >> 63;
    escaped |= first << 1;
    backslashes &= ~(first | first << 1);
  }
  return escaped;
}

// Goes over a block's brackets one by one when they could lead below `*low`.
HWY_INLINE void Lower(int64_t depth, uint64_t opens, uint64_t closes, int64_t* low) {
  if (HWY_LIKELY(depth - static_cast<int64_t>(hwy::PopCount(closes)) >= *low)) return;
  for (uint64_t bits = opens | closes; bits != 0; bits &= bits - 1) {
    depth += (opens & bits & (~bits + 1)) != 0 ? 1 : -1;
    *low = HWY_MIN(*low, depth);
  }
}

StructureDelta Scan(const uint8_t* HWY_RESTRICT data, size_t size, bool first_escaped) {
  const Bytes d;
  const auto quote = hn::Set(d, static_cast<uint8_t>('"'));
  const auto backslash = hn::Set(d, static_cast<uint8_t>('\\'));
  const auto open = hn::Set(d, static_cast<uint8_t>('{'));
  const auto close = hn::Set(d, static_cast<uint8_t>('}'));
  // '[' and ']' become '{' and '}', and no other byte does.
  const auto fold = hn::Set(d, static_cast<uint8_t>(0x20));
  uint64_t in_string = 0, carry = first_escaped ? 1 : 0;
  int64_t opens_in = 0, opens_out = 0, closes_in = 0, closes_out = 0;
  int64_t low_in = 0, low_out = 0;
  for (size_t i = 0; i < size; i += 64) {
    uint64_t quotes = 0, backslashes = 0, opens = 0, closes = 0;
    for (size_t k = 0; k < 64; k += kLanes) {
      const auto v = hn::LoadU(d, data + i + k);
      const auto folded = hn::Or(v, fold);
      quotes |= Bits(hn::Eq(v, quote)) << k;
      backslashes |= Bits(hn::Eq(v, backslash)) << k;
      opens |= Bits(hn::Eq(folded, open)) << k;
      closes |= Bits(hn::Eq(folded, close)) << k;
    }
    const size_t left = size - i;
    if (HWY_UNLIKELY(left < 64)) {
      const uint64_t valid = (uint64_t{1} << left) - 1;
      quotes &= valid;
      backslashes &= valid;
      opens &= valid;
      closes &= valid;
    }
    if (HWY_UNLIKELY((backslashes | carry) != 0)) {
      const uint64_t escaped = Escaped(backslashes, &carry);
      quotes &= ~escaped;
      // The byte behind the text is a block's first, or stands in this one.
      if (left < 64) carry = (escaped >> left) & 1;
    }
    const uint64_t inside = PrefixXor(quotes) ^ in_string;
    in_string = static_cast<uint64_t>(static_cast<int64_t>(inside) >> 63);
    Lower(opens_in - closes_in, opens & inside, closes & inside, &low_in);
    Lower(opens_out - closes_out, opens & ~inside, closes & ~inside, &low_out);
    opens_in += static_cast<int64_t>(hwy::PopCount(opens & inside));
    opens_out += static_cast<int64_t>(hwy::PopCount(opens & ~inside));
    closes_in += static_cast<int64_t>(hwy::PopCount(closes & inside));
    closes_out += static_cast<int64_t>(hwy::PopCount(closes & ~inside));
  }
  return {.outside = opens_out - closes_out,
          .inside = opens_in - closes_in,
          .low_outside = low_out,
          .low_inside = low_in,
          .closers = closes_in + closes_out,
          .quotes_odd = in_string != 0,
          .escapes_next = carry != 0};
}

}  // namespace HWY_NAMESPACE
}  // namespace millrace::formats::json
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace millrace::formats::json {

HWY_EXPORT(Scan);

StructureDelta ScanStructure(const char* data, size_t size, bool escaped) {
  return HWY_DYNAMIC_DISPATCH(Scan)(reinterpret_cast<const uint8_t*>(data), size,
                                    escaped);
}

}  // namespace millrace::formats::json
#endif  // HWY_ONCE
