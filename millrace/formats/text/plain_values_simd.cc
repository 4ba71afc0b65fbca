// Compiled once per instruction set; the best one of the machine is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "millrace/formats/text/plain_values_simd.cc"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "millrace/formats/text/plain_values.h"

HWY_BEFORE_NAMESPACE();
namespace millrace::formats {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

// Without vectors every text is left to the parsers of single values.
void AllOdd(PlainBatch* batch) {
  for (uint64_t& word : batch->odd) word = ~uint64_t{0};
}
void Integers(PlainBatch* batch, int64_t, int64_t*) { AllOdd(batch); }
void Doubles(PlainBatch* batch, int64_t, double*) { AllOdd(batch); }
void Timestamps(PlainBatch* batch, int64_t, int64_t*) { AllOdd(batch); }

#else

namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::CappedTag<uint64_t, 8>;
using Signed = hn::RebindToSigned<Words>;
using Reals = hn::RebindToFloat<Words>;
using V = hn::Vec<Words>;
using M = hn::Mask<Words>;

HWY_INLINE V Fill(uint64_t value) { return hn::Set(Words(), value); }

HWY_INLINE M IsZero(V v) { return hn::Eq(v, hn::Zero(Words())); }

HWY_INLINE M Below(V a, V b) {
  return hn::RebindMask(Words(),
                        hn::Lt(hn::BitCast(Signed(), a), hn::BitCast(Signed(), b)));
}

// The low halves of the lanes, multiplied.
HWY_INLINE V Times(V v, uint32_t factor) {
  const hn::Repartition<uint32_t, Words> d32;
  return hn::MulEven(hn::BitCast(d32, v), hn::Set(d32, factor));
}

// Bits that are set where a byte is none of 0 … 9.
HWY_INLINE V NoDigits(V word) {
  return hn::And(hn::Or(hn::Add(word, Fill(0x7676767676767676)), word),
                 Fill(0x8080808080808080));
}

// Bytes of decimal digits to the numbers of pairs, each in the lower byte of two.
HWY_INLINE V Pairs(V word) {
  return hn::Add(hn::Add(hn::ShiftLeft<3>(word), hn::ShiftLeft<1>(word)),
                 hn::ShiftRight<8>(word));
}

// As formats::Combine.
HWY_INLINE V Combine(V word) {
  const hn::Repartition<int16_t, Words> d16;
  const hn::Repartition<int32_t, Words> d32;
  const V pairs = hn::And(Pairs(word), Fill(0x00FF00FF00FF00FF));
  auto rest = hn::Zero(d32);
  const auto sums = hn::ReorderWidenMulAccumulate(
      d32, hn::BitCast(d16, pairs), hn::BitCast(d16, hn::Set(d32, 0x00010064)),
      hn::Zero(d32), rest);
  const V fours = hn::BitCast(Words(), hn::RearrangeToOddPlusEven(sums, rest));
  return hn::Add(Times(fours, 10000), hn::ShiftRight<32>(fours));
}

// Up to 16 characters with zeros taken off, the last one in the highest byte of `low`.
struct Digits {
  V low, high;
};

HWY_INLINE Digits LoadDigits(const PlainBatch& batch, int64_t i, V size) {
  const Words d;
  const V zeros = Fill(kZeros), ones = Fill(~uint64_t{0});
  const V eight = Fill(8);
  const M is_long = Below(eight, size);
  const V in_low = hn::IfThenElse(is_long, eight, size);
  const V low_shift = hn::ShiftLeft<3>(hn::Sub(eight, in_low));
  const V high_shift = hn::ShiftLeft<3>(hn::Sub(Fill(16), size));
  // Shifts by 64 and more happen for sizes that are odd, or are not selected.
  const V low_mask = hn::Shl(ones, hn::And(low_shift, Fill(63)));
  const V high_mask =
      hn::IfThenElseZero(is_long, hn::Shl(ones, hn::And(high_shift, Fill(63))));
  return {hn::And(hn::Xor(hn::Load(d, batch.words[0] + i), zeros), low_mask),
          hn::And(hn::Xor(hn::Load(d, batch.words[1] + i), zeros), high_mask)};
}

HWY_INLINE V ValueOf(const Digits& digits) {
  return hn::Add(Times(Combine(digits.high), 100000000), Combine(digits.low));
}

// Not 1 … 16 characters.
HWY_INLINE M OddSize(V size) {
  return hn::Or(Below(size, Fill(1)), Below(Fill(16), size));
}

// Sets bits [i, i + lanes) of `odd`, which were 0.
HWY_INLINE void KeepOdd(M mask, int64_t i, uint64_t* odd) {
  uint8_t bits[8] = {};
  hn::StoreMaskBits(Words(), mask, bits);
  odd[i / 64] |= uint64_t{bits[0]} << (i % 64);
}

void Integers(PlainBatch* HWY_RESTRICT batch, int64_t count, int64_t* HWY_RESTRICT out) {
  const Words d;
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
    const V size = hn::BitCast(d, hn::Load(Signed(), batch->size + i));
    const V negative = hn::BitCast(d, hn::Load(Signed(), batch->negative + i));
    const Digits digits = LoadDigits(*batch, i, size);
    const V wrong = hn::Or(NoDigits(digits.low), NoDigits(digits.high));
    KeepOdd(hn::Or(OddSize(size), hn::Not(IsZero(wrong))), i, batch->odd);
    const V value = hn::Sub(hn::Xor(ValueOf(digits), negative), negative);
    hn::StoreU(hn::BitCast(Signed(), value), Signed(), out + i);
  }
}

