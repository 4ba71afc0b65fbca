// Files whose columns differ from the first's, by schema_policy and compatibility.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

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

/// Compares files with all before them. Thread-safe.
class EarlierFiles {
 public:
  EarlierFiles(const Parsed& options, const std::shared_ptr<arrow::Schema>& expected);
  /// The next file, which can be read twice; errors::kSchemaDiffers names the earlier
  /// one. True when no file before had its columns.
  Result<bool> Compare(const formats::Input& input, const formats::Context& context);
  /// The same for what is known of it.
  Result<bool> Compare(const std::string& name, std::shared_ptr<arrow::Schema> schema);
  /// Every schema that was met, by the first file that had it.
  std::vector<std::pair<std::string, std::shared_ptr<arrow::Schema>>> seen() const;

 private:
  const Parsed options_;
  mutable std::mutex mutex_;
  data::SchemaHistory history_;
};

/// The two steps of OpenByPolicy, for a file that is opened again as it grows. What
/// JudgeColumns answers is its `own` columns, with which OpenJudged opens it; `input` has
/// complete lines only. `earlier`: null, or those that it is compared with.
struct JudgedColumns {
  std::shared_ptr<arrow::Schema> own;
  bool new_to_earlier = false;  ///< no file before had them
};
Result<JudgedColumns> JudgeColumns(const Parsed& options, const formats::Input& input,
                                   const std::shared_ptr<arrow::Schema>& expected,
                                   EarlierFiles* earlier,
                                   const formats::Context& context);
Result<std::shared_ptr<formats::FileReader>> OpenJudged(
    const Parsed& options, const formats::Input& input,
    const std::shared_ptr<arrow::Schema>& own,
    const std::shared_ptr<arrow::Schema>& expected, const formats::Context& context);

/// `file`, whose columns `adaptor` turns into those of its earlier schema. A row that it
/// can't is a bad row.
std::shared_ptr<formats::FileReader> MakeAdaptedFile(
    std::string name, std::shared_ptr<formats::FileReader> file,
    std::shared_ptr<arrow::Schema> schema, data::SchemaAdaptor adaptor);

}  // namespace millrace::files
