#include "millrace/base/testing.h"

#include <atomic>
#include <chrono>
#include <thread>

#include <arrow/buffer.h>
#include <arrow/memory_pool.h>

#include "millrace/base/config/config.h"
#include "millrace/base/error.h"
#include "millrace/base/executor.h"
#include "millrace/base/memory_budget.h"

namespace millrace {
namespace {

constexpr ErrorSpec kSample{2199, arrow::StatusCode::Invalid, false, "row is bad",
                            "mend it"};

TEST(Error, SaysNumberTextPlaceAndValues) {
  Status status =
      kSample.Make({.file = "a.csv", .row = 3, .column = "x", .byte = 40}, "found {}", 7);
  EXPECT_EQ(ErrorText(status),
            "MR-2199 row is bad: a.csv, row 3, column x, byte 40: found 7");
  EXPECT_EQ(ErrorNumber(status), 2199);
}

TEST(Error, OuterPlaceFillsOnlyWhatIsMissing) {
  Status status = WithWhere(kSample.Make({.row = 3}, ""), {.file = "a.csv", .row = 9});
  EXPECT_EQ(ErrorText(status), "MR-2199 row is bad: a.csv, row 3");
}

TEST(Error, NearestNameOffersTyposOnly) {
  const std::vector<std::string> names = {"delimiter", "quote", "escape"};
  EXPECT_EQ(NearestName("delimeter", names), "delimiter");
  EXPECT_EQ(NearestName("qoute", names), "quote");
  EXPECT_EQ(NearestName("compression", names), "");
}

ConfigSpec SampleSpec() {
  return ConfigSpec(
      {{.name = "path", .required = true, .doc = "where"},
       {.name = "mode",
        .type = OptionType::kEnum,
        .default_value = "error",
        .choices = {"error", "append"}},
       {.name = "size", .type = OptionType::kBytes, .default_value = "1MiB"},
       {.name = "token",
        .type = OptionType::kInt,
        .secret = true,
        .environment = "SAMPLE_TOKEN"}});
}

TEST(Config, DefaultsGivenAndEnvironment) {
  auto lookup = [](const std::string& name) -> std::optional<std::string> {
    return name == "SAMPLE_TOKEN" ? std::optional<std::string>("42") : std::nullopt;
  };
  ASSERT_OK_AND_ASSIGN(
      Config config,
      SampleSpec().Parse("files", {{"PATH", "a"}, {"mode", "Append"}}, lookup));
  EXPECT_EQ(config.GetString("path"), "a");
  EXPECT_EQ(config.GetString("mode"), "append");
  EXPECT_EQ(config.GetInt("size"), 1048576);
  EXPECT_FALSE(config.given("size"));
  EXPECT_EQ(config.GetInt("token"), 42);
}

TEST(Config, UnknownMissingAndBadOptionsAreNamed) {
  auto unknown = SampleSpec().Parse("files", {{"path", "a"}, {"mdoe", "x"}}, {});
  EXPECT_EQ(ErrorText(unknown.status()),
            "MR-1001 unknown option: files has no option 'mdoe'; did you mean 'mode'?");
  auto missing = SampleSpec().Parse("files", {}, {});
  EXPECT_EQ(ErrorNumber(missing.status()), 1002);
  auto bad = SampleSpec().Parse("files", {{"path", "a"}, {"mode", "apend"}}, {});
  EXPECT_EQ(ErrorText(bad.status()),
            "MR-1003 an option has a value that it can't have: files: option 'mode': "
            "'apend' is none of: error, append; "
            "did you mean 'append'?");
}

TEST(Config, SecretValuesNeverShow) {
  auto bad = SampleSpec().Parse("files", {{"path", "a"}, {"token", "hunter2"}}, {});
  EXPECT_EQ(ErrorText(bad.status()).find("hunter2"), std::string::npos);
  EXPECT_EQ(ErrorNumber(bad.status()), 1003);
}

TEST(Config, SizesAndDurations) {
  EXPECT_EQ(ParseBytes("64KiB").ValueOrDie(), 65536);
  EXPECT_EQ(ParseBytes("10 MB").ValueOrDie(), 10000000);
  EXPECT_EQ(ParseDuration("1.5s").ValueOrDie(), 1500000000);
  EXPECT_FALSE(ParseBytes("ten").ok());
  EXPECT_FALSE(ParseDuration("5 parsecs").ok());
}

TEST(MemoryBudget, RefusesOverTheLimitAndCountsPeak) {
  auto budget = MemoryBudget::Make(1000, arrow::system_memory_pool());
  ASSERT_OK(budget->Reserve(600));
  Status refused = budget->Reserve(500);
  EXPECT_EQ(ErrorNumber(refused), 5001);
  EXPECT_EQ(budget->used(), 600);
  budget->Release(600);
  EXPECT_EQ(budget->used(), 0);
  EXPECT_EQ(budget->peak(), 600);
}

TEST(MemoryBudget, PoolOutlivesTheBudget) {
  auto budget = MemoryBudget::Make(1 << 20, arrow::system_memory_pool());
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<arrow::Buffer> buffer,
                       arrow::AllocateBuffer(4096, budget->pool()));
  EXPECT_GE(budget->used(), 4096);
  budget.reset();
  const_cast<uint8_t*>(buffer->data())[4095] = 1;  // ASan would object
  buffer.reset();
}

TEST(Config, APatternStandsForAnyNumberOfOptions) {
  const ConfigSpec spec({{.name = "fields.<column>.length", .type = OptionType::kInt},
                         {.name = "fields.length", .type = OptionType::kBool}});
  ASSERT_OK_AND_ASSIGN(const Config config, spec.Parse("test",
                                                       {{"fields.Word.length", "3"},
                                                        {"fields.a.b.length", "4"},
                                                        {"fields.length", "true"}},
                                                       {}));
  EXPECT_EQ(config.GetInt("fields.word.length"), 3);
  EXPECT_EQ(config.GetInt("fields.a.b.length"), 4);
  EXPECT_TRUE(config.GetBool("fields.length"));
  EXPECT_FALSE(config.has("fields.<column>.length"));
  // The place between the dots can't be empty.
  EXPECT_EQ(ErrorNumber(spec.Parse("test", {{"fields..length", "3"}}, {}).status()),
            1001);
  const Status bad = spec.Parse("test", {{"fields.word.length", "x"}}, {}).status();
  EXPECT_EQ(ErrorNumber(bad), 1003);
  EXPECT_NE(bad.message().find("'fields.word.length'"), std::string::npos)
      << bad.message();
}

}  // namespace
// Its destructor joins threads while work may still ask for new ones.
TEST(Executor, WorkMayBringWorkUntilTheEnd) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> done{0};
    {
      auto executor = MakeThreadExecutor(8);
      for (int i = 0; i < 4; ++i) {
        executor->Submit([&] {
          std::this_thread::sleep_for(std::chrono::microseconds(200));
          for (int j = 0; j < 8; ++j) executor->Submit([&] { ++done; });
          ++done;
        });
      }
    }
    ASSERT_EQ(done.load(), 4 * 9);
  }
}

}  // namespace millrace
