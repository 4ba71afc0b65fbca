// From the bytes of Avro records to columns.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/error.h"
#include "millrace/formats/growing.h"

namespace millrace::formats::avro {

/// What is done with one value as it stands in the bytes.
enum class Op : uint8_t {
  // Nothing comes of it.
  kSkipBytes,  // `size` bytes
  kSkipLong,
  kSkipText,  // bytes behind their length
  kSkipArray,
  kSkipMap,
  kSkipRecord,
  kSkipUnion,
  // A column.
  kNull,
  kBoolean,
  kInt32,
  kInt64,
  kIntToFloat,
  kIntToDouble,
  kLongToFloat,
  kLongToDouble,
  kFloat,
  kDouble,
  kFloatToDouble,
  kText,
  kFixed,
  kUuid,  // 16 bytes as text
  kDuration,
  kDecimalText,   // bytes behind their length
  kDecimalFixed,  // `size` bytes
  kEnum,
  kArray,
  kMap,
  kRecord,
  kUnion,
  kDefault,  // a value that no row has
  kFail,     // a value that the reader's type can't hold
};

/// One step of the program that a schema becomes, and the column that it fills. The
/// parent of a step makes room for the values that it will add.
struct Node {
  Op op = Op::kNull;
  bool nullable = false;       ///< the column keeps which values are NULL
  bool in_dictionary = false;  ///< kEnum: the column may stay coded
  /// Of a union of null and one type: its branches, and which one is null. 0: none.
  uint8_t branches = 0;
  uint8_t null_branch = 255;

  int64_t length = 0;       ///< values in the column
  int64_t data_length = 0;  ///< kText, kUuid: bytes of all of them
  Growing values;           ///< or offsets, or the codes of a union
  Growing data;             ///< of text; places in the children of a union
  Growing valid;            ///< a byte a value

  int64_t size = 0;       ///< kFixed, kDecimalFixed, kSkipBytes
  int32_t width = 0;      ///< bytes of a value in `values`
  int64_t min_bytes = 0;  ///< that a value takes at least
  int64_t row_bytes = 0;  ///< that a value takes in memory, roughly
  std::shared_ptr<arrow::DataType> type;
  std::string name;                             ///< for messages
  std::vector<std::unique_ptr<Node>> children;  ///< kUnion: one a branch of the writer
  std::vector<Node*> columns;    ///< kRecord: children as the type has them
  std::vector<int8_t> codes;     ///< kUnion: of the column, one a branch of the writer
  std::vector<int32_t> symbols;  ///< kEnum: of the column; −1: none
  std::shared_ptr<arrow::Array> dictionary;  ///< kEnum
  std::string constant;                      ///< kDefault: the value, and kPadding
  int64_t last_rows = 0, last_bytes = 0;     ///< of the last batch, to begin with
};

/// Runs a program over the records of blocks, and makes batches of what they hold. Used
/// by one thread.
class Decoder {
 public:
  /// `program` holds one step a field of the file, and further ones of kDefault.
  /// `columns`: those that make up a batch, in their order.
  Decoder(std::vector<std::unique_ptr<Node>> program, std::vector<Node*> columns,
          std::shared_ptr<arrow::Schema> schema, std::string file,
          arrow::MemoryPool* pool);
  ~Decoder();

  /// The least that a record takes.
  int64_t min_record_bytes() const { return min_bytes_; }
  /// What a record takes in memory at least.
  int64_t row_bytes() const { return row_bytes_; }
  int64_t rows() const { return rows_; }

  /// Add up to `count` records from *at; stops behind `stop` too. `end`: of the block,
  /// with kPadding behind. Tells how many there were. `first_row` is for messages.
  Result<int64_t> Decode(const uint8_t** at, const uint8_t* stop, const uint8_t* end,
                         int64_t count, int64_t first_row);
  /// The rows so far; begins anew.
  Result<std::shared_ptr<arrow::RecordBatch>> Finish(int64_t first_row);

 private:
  enum class Fault : uint8_t;

  Status Reserve(Node& node, int64_t count);
  bool Room(Node& node, int64_t count);
  bool RoomForText(Node& node, int64_t size);
  const uint8_t* Value(Node& node, const uint8_t* p);
  const uint8_t* Null(Node& node, const uint8_t* p);
  const uint8_t* Branch(Node& node, const uint8_t* p, bool* null);
  const uint8_t* Items(Node& node, const uint8_t* p);
  const uint8_t* SkipItems(Node& node, const uint8_t* p);
  const uint8_t* UnionValue(Node& node, const uint8_t* p);
  const uint8_t* Decimal(Node& node, const uint8_t* p, int64_t size);
  const uint8_t* Default(Node& node, const uint8_t* p);
  bool Empty(Node& node);
  const uint8_t* Fail(Fault fault, const Node& node);
  Status FaultStatus(int64_t row) const;

  using Column = Result<std::shared_ptr<arrow::ArrayData>>;
  /// `first_row` −1: inside another column, where rows have no number.
  Column Take(Node& node, int64_t first_row);
  Column TakeText(Node& node, std::shared_ptr<arrow::Buffer> valid, int64_t nulls,
                  int64_t first_row);
  Column TakeEnum(Node& node, std::shared_ptr<arrow::Buffer> valid, int64_t nulls,
                  int64_t first_row);
  Column TakeUnion(Node& node, int64_t length);

  const std::vector<std::unique_ptr<Node>> program_;
  const std::vector<Node*> columns_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::string file_;
  arrow::MemoryPool* const pool_;
  int64_t min_bytes_ = 0;
  int64_t row_bytes_ = 1;
  int64_t rows_ = 0;
  int64_t last_rows_ = 0;

  const uint8_t* end_ = nullptr;  // of what is decoded
  int64_t empty_items_ = 0;       // values of no bytes in this batch
  Fault fault_;
  const Node* faulty_ = nullptr;
  Status status_;  // why there is no room
};

}  // namespace millrace::formats::avro
