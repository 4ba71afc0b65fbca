// FlatColumns: the fields of structs as columns of their own, a.b as a_b.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <arrow/type_fwd.h>

#include "millrace/base/result.h"
#include "millrace/formats/format.h"

namespace millrace::formats::flat {

/// From rows with structs to rows without. Immutable; thread-safe.
///
/// A struct that is NULL has NULL in all its fields. Lists and maps stay as they are, and
/// so does a struct without any field.
class FlatColumns {
 public:
  /// Of rows that have `nested`; `file` is for errors. Fails with kFlatCollision.
  static Result<FlatColumns> Make(const std::shared_ptr<arrow::Schema>& nested,
                                  const Flattening& how, const std::string& file);
  /// The other way round: of the columns `flat`, each of which says its path in its
  /// metadata (see Mark) or stands in `like` under its name, which may be null. A
  /// column of which that can't be told is kFlatUnknown.
  static Result<FlatColumns> Restore(const std::shared_ptr<arrow::Schema>& flat,
                                     const FlatColumns* like, const std::string& file);

  const std::shared_ptr<arrow::Schema>& nested() const { return nested_; }
  /// Names are paths, joined.
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  /// Put the path of each column into its metadata, where it survives checkpoints.
  void Mark();

  /// The nested column that column `i` is in.
  int nested_column(int i) const { return paths_[static_cast<size_t>(i)].front(); }
  /// Is column `i` a nested column as it is?
  bool is_whole(int i) const { return paths_[static_cast<size_t>(i)].size() == 1; }
  /// Are all?
  bool all_whole() const;

  /// The columns `wanted` of `rows`, which has the nested columns `have`, ascending.
  Result<std::shared_ptr<arrow::RecordBatch>> Flatten(const arrow::RecordBatch& rows,
                                                      const std::vector<int>& have,
                                                      const std::vector<int>& wanted,
                                                      arrow::MemoryPool* pool) const;

 private:
  using Path = std::vector<int>;  // from a column down, by the numbers of fields

  std::vector<std::string> NamesOf(int i) const;

  std::shared_ptr<arrow::Schema> nested_, schema_;
  std::vector<Path> paths_;
};

}  // namespace millrace::formats::flat
