#include "millrace/formats/csv/writer.h"
namespace millrace::formats::csv {
Result<std::unique_ptr<FileWriter>> MakeWriter(
    io::WritableFile& file, WriteDialect dialect,
    const std::shared_ptr<arrow::Schema>& schema, bool appending,
    const Context& context) {
  return Status::NotImplemented("");
}
}  // namespace millrace::formats::csv
