#include <arrow/api.h>
#include <arrow/json/from_string.h>

#include "millrace/base/testing.h"
#include "millrace/formats/flat/columns.h"
#include "millrace/formats/flat/errors.h"

namespace millrace::formats::flat {
namespace {

std::shared_ptr<arrow::Schema> Nested() {
  const auto inner = arrow::struct_({arrow::field("y", arrow::utf8())});
  return arrow::schema(
      {arrow::field("id", arrow::int64()),
       arrow::field("a", arrow::struct_({arrow::field("x", arrow::int64()),
                                         arrow::field("b", inner)})),
       arrow::field("l",
                    arrow::list(arrow::struct_({arrow::field("z", arrow::int64())})))});
}

TEST(FlatColumns, NamesAndDepth) {
  ASSERT_OK_AND_ASSIGN(const auto all, FlatColumns::Make(Nested(), {}, "f"));
  EXPECT_EQ(all.schema()->field_names(),
            (std::vector<std::string>{"id", "a_x", "a_b_y", "l"}));
  EXPECT_TRUE(all.is_whole(0));
  EXPECT_FALSE(all.is_whole(2));
  EXPECT_EQ(all.nested_column(2), 1);
  ASSERT_OK_AND_ASSIGN(const auto one,
                       FlatColumns::Make(Nested(), {.separator = ".", .depth = 1}, "f"));
  EXPECT_EQ(one.schema()->field_names(),
            (std::vector<std::string>{"id", "a.x", "a.b", "l"}));
  EXPECT_EQ(one.schema()->field(2)->type()->id(), arrow::Type::STRUCT);
}

TEST(FlatColumns, NullsOfStructsAreThoseOfTheirFields) {
  ASSERT_OK_AND_ASSIGN(const auto columns, FlatColumns::Make(Nested(), {}, "f"));
  auto type = Nested()->field(1)->type();
  ASSERT_OK_AND_ASSIGN(
      auto values, arrow::json::ArrayFromJSONString(
                       type, R"([{"x": 9, "b": {"y": "cut"}}, {"x": 1, "b": {"y": "p"}},
                    {"x": 2, "b": null}, null, {"x": null, "b": {"y": null}}])"));
  // A slice, and the parent's validity over that of children which hold something.
  values = values->Slice(1);
  const auto rows = arrow::RecordBatch::Make(arrow::schema({Nested()->field(1)}),
                                             values->length(), {values});
  arrow::ProxyMemoryPool pool(arrow::default_memory_pool());
  ASSERT_OK_AND_ASSIGN(const auto flat, columns.Flatten(*rows, {1}, {1, 2}, &pool));
  ASSERT_OK(flat->ValidateFull());
  EXPECT_EQ(flat->schema()->field_names(), (std::vector<std::string>{"a_x", "a_b_y"}));
  ASSERT_OK_AND_ASSIGN(
      auto x, arrow::json::ArrayFromJSONString(arrow::int64(), "[1, 2, null, null]"));
  ASSERT_OK_AND_ASSIGN(auto y, arrow::json::ArrayFromJSONString(
                                   arrow::utf8(), R"(["p", null, null, null])"));
  EXPECT_TRUE(flat->column(0)->Equals(x)) << flat->column(0)->ToString();
  EXPECT_TRUE(flat->column(1)->Equals(y)) << flat->column(1)->ToString();
}

TEST(FlatColumns, PathsAreKeptInMarks) {
  ASSERT_OK_AND_ASSIGN(auto columns, FlatColumns::Make(Nested(), {}, "f"));
  EXPECT_EQ(ErrorNumber(FlatColumns::Restore(columns.schema(), nullptr, "f").status()),
            errors::kFlatUnknown.number);
  ASSERT_OK_AND_ASSIGN(const auto by_name,
                       FlatColumns::Restore(columns.schema(), &columns, "f"));
  EXPECT_TRUE(by_name.nested()->Equals(*Nested()));
  columns.Mark();
  ASSERT_OK_AND_ASSIGN(const auto marked,
                       FlatColumns::Restore(columns.schema(), nullptr, "f"));
  EXPECT_TRUE(marked.nested()->Equals(*Nested())) << marked.nested()->ToString();
  // Some of the columns, in another order.
  const auto some =
      arrow::schema({columns.schema()->field(2), columns.schema()->field(0)});
  ASSERT_OK_AND_ASSIGN(const auto few, FlatColumns::Restore(some, nullptr, "f"));
  EXPECT_EQ(few.nested()->field_names(), (std::vector<std::string>{"a", "id"}));
  EXPECT_EQ(few.nested()->field(0)->type()->num_fields(), 1);
}

TEST(FlatColumns, Collisions) {
  const auto schema = arrow::schema(
      {arrow::field("a", arrow::struct_({arrow::field("b", arrow::int64())})),
       arrow::field("a_b", arrow::int64())});
  const Status status = FlatColumns::Make(schema, {}, "f").status();
  EXPECT_EQ(ErrorNumber(status), errors::kFlatCollision.number);
  ASSERT_OK(FlatColumns::Make(schema, {.separator = "."}, "f").status());
}

}  // namespace
}  // namespace millrace::formats::flat
