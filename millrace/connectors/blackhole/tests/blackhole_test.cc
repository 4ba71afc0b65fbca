#include "millrace/connectors/blackhole/blackhole.h"

#include <arrow/api.h>

#include "millrace/base/testing.h"
#include "millrace/connectors/blackhole/touch.h"

namespace millrace::blackhole {
namespace {

std::shared_ptr<arrow::Array> Bytes(const std::vector<uint8_t>& values) {
  arrow::UInt8Builder builder(ProcessMemoryPool());
  EXPECT_TRUE(builder.AppendValues(values).ok());
  return builder.Finish().ValueOrDie();
}

// Each 64th byte from the first on, and the last one.
TEST(Touch, ReadsOneByteOfEachCacheLine) {
  std::vector<uint8_t> values(130, 0);
  values[0] = 1;
  values[64] = 2;
  values[128] = 4;
  values[129] = 8;
  values[50] = 16;  // in a line that is read at another place
  EXPECT_EQ(Touch(*Bytes(values)->data()), 1 ^ 2 ^ 4 ^ 8);
  // Of a slice its own part only: bytes 64 and 128, the last again being 128.
  EXPECT_EQ(Touch(*Bytes(values)->Slice(64, 65)->data()), 2 ^ 4 ^ 4);
}

TEST(Touch, ReadsTextWhereItsOffsetsPoint) {
  arrow::StringBuilder builder(ProcessMemoryPool());
  ASSERT_OK(builder.Append("a"));
  ASSERT_OK(builder.Append("z"));
  ASSERT_OK_AND_ASSIGN(auto text, builder.Finish());
  // Validity is absent; the offset of row 1 is 1, its end 2, and 'z' is read as first and
  // as last byte. Little-endian: the last byte of the offsets is 0.
  const auto slice = text->Slice(1, 1);
  const auto* offsets = text->data()->buffers[1]->data();
  EXPECT_EQ(Touch(*slice->data()), static_cast<uint64_t>(offsets[4] ^ offsets[7]));
  EXPECT_EQ(offsets[4], 1);
}

TEST(Touch, TakesEveryKindOfColumn) {
  const auto type = arrow::struct_(
      {arrow::field("list", arrow::list(arrow::utf8_view())),
       arrow::field("word", arrow::dictionary(arrow::int32(), arrow::utf8())),
       arrow::field("none", arrow::null()), arrow::field("flag", arrow::boolean()),
       arrow::field("map", arrow::map(arrow::utf8(), arrow::decimal128(9, 2)))});
  ASSERT_OK_AND_ASSIGN(auto array,
                       arrow::MakeArrayOfNull(type, 100, ProcessMemoryPool()));
  // Validity is all 0 and so is the rest.
  EXPECT_EQ(Touch(*array->data()), 0u);
}

TEST(Blackhole, CountsRowsOfAnEpoch) {
  const auto spec = MakeBlackholeConnector();
  ASSERT_OK_AND_ASSIGN(auto sink, spec.make_sink({}, {}));
  EXPECT_TRUE(sink->accepts().retract);
  ASSERT_OK_AND_ASSIGN(auto writer, sink->Open(WriterId{0}));
  data::Batch batch;
  const auto column = Bytes({1, 2, 3});
  batch.rows = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("v", arrow::uint8())}), 3, {column});
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto state, writer->Write(batch, {}));
    EXPECT_EQ(state, connector::WriteState::kAccepted);
  }
  ASSERT_OK_AND_ASSIGN(auto token, writer->Prepare(Epoch{1}, false).MoveResult());
  EXPECT_EQ(token.rows, 6);
  ASSERT_OK_AND_ASSIGN(token, writer->Prepare(Epoch{2}, true).MoveResult());
  EXPECT_EQ(token.rows, 0);
}

TEST(Blackhole, HasNoOptions) {
  const auto spec = MakeBlackholeConnector();
  EXPECT_EQ(ErrorNumber(spec.make_sink({{"path", "x"}}, {}).status()), 1001);
}

}  // namespace
}  // namespace millrace::blackhole
