// ORDER BY inside a call: the keys of rows as bytes in the order wanted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/data/order_key.h"
#include "millrace/functions/aggregate/register_internal.h"

namespace millrace::functions {

/// Keys of one batch. memcmp of two is the order of their rows.
class OrderKeys {
 public:
  /// `directions` as AggregateFunction::ordered gives them; the keys stand in `arguments`
  /// from number `first`.
  static Result<OrderKeys> Make(std::string_view directions, const Arguments& arguments,
                                size_t first, int64_t rows, arrow::MemoryPool* pool);

  /// Is any part of the key NULL?
  bool HasNull(int64_t row) const;
  /// Valid until the next call.
  std::string_view At(int64_t row);

 private:
  struct Part {
    ArrayPtr values;
    data::PutOrderKey write;
    bool descending, nulls_first;
  };

  // The key of a row whose only part is one of 64 bits, as times are: without a buffer.
  std::string_view WholeAt(int64_t row);

  std::vector<Part> parts_;
  const int64_t* whole_ = nullptr;
  char whole_key_[9];
  std::vector<char> key_;
};

/// The types in which keys from number `first` are compared; fails with
/// errors::kBadArguments where one has no order.
Result<Types> OrderKeyTypes(const std::string& name, const Types& types, size_t first);

/// The directions, which must be a literal.
Result<std::string> OrderDirections(const std::string& name, const Types& types,
                                    const Literals& literals, size_t index);

}  // namespace millrace::functions
