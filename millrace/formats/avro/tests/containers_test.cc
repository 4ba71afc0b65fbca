// Formats that keep their schema, read in parts, from pipes and from any position, and
// put together from pieces: Avro and both forms of Arrow IPC.
#include <arrow/builder.h>
#include <arrow/compute/api.h>

#include "millrace/formats/text/tests/text_testing.h"

namespace millrace::formats {
namespace {

constexpr int64_t kRows = 5000;

std::unique_ptr<Format> FormatCalled(const std::string& name) {
  if (name == "avro") return MakeAvroFormat();
  return name == "arrow" ? MakeArrowFormat() : MakeArrowStreamFormat();
}

// id: 0, 1, 2 …; text: NULL for every seventh; list: [id] or, for every third, [].
std::shared_ptr<arrow::RecordBatch> Rows(int64_t begin, int64_t end) {
  arrow::Int64Builder ids;
  arrow::StringBuilder texts;
  auto items = std::make_shared<arrow::Int32Builder>();
  arrow::ListBuilder lists(arrow::default_memory_pool(), items);
  for (int64_t i = begin; i < end; ++i) {
    EXPECT_TRUE(ids.Append(i).ok());
    EXPECT_TRUE(
        (i % 7 == 0 ? texts.AppendNull() : texts.Append("row " + std::to_string(i)))
            .ok());
    EXPECT_TRUE(lists.Append().ok());
    if (i % 3 != 0) {
      EXPECT_TRUE(items->Append(static_cast<int32_t>(i)).ok());
    }
  }
  const auto schema = arrow::schema({arrow::field("id", arrow::int64()),
                                     arrow::field("text", arrow::utf8()),
                                     arrow::field("list", lists.type())});
  return arrow::RecordBatch::Make(schema, end - begin,
                                  {*ids.Finish(), *texts.Finish(), *lists.Finish()});
}

class Containers : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    format_ = FormatCalled(GetParam());
    options_ = GetParam() == "avro" ? Options{{"block_bytes", "1000"}}
                                    : Options{{"batch_rows", "100"}};
  }

  Result<std::string> Write(int64_t begin, int64_t end) {
    ARROW_ASSIGN_OR_RAISE(Config config,
                          format_->write_options().Parse(GetParam(), options_, {}));
    MemoryFile file;
    const auto rows = Rows(begin, end);
    ARROW_ASSIGN_OR_RAISE(auto writer, format_->OpenWriter(file, config, rows->schema(),
                                                           false, TestContext()));
    for (int64_t at = 0; at < rows->num_rows(); at += 30) {
      ARROW_RETURN_NOT_OK(writer->Write(rows->Slice(at, 30)));
    }
    ARROW_RETURN_NOT_OK(writer->Finish());
    EXPECT_EQ(writer->buffered_bytes(), 0);
    return file.text;
  }

  static std::vector<int64_t> Ids(const TextOutcome& outcome, int column = 0) {
    std::vector<int64_t> out;
    for (const auto& row : outcome.rows) {
      out.push_back(std::stoll(*row[static_cast<size_t>(column)]));
    }
    return out;
  }

  static std::vector<int64_t> Counted(int64_t begin, int64_t end) {
    std::vector<int64_t> out;
    for (int64_t i = begin; i < end; ++i) out.push_back(i);
    return out;
  }

  std::unique_ptr<Format> format_;
  Options options_;
};

