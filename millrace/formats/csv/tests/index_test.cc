// Every instruction set against the byte-by-byte reference.
#include <random>

#include <hwy/targets.h>

#include "millrace/formats/csv/index.h"
#include "millrace/formats/csv/tests/csv_testing.h"

namespace millrace::formats::csv {
namespace {

struct Found {
  std::vector<uint32_t> entries;
  IndexState state;
  bool operator==(const Found& other) const {
    const IndexState &a = state, &b = other.state;
    return entries == other.entries && a.in_quote == b.in_quote &&
           a.after_structural == b.after_structural && a.after_close == b.after_close &&
           a.after_close_cr == b.after_close_cr && a.newlines == b.newlines &&
           a.saw_doubled == b.saw_doubled && a.saw_suspect == b.saw_suspect &&
           a.saw_non_ascii == b.saw_non_ascii;
  }
};

// Index in pieces that end at `cuts`.
template <class Function>
Found IndexPieces(Function function, const std::string& text,
                  const std::vector<size_t>& cuts, const Dialect& dialect) {
  std::string padded = std::string(kPadding, '"') + text + std::string(kPadding, '"');
  const uint8_t* data = reinterpret_cast<const uint8_t*>(padded.data()) + kPadding;
  Found found;
  found.entries.resize(text.size() + 128);
  size_t at = 0, count = 0;
  for (size_t cut : cuts) {
    count += function(data, at, cut, dialect, &found.state, found.entries.data() + count);
    at = cut;
  }
  found.entries.resize(count);
  return found;
}

class IndexTargets : public testing::Test {
 protected:
  void TearDown() override {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().DeInit();
  }
  static std::vector<int64_t> Targets() {
    std::vector<int64_t> targets;
    for (int64_t all = hwy::SupportedTargets(); all != 0; all &= all - 1) {
      targets.push_back(all & -all);
    }
    return targets;
  }
  static void Choose(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().DeInit();
  }
};

TEST_F(IndexTargets, FindWhatTheReferenceFinds) {
  ASSERT_GE(Targets().size(), 2u);
  for (const int64_t target : Targets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    Choose(target);
    std::mt19937 random(11);
    for (int round = 0; round < 400; ++round) {
      Dialect dialect;
      if (round % 7 == 3) dialect.quote = -1;
      if (round % 5 == 4) dialect.newline = '\r';
      // From dense special bytes, many a word, to sparse ones.
      const unsigned density = 2 + random() % 40;
      std::string text;
      for (size_t n = random() % 400; n > 0; --n) {
        text += random() % density == 0 ? "\",\n\r\xC3"[random() % 5] : 'a';
      }
      std::vector<size_t> cuts;
      for (size_t at = 0; at < text.size();) {
        at = std::min(at + 1 + random() % 150, text.size());
        cuts.push_back(at);
      }
      const Found simd = IndexPieces(IndexStructure, text, cuts, dialect);
      const Found reference = IndexPieces(IndexSequential, text, {text.size()}, dialect);
      ASSERT_TRUE(simd == reference) << text;
    }
  }
}

TEST_F(IndexTargets, ByHand) {
  for (const int64_t target : Targets()) {
    Choose(target);
    const std::string text = "a,\"b,\n\"\"\",c\n";
    const Found found = IndexPieces(IndexStructure, text, {text.size()}, Dialect());
    EXPECT_EQ(found.entries, (std::vector<uint32_t>{1, 9, 11}));
    EXPECT_EQ(found.state.newlines, 1);
    EXPECT_TRUE(found.state.saw_doubled);
    EXPECT_FALSE(found.state.saw_suspect);
  }
}

TEST_F(IndexTargets, CountAndContain) {
  for (const int64_t target : Targets()) {
    Choose(target);
    for (size_t size = 0; size < 200; ++size) {
      std::string text(size, 'x');
      const uint8_t* data = reinterpret_cast<const uint8_t*>(text.data());
      const uint8_t wanted[4] = {'a', 'b', 'c', 'd'};
      EXPECT_FALSE(ContainsAny(data, size, wanted));
      for (size_t i = 0; i < size; i += 7) text[i] = "abcd"[i % 4];
      EXPECT_EQ(ContainsAny(data, size, wanted), size > 0);
      EXPECT_EQ(CountByte(data, size, 'x'), static_cast<int64_t>(size - (size + 6) / 7));
    }
  }
}

}  // namespace
}  // namespace millrace::formats::csv
