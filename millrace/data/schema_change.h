#pragma once

#include <memory>

#include <arrow/type_fwd.h>

namespace millrace::data {

/// The stream's schema changes from here on. Rows before it have the old one.
struct SchemaChange {
  std::shared_ptr<arrow::Schema> from;
  std::shared_ptr<arrow::Schema> to;
};

}  // namespace millrace::data