TEST_P(Containers, PartsAreTheWhole) {
  ASSERT_OK_AND_ASSIGN(const std::string text, Write(0, kRows));
  for (const int64_t range : {int64_t{1} << 40, int64_t{20'000}, int64_t{3000}}) {
    ASSERT_OK_AND_ASSIGN(const TextOutcome out,
                         ReadCase(*format_, {.text = text, .range_bytes = range}));
    EXPECT_EQ(Ids(out), Counted(0, kRows)) << range;
    if (GetParam() != "arrows" && range < 10'000) {
      EXPECT_GT(out.bytes_of_range.size(), 10u);
    }
    if (GetParam() == "avro") {
      EXPECT_EQ(out.bytes_read, static_cast<int64_t>(text.size()));
    }
    EXPECT_EQ(out.rows[7][1], std::nullopt);
    EXPECT_EQ(out.rows[8][1], "row 8");
  }
}

TEST_P(Containers, Pipes) {
  ASSERT_OK_AND_ASSIGN(const std::string text, Write(0, 500));
  for (const int64_t piece : {1, 100, 1 << 20}) {
    ASSERT_OK_AND_ASSIGN(const TextOutcome out,
                         ReadCase(*format_, {.text = text, .stream_piece = piece}));
    EXPECT_EQ(Ids(out), Counted(0, 500));
  }
}

TEST_P(Containers, ProjectionAndBudgets) {
  ASSERT_OK_AND_ASSIGN(const std::string text, Write(0, kRows));
  ASSERT_OK_AND_ASSIGN(
      const TextOutcome some,
      ReadCase(*format_, {.text = text,
                          .budget = {.rows = 33},
                          .pushdown = {.columns = std::vector<int>{1}}}));
  ASSERT_EQ(some.rows.size(), static_cast<size_t>(kRows));
  EXPECT_EQ(some.rows[4999][0], "row 4999");
  for (const auto& batch : some.batches) {
    EXPECT_EQ(batch->num_columns(), 1);
    EXPECT_LE(batch->num_rows(), 33);
  }
  ASSERT_OK_AND_ASSIGN(
      const TextOutcome none,
      ReadCase(*format_, {.text = text, .pushdown = {.columns = std::vector<int>{}}}));
  EXPECT_EQ(none.rows.size(), static_cast<size_t>(kRows));
}

TEST_P(Containers, GoesOnAtEveryPosition) {
  ASSERT_OK_AND_ASSIGN(const std::string text, Write(0, 1000));
  const TextCase c{.text = text, .budget = {.rows = 37}};
  ASSERT_OK_AND_ASSIGN(const TextOutcome whole, ReadCase(*format_, c));
  int64_t done = 0;
  for (size_t i = 0; i < whole.batches.size(); ++i) {
    done += whole.batches[i]->num_rows();
    ASSERT_OK_AND_ASSIGN(auto file, OpenCase(*format_, c));
    ASSERT_OK(file->Ranges(c.range_bytes).status());
    ASSERT_OK_AND_ASSIGN(auto reader, file->Open(0, {}, TestContext()));
    ASSERT_OK(reader->Seek(whole.positions[i]));
    TextOutcome rest;
    ASSERT_OK(Drain(*reader, {.rows = 41}, &rest));
    EXPECT_EQ(Ids(rest), Counted(done, 1000));
  }
  EXPECT_EQ(done, 1000);
  ASSERT_OK_AND_ASSIGN(auto file, OpenCase(*format_, c));
  ASSERT_OK(file->Ranges(c.range_bytes).status());
  ASSERT_OK_AND_ASSIGN(auto reader, file->Open(0, {}, TestContext()));
  EXPECT_EQ(ErrorNumber(reader->Seek(data::Position("none"))), 9000);
}

TEST_P(Containers, PiecesBecomeOneFile) {
  ASSERT_OK_AND_ASSIGN(const std::string first, Write(0, 1234));
  ASSERT_OK_AND_ASSIGN(const std::string second, Write(1234, 1300));
  ASSERT_OK_AND_ASSIGN(Config config,
                       format_->write_options().Parse(GetParam(), options_, {}));
  MemoryFile file;
  const auto schema = Rows(0, 0)->schema();
  ASSERT_OK_AND_ASSIGN(auto appender,
                       format_->OpenAppender(file, config, schema, false, TestContext()));
  for (const std::string& piece : {first, second}) {
    ASSERT_OK(appender->AppendFile(
        std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(piece))));
  }
  ASSERT_OK(appender->Finish());
  ASSERT_OK_AND_ASSIGN(const TextOutcome out,
                       ReadCase(*format_, {.text = file.text, .range_bytes = 4000}));
  EXPECT_EQ(Ids(out), Counted(0, 1300));
  const std::string cut = second.substr(0, second.size() / 2);
  EXPECT_FALSE(appender
                   ->AppendFile(std::make_shared<arrow::io::BufferReader>(
                       arrow::Buffer::FromString(cut)))
                   .ok());
}

INSTANTIATE_TEST_SUITE_P(Formats, Containers, testing::Values("avro", "arrow", "arrows"));

}  // namespace
}  // namespace millrace::formats
