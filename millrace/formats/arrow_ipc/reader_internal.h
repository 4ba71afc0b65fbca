// The readers of both forms.
#pragma once

#include <memory>

#include "millrace/formats/arrow_ipc/ipc_internal.h"
#include "millrace/formats/input.h"

namespace millrace::formats::arrow_ipc {

class IpcReader : public FileReader {
 public:
  virtual const StoredColumns& columns() const = 0;
  const std::shared_ptr<arrow::Schema>& schema() const override {
    return columns().schema;
  }
};

Result<std::unique_ptr<FileReader>> OpenIpcFile(
    const Input& input, const std::shared_ptr<arrow::Schema>& declared,
    const StoredColumns* first, const Context& context);

/// `head`: of `input`, with the first bytes. Waits for those of the schema.
Result<std::unique_ptr<FileReader>> OpenIpcStream(
    Input input, InputHead& head, const std::shared_ptr<arrow::Schema>& declared,
    const StoredColumns* first, const Context& context);

}  // namespace millrace::formats::arrow_ipc
