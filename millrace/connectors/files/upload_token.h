// What the committer of objects has to know, of each of them and of the first run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/io/object_store/object_store.h"

namespace millrace::files {

/// What Prepare tells Commit.
struct UploadToken {
  struct Object {
    std::string key;
    std::string upload_id;
    int64_t size = 0;
    std::vector<std::string> etags;  ///< of parts 1, 2, …

    std::vector<io::UploadedPart> parts() const;
  };
  std::vector<Object> objects;
  bool last = false;  ///< no writer of the sink was left when this one ended

  std::string Encode() const;
  static Result<UploadToken> Decode(const std::string& bytes);
};

/// What must be remembered of a pipeline's first run, in an object beside its own.
struct ObjectBeginning {
  struct Replaced {
    std::string key;
    std::string etag;
  };
  /// Part of every name of the pipeline, from its first run to its end: a pipeline of the
  /// same name that begins anew gives others.
  std::string incarnation;
  std::vector<Replaced> replaced;  ///< goes away with the first commit
  bool published = false;          ///< something was committed

  std::string Encode() const;
  static Result<ObjectBeginning> Decode(const std::string& bytes);
};

/// Whose objects, and how their keys begin.
struct ObjectNames {
  std::string prefix;     ///< "" or with a slash at the end
  std::string pipeline;   ///< "" of a run without checkpoints
  std::string extension;  ///< with its dot

  /// What all names of an incarnation have in common before the writer.
  std::string Stem(const std::string& incarnation) const;
  std::string Key(const std::string& folder, const std::string& incarnation,
                  int64_t attempt, int32_t writer, int64_t epoch, int64_t ordinal) const;
  /// Is `key` one of that incarnation, in whatever folder?
  bool IsOf(const std::string& incarnation, std::string_view key) const;
  /// The key of an ObjectBeginning.
  std::string BeginningKey() const;
};

/// A name that no other run has: 16 hexadecimal digits.
std::string NewIncarnation();

}  // namespace millrace::files
