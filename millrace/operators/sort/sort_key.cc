#include "millrace/operators/sort/sort_key.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numeric>

#include <arrow/array.h>
#include <arrow/type.h>

#include "millrace/data/dictionary.h"
#include "millrace/data/order_key.h"

namespace millrace::operators {

Status SortKeys::Append(const std::vector<std::shared_ptr<arrow::Array>>& columns,
                        const std::vector<plan::SortKey>& keys, int64_t rows) {
  std::vector<std::shared_ptr<arrow::Array>> plain;
  std::vector<data::PutOrderKey> writers;
  for (const auto& column : columns) {
    ARROW_ASSIGN_OR_RAISE(auto decoded, data::Decoded(column, memory_->pool()));
    ARROW_ASSIGN_OR_RAISE(data::PutOrderKey writer,
                          data::OrderKeyWriter(*decoded->type()));
    plain.push_back(std::move(decoded));
    writers.push_back(writer);
  }
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t k = 0; k < keys.size(); ++k) {
      const bool null = plain[k]->IsNull(row);
      bytes_.push_back(null == keys[k].nulls_first ? 0 : 1);
      if (null) continue;
      const size_t begin = bytes_.size();
      writers[k](*plain[k], row, bytes_);
      if (keys[k].descending) {
        for (size_t i = begin; i < bytes_.size(); ++i)
          bytes_[i] = static_cast<char>(~bytes_[i]);
      }
    }
    ends_.push_back(static_cast<int64_t>(bytes_.size()));
  }
  const auto bytes =
      static_cast<int64_t>(bytes_.capacity() + ends_.capacity() * sizeof(int64_t));
  return reservation_.Hold(bytes);
}

std::vector<int64_t> SortKeys::Order(int64_t limit) const {
  // The first eight bytes decide most comparisons without touching the keys.
  struct Entry {
    uint64_t prefix;
    int64_t row;
  };
  std::vector<Entry> entries(ends_.size());
  for (int64_t row = 0; row < size(); ++row) {
    const std::string_view text = key(row);
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; ++i) {
      prefix = prefix << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0);
    }
    entries[static_cast<size_t>(row)] = {prefix, row};
  }
  auto before = [this](const Entry& a, const Entry& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    const int order = key(a.row).compare(key(b.row));
    return order != 0 ? order < 0 : a.row < b.row;
  };
  const auto count = static_cast<size_t>(std::min(limit, size()));
  if (count < entries.size()) {
    std::partial_sort(entries.begin(),
                      entries.begin() + static_cast<std::ptrdiff_t>(count), entries.end(),
                      before);
  } else {
    std::sort(entries.begin(), entries.end(), before);
  }
  std::vector<int64_t> order(count);
  for (size_t i = 0; i < count; ++i) order[i] = entries[i].row;
  return order;
}

void SortKeys::Clear() {
  bytes_.clear();
  ends_.clear();
}

void SortKeys::Release() {
  bytes_ = {};
  ends_ = {};
  (void)reservation_.Hold(0);  // giving back can't fail
}

}  // namespace millrace::operators
