// Compiled once per instruction set; the best one of the machine is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "millrace/formats/csv/index_simd.cc"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "millrace/formats/csv/index.h"

HWY_BEFORE_NAMESPACE();
namespace millrace::formats::csv {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::CappedTag<uint8_t, 64>;
constexpr size_t kLanes = hn::MaxLanes(Bytes());

// Bits of one vector's comparison in the low end of a word.
template <class M>
HWY_INLINE uint64_t Bits(M mask) {
  const Bytes d;
  if constexpr (kLanes == 64) {
    uint64_t bits;
    hn::StoreMaskBits(d, mask, reinterpret_cast<uint8_t*>(&bits));
    return bits;
  } else if constexpr (kLanes == 32) {
    uint32_t bits;
    hn::StoreMaskBits(d, mask, reinterpret_cast<uint8_t*>(&bits));
    return bits;
  } else {
    uint64_t bits = 0;
    uint8_t store[16] = {};
    hn::StoreMaskBits(d, mask, store);
    memcpy(&bits, store, 8);
    return kLanes == 16 ? bits & 0xFFFF : bits;
  }
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

// Write the positions of the set bits, each plus `base`. May write up to 64 entries
// whatever the number of bits, because a fixed number of stores costs less than a loop
// that ends when the bits do.
HWY_INLINE uint32_t* WritePositions(uint64_t bits, uint32_t base, uint32_t* out) {
  const int count = static_cast<int>(hwy::PopCount(bits));
#if HWY_TARGET == HWY_AVX3_DL
  const Bytes d;
  const hn::CappedTag<uint32_t, 16> d32;
  const auto packed = hn::Compress(
      hn::Iota(d, 0), hn::LoadMaskBits(d, reinterpret_cast<const uint8_t*>(&bits)));
  const auto offset = hn::Set(d32, base);
  const auto low = hn::LowerHalf(packed);
  hn::StoreU(hn::Add(hn::PromoteTo(d32, hn::LowerHalf(low)), offset), d32, out);
  if (HWY_UNLIKELY(count > 16)) {
    const hn::Half<Bytes> half;
    const hn::Half<hn::Half<Bytes>> quarter;
    const auto high = hn::UpperHalf(half, packed);
    hn::StoreU(hn::Add(hn::PromoteTo(d32, hn::UpperHalf(quarter, low)), offset), d32,
               out + 16);
    hn::StoreU(hn::Add(hn::PromoteTo(d32, hn::LowerHalf(high)), offset), d32, out + 32);
    hn::StoreU(hn::Add(hn::PromoteTo(d32, hn::UpperHalf(quarter, high)), offset), d32,
               out + 48);
  }
#else
  auto write = [&](int from, int to) {
    for (int k = from; k < to; ++k) {
      out[k] =
          base + (bits == 0
                      ? 0
                      : static_cast<uint32_t>(hwy::Num0BitsBelowLS1Bit_Nonzero64(bits)));
      bits &= bits - 1;
    }
  };
  write(0, 8);
  if (HWY_UNLIKELY(count > 8)) {
    write(8, 16);
    if (HWY_UNLIKELY(count > 16)) write(16, count);
  }
#endif
  return out + count;
}

size_t Index(const uint8_t* HWY_RESTRICT data, size_t begin, size_t end, uint8_t quote,
             bool quoting, uint8_t delimiter, uint8_t newline,
             IndexState* HWY_RESTRICT state, uint32_t* HWY_RESTRICT out) {
  const Bytes d;
  const auto quotes = hn::Set(d, quote);
  const auto delimiters = hn::Set(d, delimiter);
  const auto newlines = hn::Set(d, newline);
  const auto returns = hn::Set(d, static_cast<uint8_t>('\r'));
  const auto high_bits = hn::Set(d, static_cast<uint8_t>(0x80));
  IndexState s = *state;
  auto seen = hn::Zero(d);
  uint64_t last_non_ascii = 0;
  uint64_t doubled = 0, suspect = 0;
  uint32_t* next = out;
  for (size_t i = begin; i < end; i += 64) {
    const size_t left = end - i;
    const uint64_t valid = left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
    uint64_t q = 0, f = 0, l = 0;
    for (size_t k = 0; k < 64; k += kLanes) {
      const auto v = hn::LoadU(d, data + i + k);
      q |= Bits(hn::Eq(v, quotes)) << k;
      f |= Bits(hn::Eq(v, delimiters)) << k;
      l |= Bits(hn::Eq(v, newlines)) << k;
      if (HWY_LIKELY(left >= 64)) {
        seen = hn::Or(seen, v);
      } else {
        last_non_ascii |= Bits(hn::Ne(hn::And(v, high_bits), hn::Zero(d))) << k;
      }
    }
    last_non_ascii &= valid;
    q = quoting ? q & valid : 0;
    f &= valid;
    l &= valid;
    const uint64_t before = s.in_quote;
    const uint64_t top = left >= 64 ? 63 : left - 1;
    if (HWY_LIKELY((q | s.after_close | s.after_close_cr) == 0)) {
      l &= ~before;
      const uint64_t structural = (f & ~before) | l;
      s.newlines += static_cast<int64_t>(hwy::PopCount(l));
      s.after_structural = (structural >> top) & 1;
      next = WritePositions(structural, static_cast<uint32_t>(i), next);
      continue;
    }
    const uint64_t inside = PrefixXor(q) ^ before;
    s.in_quote = static_cast<uint64_t>(static_cast<int64_t>(inside << (63 - top)) >> 63);
    const uint64_t open = q & inside;
    const uint64_t close = q & ~inside;
    l &= ~inside;
    const uint64_t structural = (f & ~inside) | l;
    const uint64_t after_structural = structural << 1 | s.after_structural;
    const uint64_t after_close = close << 1 | s.after_close;
    doubled |= open & after_close;
    suspect |= open & ~(after_structural | after_close);
    uint64_t close_cr = 0;
    const uint64_t odd = after_close & ~(structural | open) & valid;
    if (odd != 0) {
      uint64_t cr = 0;
      for (size_t k = 0; k < 64; k += kLanes) {
        cr |= Bits(hn::Eq(hn::LoadU(d, data + i + k), returns)) << k;
      }
      close_cr = odd & cr;
      suspect |= odd & ~cr;
    }
    const uint64_t after_close_cr = close_cr << 1 | s.after_close_cr;
    suspect |= after_close_cr & ~l & valid;
    s.newlines += static_cast<int64_t>(hwy::PopCount(l));
    s.after_structural = (structural >> top) & 1;
    s.after_close = (close >> top) & 1;
    s.after_close_cr = (close_cr >> top) & 1;
    next = WritePositions(structural, static_cast<uint32_t>(i), next);
  }
  s.saw_doubled |= doubled != 0;
  s.saw_suspect |= suspect != 0;
  s.saw_non_ascii |= last_non_ascii != 0 ||
                     !hn::AllFalse(d, hn::Ne(hn::And(seen, high_bits), hn::Zero(d)));
  *state = s;
  return static_cast<size_t>(next - out);
}

int64_t Count(const uint8_t* HWY_RESTRICT data, size_t size, uint8_t byte) {
  const Bytes d;
  const auto wanted = hn::Set(d, byte);
  int64_t count = 0;
  size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    count +=
        static_cast<int64_t>(hn::CountTrue(d, hn::Eq(hn::LoadU(d, data + i), wanted)));
  }
  for (; i < size; ++i) count += data[i] == byte;
  return count;
}

bool Contains(const uint8_t* HWY_RESTRICT data, size_t size, const uint8_t* bytes) {
  const Bytes d;
  const auto a = hn::Set(d, bytes[0]), b = hn::Set(d, bytes[1]);
  const auto c = hn::Set(d, bytes[2]), e = hn::Set(d, bytes[3]);
  size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    const auto v = hn::LoadU(d, data + i);
    const auto hit =
        hn::Or(hn::Or(hn::Eq(v, a), hn::Eq(v, b)), hn::Or(hn::Eq(v, c), hn::Eq(v, e)));
    if (HWY_UNLIKELY(!hn::AllFalse(d, hit))) return true;
  }
  for (; i < size; ++i) {
    for (int k = 0; k < 4; ++k) {
      if (data[i] == bytes[k]) return true;
    }
  }
  return false;
}

}  // namespace HWY_NAMESPACE
}  // namespace millrace::formats::csv
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace millrace::formats::csv {

HWY_EXPORT(Index);
HWY_EXPORT(Count);
HWY_EXPORT(Contains);

size_t IndexStructure(const uint8_t* data, size_t begin, size_t end,
                      const Dialect& dialect, IndexState* state, uint32_t* out) {
  if (dialect.sequential()) {
    return IndexSequential(data, begin, end, dialect, state, out);
  }
  if (begin == end) return 0;
  return HWY_DYNAMIC_DISPATCH(Index)(
      data, begin, end, static_cast<uint8_t>(dialect.quote), dialect.quote >= 0,
      static_cast<uint8_t>(dialect.delimiter), static_cast<uint8_t>(dialect.newline),
      state, out);
}

int64_t CountByte(const uint8_t* data, size_t size, uint8_t byte) {
  return HWY_DYNAMIC_DISPATCH(Count)(data, size, byte);
}

bool ContainsAny(const uint8_t* data, size_t size, const uint8_t (&bytes)[4]) {
  return HWY_DYNAMIC_DISPATCH(Contains)(data, size, bytes);
}

}  // namespace millrace::formats::csv
#endif  // HWY_ONCE