// A dot among the characters of a word, taken out: what stands before it moves up, and
// `before` into the first place. `behind` is the number of characters after it. Nothing
// of that means anything where there is no dot, which IsZero(dot) tells.
struct Dotless {
  V word, behind, dot;
};

HWY_INLINE Dotless TakeDot(V word, V before) {
  const hn::Repartition<uint8_t, Words> d8;
  const V most = Fill(0x7F7F7F7F7F7F7F7F);
  const V dots = hn::Xor(word, Fill(0x1E1E1E1E1E1E1E1E));
  const V others = hn::Or(hn::Or(hn::Add(hn::And(dots, most), most), dots), most);
  const V dot = hn::Xor(others, Fill(~uint64_t{0}));
  // The first one: its byte's highest bit.
  const V first = hn::And(dot, hn::Sub(hn::Zero(Words()), dot));
  const V bottom = hn::ShiftRight<7>(first);
  const V below = hn::Sub(bottom, Fill(1));
  const V upto = hn::Or(below, hn::Sub(hn::ShiftLeft<1>(first), bottom));
  const V taken = hn::Or(
      hn::Or(hn::AndNot(upto, word), hn::ShiftLeft<8>(hn::And(word, below))), before);
  const V bytes_upto =
      hn::SumsOf8(hn::BitCast(d8, hn::And(upto, Fill(0x0101010101010101))));
  return {taken, hn::Sub(Fill(8), bytes_upto), dot};
}

void Doubles(PlainBatch* HWY_RESTRICT batch, int64_t count, double* HWY_RESTRICT out) {
  const Words d;
  // The second half works on what the first one leaves in the place of the texts: the
  // digits' value, and the number of digits behind the dot, looked up in between.
  uint64_t* const values = batch->words[0];
  uint64_t* const places = batch->words[1];
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
    const V size = hn::BitCast(d, hn::Load(Signed(), batch->size + i));
    Digits digits = LoadDigits(*batch, i, size);
    const Dotless low = TakeDot(digits.low, hn::ShiftRight<56>(digits.high));
    const Dotless high = TakeDot(digits.high, hn::Zero(d));
    const M low_none = IsZero(low.dot), high_none = IsZero(high.dot);
    const V behind_in_high = hn::IfThenZeroElse(high_none, hn::Add(high.behind, Fill(8)));
    const V behind = hn::IfThenElse(low_none, behind_in_high, low.behind);
    digits.high =
        hn::IfThenElse(low_none, hn::IfThenElse(high_none, digits.high, high.word),
                       hn::ShiftLeft<8>(digits.high));
    digits.low = hn::IfThenElse(low_none, digits.low, low.word);
    const V wrong = hn::Or(NoDigits(digits.low), NoDigits(digits.high));
    const V value = ValueOf(digits);
    const M only_dot = hn::And(hn::Eq(size, Fill(1)), hn::Not(low_none));
    const M odd = hn::Or(hn::Or(OddSize(size), only_dot),
                         hn::Not(IsZero(hn::Or(wrong, hn::ShiftRight<53>(value)))));
    KeepOdd(odd, i, batch->odd);
    hn::Store(value, d, values + i);
    hn::Store(hn::And(behind, Fill(15)), d, places + i);
  }
  double* const powers = out;
  for (int64_t i = 0; i < count; ++i) powers[i] = kPowersOfTen[places[i]];
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
    const V value = hn::Load(d, values + i);
    const auto real = hn::Div(hn::ConvertTo(Reals(), hn::BitCast(Signed(), value)),
                              hn::LoadU(Reals(), powers + i));
    const V negative = hn::BitCast(d, hn::Load(Signed(), batch->negative + i));
    const V sign = hn::And(negative, Fill(uint64_t{1} << 63));
    hn::StoreU(hn::Or(real, hn::BitCast(Reals(), sign)), Reals(), out + i);
  }
}

