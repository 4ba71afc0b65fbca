// Files whose columns differ from the first's, by schema_policy and compatibility.
#pragma once

#include <memory>

#include "millrace/connectors/files/options.h"
#include "millrace/data/schema_policy.h"
#include "millrace/formats/format.h"

namespace millrace::files {

/// Open `input`, a file that can be read twice, so that its rows have `expected`'s
/// columns. What differs and is refused by the option schema_policy, which has to be
/// given, or by compatibility, is errors::kSchemaDiffers.
Result<std::shared_ptr<formats::FileReader>> OpenByPolicy(
    const Parsed& options, const formats::Input& input,
    const std::shared_ptr<arrow::Schema>& expected, const formats::Context& context);

/// Is each file's schema to be compared with those of all before it?
bool ComparesAll(const Parsed& options);

/// Compares files with all before them. Used by one thread.
class EarlierFiles {
 public:
  EarlierFiles(const Parsed& options, const std::shared_ptr<arrow::Schema>& expected);
  /// The next file, which can be read twice; errors::kSchemaDiffers names the earlier
  /// one.
  Status Compare(const formats::Input& input, const formats::Context& context);

 private:
  const Parsed& options_;
  data::SchemaHistory history_;
};

/// `file`, whose columns `adaptor` turns into those of its earlier schema. A row that it
/// can't is a bad row.
std::shared_ptr<formats::FileReader> MakeAdaptedFile(
    std::string name, std::shared_ptr<formats::FileReader> file,
    std::shared_ptr<arrow::Schema> schema, data::SchemaAdaptor adaptor);

}  // namespace millrace::files
