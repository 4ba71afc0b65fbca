#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "millrace/base/testing.h"
#include "millrace/server/errors.h"
#include "millrace/server/protocol.h"

namespace millrace::server {
namespace {

class ProtocolTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "millrace_protocol_test";
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    ASSERT_OK_AND_ASSIGN(engine_, engine::Engine::Make({.shards = 1}));
  }

  std::string folder_;
  std::unique_ptr<engine::Engine> engine_;
};

TEST_F(ProtocolTest, AnswersCarryTheErrorOverTheWire) {
  Supervisor supervisor(engine_.get(), folder_, {});
  ASSERT_OK(supervisor.StartAll());
  const Status status =
      StatusOfAnswer(Answer(supervisor, R"({"do":"stop","pipeline":"orders"})"));
  EXPECT_EQ(ErrorNumber(status), 5103);
  EXPECT_NE(ErrorText(status).find("'orders'"), std::string::npos);
  EXPECT_TRUE(StatusOfAnswer(Answer(supervisor, R"({"do":"status"})")).ok());
  for (const char* bad : {"", "{}", "{\"ok\":1}", "{\"ok\":false}",
                          R"({"ok":false,"error":{"number":123456}})"}) {
    EXPECT_EQ(ErrorNumber(StatusOfAnswer(bad)), 5107) << bad;
  }
}

TEST_F(ProtocolTest, NamesAreKeptApart) {
  std::ofstream(folder_ + "/a.sql") << "SELEC;";
  std::ofstream(folder_ + "/b.sql") << "SELECT ${surely_no_such_variable};";
  std::ofstream(folder_ + "/c.txt") << "no pipeline";
  Supervisor supervisor(engine_.get(), folder_, {});
  ASSERT_OK(supervisor.StartAll());
  // Both end by themselves; nothing is left to stop then.
  while (ErrorNumber(supervisor.Stop("a", "")) != errors::kNotRunning.number) {
  }
  const auto answer = nlohmann::json::parse(Answer(supervisor, R"({"do":"status"})"));
  ASSERT_EQ(answer["pipelines"].size(), 2u);
  EXPECT_EQ(answer["pipelines"][0]["name"], "a");
  EXPECT_EQ(answer["pipelines"][0]["state"], "failed");
  EXPECT_EQ(answer["pipelines"][0]["restarts"], 0);
  EXPECT_EQ(answer["pipelines"][1]["name"], "b");
  EXPECT_EQ(answer["pipelines"][1]["error"]["number"], 1025);
  EXPECT_TRUE(supervisor.StopAll().ok());
}

}  // namespace
}  // namespace millrace::server
