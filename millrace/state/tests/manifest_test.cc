#include "millrace/state/manifest.h"

#include <xxhash.h>

#include "millrace/base/error.h"
#include "millrace/base/testing.h"
#include "millrace/state/errors.h"

namespace millrace::state {
namespace {

std::string AllBytes() {
  std::string out;
  for (int i = 0; i < 256; ++i) out += static_cast<char>(i);
  return out;
}

Manifest Odd() {
  Manifest out;
  out.pipeline = "naïve / \"name\"\n";
  out.epoch = Epoch{7};
  out.attempt = 3;
  out.created_micros = -5;
  out.plan = "0123456789abcdef";
  out.sink = AllBytes();
  ScanEntry scan;
  scan.table = "t";
  scan.discovery_state = AllBytes();
  connector::SplitState begun, waiting;
  begun.split.id = SplitId{4};
  begun.split.name = "a\xff";
  begun.split.approximate_bytes = 9;
  begun.position = data::Position(AllBytes());
  begun.watermark = std::numeric_limits<int64_t>::min();
  waiting.split.id = SplitId{5};
  scan.unfinished = {begun, waiting};
  out.scans.push_back(scan);
  OperatorEntry op;
  op.fingerprint = "00ff";
  op.description = "\x01";
  op.tasks = 8;
  op.facts = {{"least", std::numeric_limits<int64_t>::max()}};
  op.sections.push_back({2, "groups", Extent::kChanges, "f", 16, 1 << 20,
                         0xFFFFFFFFFFFFFFFFull, 5, 700, 0, 1023});
  out.operators.push_back(op);
  out.tokens.push_back({std::string("\0\n", 2), 1, 2});
  out.counters = {{"rows_read", 40}};
  return out;
}

// A document with a checksum that fits.
std::string Signed(const std::string& line) {
  const std::string text = line + "\n";
  return text + fmt::format("xxh3 {:016x}\n", XXH3_64bits(text.data(), text.size()));
}

TEST(Manifest, OddBytesComeBack) {
  const Manifest before = Odd();
  ASSERT_OK_AND_ASSIGN(const Manifest after, Manifest::Decode(before.Encode(), "m"));
  EXPECT_EQ(after.pipeline, before.pipeline);
  EXPECT_EQ(after.epoch.value, 7);
  EXPECT_EQ(after.attempt, 3);
  EXPECT_EQ(after.created_micros, -5);
  EXPECT_FALSE(after.final);
  EXPECT_EQ(after.plan, "0123456789abcdef");
  EXPECT_EQ(after.sink, AllBytes());
  ASSERT_EQ(after.scans.size(), 1u);
  EXPECT_EQ(after.scans[0].discovery_state, AllBytes());
  ASSERT_EQ(after.scans[0].unfinished.size(), 2u);
  const connector::SplitState& begun = after.scans[0].unfinished[0];
  EXPECT_EQ(begun.split.id.value, 4);
  EXPECT_EQ(begun.split.name, "a\xff");
  EXPECT_EQ(begun.split.approximate_bytes, 9);
  EXPECT_EQ(begun.position.bytes(), AllBytes());
  EXPECT_EQ(begun.watermark, std::numeric_limits<int64_t>::min());
  EXPECT_TRUE(after.scans[0].unfinished[1].position.empty());
  ASSERT_EQ(after.operators.size(), 1u);
  EXPECT_EQ(after.operators[0].tasks, 8);
  EXPECT_EQ(after.operators[0].facts.at("least"), std::numeric_limits<int64_t>::max());
  ASSERT_EQ(after.operators[0].sections.size(), 1u);
  const Section& section = after.operators[0].sections[0];
  EXPECT_EQ(section.task, 2);
  EXPECT_EQ(section.extent, Extent::kChanges);
  EXPECT_EQ(section.offset, 16);
  EXPECT_EQ(section.length, 1 << 20);
  EXPECT_EQ(section.checksum, 0xFFFFFFFFFFFFFFFFull);
  EXPECT_EQ(section.part_rows, 700);
  EXPECT_EQ(section.last_group, 1023);
  ASSERT_EQ(after.tokens.size(), 1u);
  EXPECT_EQ(after.tokens[0].bytes, std::string("\0\n", 2));
  EXPECT_EQ(after.counters.at("rows_read"), 40);
}

TEST(Manifest, EveryCutAndEveryFlipIsDamage) {
  const std::string text = Odd().Encode();
  for (size_t size = 0; size < text.size(); ++size) {
    const auto cut = Manifest::Decode(text.substr(0, size), "m");
    ASSERT_EQ(ErrorNumber(cut.status()), errors::kManifestDamaged.number) << size;
  }
  for (size_t at = 0; at < text.size(); ++at) {
    std::string flipped = text;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    const auto read = Manifest::Decode(flipped, "m");
    ASSERT_EQ(ErrorNumber(read.status()), errors::kManifestDamaged.number) << at;
  }
  EXPECT_FALSE(Manifest::Decode(text + "\n", "m").ok());
}

// A watched folder has a split for every file.
TEST(Manifest, ALargeOneIsPacked) {
  Manifest before = Odd();
  for (int i = 0; i < 10'000; ++i) {
    connector::SplitState split;
    split.split.id = SplitId{i};
    split.split.name = fmt::format("in/part-{:05}.csv", i);
    uint64_t marks[] = {XXH3_64bits(&i, sizeof(i)), XXH3_64bits(&i, 2)};
    split.position =
        data::Position(std::string(reinterpret_cast<char*>(marks), sizeof(marks)));
    before.scans[0].unfinished.push_back(split);
  }
  const std::string text = before.Encode();
  // 23 bytes of a mark, 5 of the name: what can't be less, and not ten times that.
  EXPECT_LT(text.size(), 700'000u);
  EXPECT_NE(text.find("\"version\":2"), std::string::npos);
  ASSERT_OK_AND_ASSIGN(const Manifest after, Manifest::Decode(text, "m"));
  ASSERT_EQ(after.scans[0].unfinished.size(), 10'002u);
  EXPECT_EQ(after.scans[0].unfinished[10'001].split.name, "in/part-09999.csv");
  EXPECT_EQ(after.sink, AllBytes());
  for (size_t at = 0; at < text.size(); at += 997) {
    std::string flipped = text;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    ASSERT_EQ(ErrorNumber(Manifest::Decode(flipped, "m").status()),
              errors::kManifestDamaged.number)
        << at;
  }
  // Damaged before it was sealed.
  for (const char* line : {R"({"version":2})", R"({"version":2,"bytes":7,"zstd":"AAAA"})",
                           R"({"version":2,"bytes":-1,"zstd":"KLUv/SAAAQAA"})",
                           R"({"version":2,"bytes":9000000000,"zstd":"KLUv/SAAAQAA"})"}) {
    EXPECT_EQ(ErrorNumber(Manifest::Decode(Signed(line), "m").status()),
              errors::kManifestDamaged.number)
        << line;
  }
}

TEST(Manifest, AnotherVersionIsNamed) {
  std::string text = Odd().Encode();
  text = text.substr(0, text.find('\n'));
  const std::string version = "\"version\":1";
  text.replace(text.find(version), version.size(), "\"version\":3");
  const auto read = Manifest::Decode(Signed(text), "m");
  EXPECT_EQ(ErrorNumber(read.status()), errors::kStateVersion.number);
  EXPECT_NE(read.status().message().find("format 3, this one reads 1 and 2"),
            std::string::npos);
}

TEST(Manifest, WhatIsNoManifestIsDamage) {
  for (const char* text : {"", "{}", "[]", "null", "7", "{\"version\":\"1\"}",
                           "{\"version\":1}", "{\"version\":1,\"scans\":[3]}"}) {
    const auto read = Manifest::Decode(Signed(text), "m");
    EXPECT_EQ(ErrorNumber(read.status()), errors::kManifestDamaged.number) << text;
  }
}

}  // namespace
}  // namespace millrace::state