void Timestamps(PlainBatch* HWY_RESTRICT batch, int64_t count,
                int64_t* HWY_RESTRICT out) {
  const Words d;
  const V byte = Fill(0xFF), one = Fill(1);
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
    // "0000-00-", "00 " and five that the third word has too, "00:00:00".
    const V date = hn::Xor(hn::Load(d, batch->words[0] + i), Fill(0x2D30302D30303030));
    const V middle = hn::Load(d, batch->words[1] + i);
    const V of_day = hn::Xor(hn::And(middle, Fill(0xFFFF)), Fill(0x3030));
    const V between = hn::And(hn::ShiftRight<16>(middle), byte);
    const V time = hn::Xor(hn::Load(d, batch->words[2] + i), Fill(0x30303A30303A3030));
    V wrong = hn::Or(hn::Or(NoDigits(date), NoDigits(time)), NoDigits(of_day));
    wrong = hn::Or(wrong, hn::Or(hn::And(date, Fill(0xFF0000FF00000000)),
                                 hn::And(time, Fill(0x0000FF0000FF0000))));
    const M parted = hn::Or(hn::Eq(between, Fill(' ')), hn::Eq(between, Fill('T')));
    const V size = hn::BitCast(d, hn::Load(Signed(), batch->size + i));

    const V date_pairs = Pairs(date);
    const V year = hn::Add(Times(hn::And(date_pairs, byte), 100),
                           hn::And(hn::ShiftRight<16>(date_pairs), byte));
    const V month = hn::And(hn::ShiftRight<40>(date_pairs), byte);
    const V day = hn::And(Pairs(of_day), byte);
    const V time_pairs = Pairs(time);
    const V hour = hn::And(time_pairs, byte);
    const V minute = hn::And(hn::ShiftRight<24>(time_pairs), byte);
    const V second = hn::And(hn::ShiftRight<48>(time_pairs), byte);

    // Centuries: a multiplication for the division, exact below 10,500.
    const V century = hn::ShiftRight<19>(Times(year, 5243));
    const M centennial = hn::Eq(year, Times(century, 100));
    const V leap_bits = hn::IfThenElse(centennial, Fill(15), Fill(3));
    const V leap = hn::IfThenElseZero(IsZero(hn::And(year, leap_bits)), one);
    const V length = hn::IfThenElse(
        hn::Eq(month, Fill(2)), hn::Add(Fill(28), leap),
        hn::Or(Fill(30), hn::And(hn::Xor(month, hn::ShiftRight<3>(month)), one)));
    // Years begin in March here, 400 of them further on.
    const M early = Below(month, Fill(3));
    const V y = hn::Sub(hn::Add(year, Fill(400)), hn::IfThenElseZero(early, one));
    const V march = hn::Add(month, hn::IfThenElseZero(early, Fill(12)));
    const V y_century = hn::ShiftRight<19>(Times(y, 5243));
    const V before = hn::ShiftRight<5>(hn::Sub(Times(march, 979), Fill(2919)));
    V days = hn::Add(Times(y, 365), hn::ShiftRight<2>(y));
    days = hn::Add(hn::Sub(days, y_century), hn::ShiftRight<2>(y_century));
    days = hn::Add(days, hn::Add(before, day));

    // In seconds since the year that the days count from; positive, so that halves may
    // be multiplied.
    const V in_day = hn::Add(hn::Add(Times(hour, 3600), Times(minute, 60)), second);
    const V seconds =
        hn::Sub(hn::Add(Times(days, 86400), in_day), Fill(uint64_t{865566} * 86400));
    // × 1,000,000 as 15,625 << 6; the high half's product counts 2^32 times.
    const V low = Times(seconds, 15625), high = Times(hn::ShiftRight<32>(seconds), 15625);
    const V micros = hn::ShiftLeft<6>(hn::Add(low, hn::ShiftLeft<32>(high)));

    M odd = hn::Or(hn::Not(IsZero(wrong)), hn::Not(parted));
    odd = hn::Or(odd, hn::Not(hn::Eq(size, Fill(19))));
    odd = hn::Or(odd, hn::Or(Below(month, one), Below(Fill(12), month)));
    odd = hn::Or(odd, hn::Or(Below(day, one), Below(length, day)));
    odd = hn::Or(odd, hn::Or(Below(Fill(23), hour),
                             hn::Or(Below(Fill(59), minute), Below(Fill(59), second))));
    KeepOdd(odd, i, batch->odd);
    hn::StoreU(hn::BitCast(Signed(), micros), Signed(), out + i);
  }
}

#endif  // HWY_TARGET == HWY_SCALAR

}  // namespace HWY_NAMESPACE
}  // namespace millrace::formats
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace millrace::formats {

HWY_EXPORT(Integers);
HWY_EXPORT(Doubles);
HWY_EXPORT(Timestamps);

namespace {

template <class Kernel, class T>
void RunKernel(Kernel kernel, PlainBatch* batch, int64_t count, T* out) {
  for (uint64_t& word : batch->odd) word = 0;
  kernel(batch, count, out);
  // What is behind the last text is of no interest.
  if (count % 64 != 0) {
    batch->odd[count / 64] &= (uint64_t{1} << (count % 64)) - 1;
  }
}

}  // namespace

void PlainIntegers(PlainBatch* batch, int64_t count, int64_t* out) {
  RunKernel(HWY_DYNAMIC_DISPATCH(Integers), batch, count, out);
}

void PlainReals(PlainBatch* batch, int64_t count, double* out) {
  RunKernel(HWY_DYNAMIC_DISPATCH(Doubles), batch, count, out);
}

void PlainTimestamps(PlainBatch* batch, int64_t count, int64_t* out) {
  RunKernel(HWY_DYNAMIC_DISPATCH(Timestamps), batch, count, out);
}

}  // namespace millrace::formats
#endif  // HWY_ONCE
