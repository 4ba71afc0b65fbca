#include "millrace/formats/json/append_array.h"

#include <algorithm>
#include <string>

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "millrace/formats/json/errors.h"
#include "millrace/formats/json/tokens.h"

namespace millrace::formats::json {

namespace {

// Offset of the last byte before `end` that is no space; -1 when there is none.
Result<int64_t> LastByte(arrow::io::RandomAccessFile& file, int64_t end, char* byte) {
  constexpr int64_t kPiece = 4096;
  while (end > 0) {
    const int64_t begin = std::max<int64_t>(end - kPiece, 0);
    ARROW_ASSIGN_OR_RAISE(auto piece, file.ReadAt(begin, end - begin));
    for (int64_t i = piece->size(); i-- > 0;) {
      *byte = static_cast<char>(piece->data()[i]);
      if (!Tokens::IsSpace(*byte)) return begin + i;
    }
    end = begin;
  }
  return -1;
}

}  // namespace

Status CheckLayout(std::string_view head, Layout layout) {
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  const auto first =
      std::find_if(head.begin(), head.end(), [](char c) { return !Tokens::IsSpace(c); });
  if (first == head.end() || (*first == '[') == (layout == Layout::kArray)) {
    return Status::OK();
  }
  return errors::kJsonAppendLayout.Make(
      {}, "it holds {}", layout == Layout::kArray ? "no array" : "an array");
}

Result<int64_t> EndOfElements(arrow::io::RandomAccessFile& file, int64_t size) {
  char byte = 0;
  ARROW_ASSIGN_OR_RAISE(const int64_t bracket, LastByte(file, size, &byte));
  if (bracket < 0) return 0;
  if (byte != ']') {
    return errors::kJsonArrayCut.Make({.byte = size}, "there is no ']'");
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t last, LastByte(file, bracket, &byte));
  return last < 0 || byte == '[' ? 0 : last + 1;
}

}  // namespace millrace::formats::json
