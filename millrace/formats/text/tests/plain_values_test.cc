#include "millrace/formats/text/plain_values.h"

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "millrace/base/testing.h"

namespace millrace::formats {
namespace {

// Texts with room around each, as readers have it.
class PaddedTexts {
 public:
  explicit PaddedTexts(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      all_.push_back(std::string(64, '7') + text + std::string(64, '7'));
    }
  }
  size_t size() const { return all_.size(); }
  const char* begin(size_t i) const { return all_[i].data() + 64; }
  const char* end(size_t i) const { return all_[i].data() + all_[i].size() - 64; }

 private:
  std::vector<std::string> all_;
};

bool IsOdd(const PlainBatch& batch, size_t i) {
  return (batch.odd[i / 64] >> (i % 64) & 1) != 0;
}

// Every text alone and all of them together give what the parser of single values gives,
// or are odd; those that are said to be plain are not.
template <class T, class Put, class Run, class Parse>
void Check(const std::vector<std::string>& texts, size_t plain, Put&& put, Run&& run,
           Parse&& parse) {
  const PaddedTexts padded(texts);
  PlainBatch batch;
  T out[PlainBatch::kSize];
  ASSERT_LE(texts.size(), static_cast<size_t>(PlainBatch::kSize));
  for (size_t i = 0; i < texts.size(); ++i) {
    put(&batch, static_cast<int64_t>(i), padded.begin(i), padded.end(i));
  }
  run(&batch, static_cast<int64_t>(texts.size()), out);
  for (size_t i = 0; i < texts.size(); ++i) {
    T expected{};
    const bool good =
        !texts[i].empty() && parse(padded.begin(i), padded.end(i), &expected);
    EXPECT_FALSE(i < plain && IsOdd(batch, i)) << texts[i];
    EXPECT_TRUE(good || IsOdd(batch, i)) << texts[i];
    if (!IsOdd(batch, i)) {
      EXPECT_EQ(memcmp(&out[i], &expected, sizeof(T)), 0)
          << texts[i] << " gave " << out[i] << ", not " << expected;
    }
  }
}

void CheckIntegers(const std::vector<std::string>& texts, size_t plain) {
  Check<int64_t>(
      texts, plain, [](auto* batch, auto... text) { batch->PutNumber(text...); },
      PlainIntegers, ParseInt64);
}

void CheckReals(const std::vector<std::string>& texts, size_t plain) {
  Check<double>(
      texts, plain, [](auto* batch, auto... text) { batch->PutNumber(text...); },
      PlainReals, ParseDouble);
}

void CheckTimestamps(const std::vector<std::string>& texts, size_t plain) {
  Check<int64_t>(
      texts, plain, [](auto* batch, auto... text) { batch->PutTimestamp(text...); },
      PlainTimestamps,
      [](const char* b, const char* e, int64_t* out) {
        Moment moment;
        return ParseMoment(b, e, &moment) && ScaleMoment(moment, 1000000, out);
      });
}

TEST(PlainValues, Integers) {
  CheckIntegers({"0", "7", "-7", "12345678", "123456789", "-1234567890123456",
                 "9999999999999999", "00", "-0", "10000000", "99999999",
                 // What follows may be odd.
                 "", "-", "+1", "1x", "x1", " 1", "1 ", "--1", "1.0", "12345678901234567",
                 "9223372036854775807", "-9223372036854775808", "9223372036854775808",
                 "1\xC2\xB2", ":", "/", "1:", "1/1"},
                11);
}

TEST(PlainValues, Reals) {
  CheckReals({"0", "-0", "1.5", "-1.5", "65189.82", "100000.11", ".5", "5.", "-.5", "0.1",
              "1234567.8", "12345678.9", "123456.78", "9007199254740991",
              "1.234567890123", "-30.0", "0.000001", "123456789012345", "-99.9",
              // What follows may be odd.
              "", "-", ".", "-.", "..", "1..2", "1.2.3", "1.23456789.1", "1e5", "-1E-5",
              "inf", "nan", "+1.5", " 1.5", "9007199254740993", "0.30000000000000004",
              "1.7976931348623157e308", "1,5", "12345678901234.567"},
             19);
}

TEST(PlainValues, Timestamps) {
  CheckTimestamps(
      {"1970-01-01 00:00:00", "2024-02-29 12:34:56", "2000-02-29T23:59:59",
       "1969-12-31 23:59:59", "0001-01-01 00:00:00", "0000-03-01 00:00:00",
       "0000-02-29 00:00:00", "9999-12-31 23:59:59", "1900-02-28 00:00:00",
       "1600-02-29 00:00:00", "2100-12-31 00:00:00",
       // What follows may be odd.
       "", "1900-02-29 00:00:00", "2023-02-29 00:00:00", "2024-00-01 00:00:00",
       "2024-13-01 00:00:00", "2024-01-00 00:00:00", "2024-04-31 00:00:00",
       "2024-01-01 24:00:00", "2024-01-01 00:60:00", "2024-01-01 00:00:60",
       "2024-01-01x00:00:00", "2024/01/01 00:00:00", "2024-01-01 00-00-00", "2024-01-01",
       "2024-01-01 00:00", "2024-01-01 00:00:00.5", "2024-01-01 00:00:00Z",
       "x024-01-01 00:00:00", "2024-01-01 00:00:0x", "2024-99-99 99:99:99"},
      11);
}

TEST(PlainValues, EveryDayOfEightCenturies) {
  // 1583 to 2383: each day against a count of them.
  const int32_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t days = -141349;  // 1583-01-01
  std::vector<std::string> texts;
  std::vector<int64_t> expected;
  PlainBatch batch;
  int64_t out[PlainBatch::kSize];
  for (int year = 1583; year < 2384; ++year) {
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    for (int month = 1; month <= 12; ++month) {
      texts.clear();
      const int length = kDays[month - 1] + (leap && month == 2);
      for (int day = 1; day <= length; ++day) {
        texts.push_back(fmt::format("{}-{:02}-{:02} 01:02:03", year, month, day));
      }
      const PaddedTexts padded(texts);
      for (size_t i = 0; i < padded.size(); ++i) {
        batch.PutTimestamp(static_cast<int64_t>(i), padded.begin(i), padded.end(i));
      }
      PlainTimestamps(&batch, length, out);
      for (size_t i = 0; i < padded.size(); ++i) {
        ASSERT_FALSE(IsOdd(batch, i)) << texts[i];
        ASSERT_EQ(out[i], (days++ * 86400 + 3723) * 1000000) << texts[i];
      }
    }
  }
}

TEST(PlainValues, RandomTexts) {
  std::mt19937_64 random(7);  // NOLINT: repeatable
  const std::string letters = "0123456789012345678901234567890123456789.-: TZe+";
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> texts;
    for (size_t i = 0; i < 1 + random() % 256; ++i) {
      std::string text;
      for (size_t size = random() % 21; size > 0; --size) {
        text +=
            letters[random() % (round % 2 == 0 ? 12 + random() % 30 : letters.size())];
      }
      if (random() % 2 == 0 && text.size() > 3) text[random() % text.size()] = '.';
      texts.push_back(std::move(text));
    }
    CheckIntegers(texts, 0);
    CheckReals(texts, 0);
    for (std::string& text : texts) {
      std::string moment = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
                                       random() % 10000, random() % 14, random() % 33,
                                       random() % 26, random() % 62, random() % 62);
      if (random() % 3 == 0) moment[random() % moment.size()] = letters[random() % 48];
      text = std::move(moment);
    }
    CheckTimestamps(texts, 0);
  }
}

}  // namespace
}  // namespace millrace::formats
