// HiveColumns: columns whose values stand in the names of folders, year=2024/country=DE.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/data/predicate.h"
#include "millrace/formats/format.h"

namespace millrace::files {

/// The columns of a set of files by their paths. Immutable; thread-safe.
///
/// BIGINT where every value is a number as it would be written, DATE where every one is a
/// day, VARCHAR otherwise, or what is declared. A folder's column stands before one of
/// the same name in a file.
class HiveColumns {
 public:
  /// None.
  HiveColumns() = default;
  /// `mode`: "auto" (where the folders of all files name the same columns), "on" (they
  /// have to), "off". `declared` may be null: of what is declared, only columns of these
  /// names are read. Fails with kPartitionFolders and kPartitionValue.
  static Result<HiveColumns> Make(const std::string& mode,
                                  const std::vector<std::string>& paths,
                                  const std::shared_ptr<arrow::Schema>& declared,
                                  arrow::MemoryPool* pool);

  bool empty() const { return fields_.empty(); }
  /// The column of that name, −1 for none.
  int IndexOf(const std::string& name) const;
  const std::shared_ptr<arrow::Field>& field(int column) const {
    return fields_[static_cast<size_t>(column)];
  }
  /// Of the file that `paths` named there.
  const std::shared_ptr<arrow::Scalar>& value(size_t file, int column) const {
    return values_[static_cast<size_t>(column)][file];
  }

  /// What rows have whose files hold `file`: folders' columns in the place of files' of
  /// the same name, the others behind.
  std::shared_ptr<arrow::Schema> With(const arrow::Schema& file) const;
  /// `schema` without the folders' columns.
  std::shared_ptr<arrow::Schema> Without(const arrow::Schema& schema) const;

  /// May rows of that file fulfil the predicate? Null is none.
  bool MayMatch(size_t file, const data::PredicatePtr& predicate) const;
  /// What is left to ask of files; null for nothing.
  data::PredicatePtr OfFiles(const data::PredicatePtr& predicate) const;

 private:
  int Outcomes(size_t file, const data::Predicate& predicate) const;

  arrow::FieldVector fields_;
  std::vector<arrow::ScalarVector> values_;  // by column and file
};

/// `file` with the columns of its folders, in the order of `schema`.
std::shared_ptr<formats::FileReader> MakeHiveFile(
    std::shared_ptr<formats::FileReader> file, std::shared_ptr<arrow::Schema> schema,
    std::shared_ptr<const HiveColumns> columns, size_t ordinal);

}  // namespace millrace::files
