// From the bytes of messages to columns.
//
// Every field of a message has a column, and every message adds one value to each: what
// stands for an absent field, put there before the bytes are read. Fields may come in any
// order and several times, and always change the last value of their column. So what a
// bad message has left behind is cut off at the end of each column.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/formats/growing.h"
#include "millrace/formats/protobuf/message.h"
#include "millrace/formats/protobuf/wire.h"

namespace millrace::formats::protobuf_format {

/// What a column is made of.
enum class Op : uint8_t {
  kBool,
  kVarint32,
  kVarint64,
  kZigZag32,
  kZigZag64,
  kFixed32,
  kFixed64,
  kText,
  kEnum,
  kMoment,  ///< seconds and nanoseconds
  kMessage,
  kList,  ///< one child
  kMap,   ///< the children are keys and values
};

/// A column, and what is done with the bytes of its field.
struct Node {
  Op op = Op::kMessage;
  Wire wire = Wire::kBytes;  ///< of one value; others are as an unknown field
  bool nullable = false;     ///< the column keeps which values are NULL
  bool tracked = false;      ///< `valid` is kept: nullable or required
  bool required = false;
  bool wrapped = false;
  bool check_utf8 = false;
  bool timestamp = false;  ///< kMoment: bounds of a Timestamp, not of a Duration
  bool nanos = false;      ///< kMoment

  int64_t length = 0;       ///< values in the column
  int64_t capacity = 0;     ///< values that there is room for
  int64_t data_length = 0;  ///< kText: bytes of all of them
  Growing values;           ///< or offsets, or codes of an enum
  Growing data;             ///< of text
  Growing valid;            ///< a byte a value
  int64_t last_length = 0;  ///< of the last batch, to begin with
  int64_t last_bytes = 0;

  int32_t width = 0;  ///< bytes of a value in `values`
  uint64_t default_value = 0;
  std::string default_text;
  std::shared_ptr<arrow::DataType> type;
  std::string name;  ///< for messages, with those of the messages around it
  std::vector<std::unique_ptr<Node>> children;
  std::vector<Node*> rivals;  ///< the other fields of its oneof

  // kMessage: from the number of a field to its place in children, -1 for none.
  std::vector<int32_t> near;  ///< small numbers
  std::unordered_map<uint32_t, int32_t> far;
  bool has_required = false;  ///< in it, however deep

  // kEnum
  std::shared_ptr<const EnumType> enumeration;
  std::shared_ptr<arrow::Array> dictionary;
  std::vector<int32_t> strangers;  ///< numbers without a name, in this batch
  std::unordered_map<int32_t, int32_t> stranger_codes;

  // kMoment: parts of the value of row `part_row`.
  int64_t seconds = 0, part_row = -1;
  int32_t fraction = 0;
};

/// Used by one thread.
class Decoder {
 public:
  /// Columns for `fields` of `message`. `text_as_bytes`: one a field, true where its text
  /// is taken as it is.
  static Result<std::unique_ptr<Decoder>> Make(const MessageType& message,
                                               const std::vector<int>& fields,
                                               const std::vector<bool>& text_as_bytes,
                                               std::string file, arrow::MemoryPool* pool);

  int64_t rows() const { return root_.length; }
  /// What a row takes in memory at least.
  int64_t row_bytes() const { return row_bytes_; }

  /// Add the message in [begin, end), which has kPadding behind it. `offset`: of `begin`
  /// in the file, for messages. Where it fails nothing was added.
  Status Add(const uint8_t* begin, const uint8_t* end, int64_t offset);
  /// The rows so far; begins anew.
  Result<std::shared_ptr<arrow::RecordBatch>> Finish();

 private:
  enum class Fault : uint8_t;

  Decoder(std::string file, arrow::MemoryPool* pool);

  bool Grow(Node& node, int64_t count);
  bool Begin(Node& node);
  bool BeginItem(Node& node) {
    return (node.length < node.capacity || Grow(node, 1)) && Begin(node);
  }
  void Truncate(Node& node, int64_t length);
  bool Clear(Node& node);

  const uint8_t* Message(Node& node, const uint8_t* p, const uint8_t* end,
                         uint32_t group);
  const uint8_t* Once(Node& node, Wire wire, uint32_t number, const uint8_t* p,
                      const uint8_t* end);
  const uint8_t* Value(Node& node, Wire wire, uint32_t number, const uint8_t* p,
                       const uint8_t* end);
  const uint8_t* Number(Node& node, const uint8_t* p, const uint8_t* end);
  const uint8_t* List(Node& node, Wire wire, uint32_t number, const uint8_t* p,
                      const uint8_t* end);
  const uint8_t* Packed(Node& item, const uint8_t* p, const uint8_t* end);
  const uint8_t* Entry(Node& node, const uint8_t* p, const uint8_t* end);
  const uint8_t* Wrapped(Node& node, const uint8_t* p, const uint8_t* end);
  const uint8_t* Moment(Node& node, const uint8_t* p, const uint8_t* end);
  const uint8_t* Text(Node& node, const uint8_t* p, uint64_t size);
  const uint8_t* Bounds(const uint8_t* p, const uint8_t* end, const uint8_t** stop);
  const uint8_t* Tag(const uint8_t* p, const uint8_t* end, uint32_t* number, Wire* wire);
  const uint8_t* Skip(Wire wire, uint32_t number, const uint8_t* p, const uint8_t* end);
  bool CodeOf(Node& node, int32_t number, int32_t* code);
  bool HasRequired(Node& node, int64_t i);
  const uint8_t* Fail(Fault fault, const Node* node, const uint8_t* p);
  Status FaultStatus(const uint8_t* begin, int64_t offset) const;

  using Column = Result<std::shared_ptr<arrow::ArrayData>>;
  Column Take(Node& node, bool flat);
  Column TakeEnum(Node& node, std::shared_ptr<arrow::Buffer> valid, int64_t nulls,
                  bool flat);
  Column TakeMap(Node& node);

  const std::string file_;
  arrow::MemoryPool* const pool_;
  std::shared_ptr<arrow::Schema> schema_;
  Node root_;
  int64_t row_bytes_ = 1;

  Fault fault_;
  const Node* faulty_ = nullptr;
  const uint8_t* fault_at_ = nullptr;
  Status status_;  // why there is no room
};

/// The entries of a map column that a later one of the same key replaces: fills `kept`
/// with the places of the others and changes `offsets`, of which there are rows + 1,
/// accordingly. Leaves `kept` empty where no key stands twice.
void DropReplaced(Node& keys, int32_t* offsets, int64_t rows, std::vector<int64_t>* kept);

}  // namespace millrace::formats::protobuf_format
