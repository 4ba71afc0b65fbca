// Staging: the names under which files are written before their commit.
//
// A part file's temporary bears the number of the final name, so that holding the one
// reserves the other, for this process by its lock and for all others by its presence.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/base/ids.h"
#include "millrace/connectors/files/destination.h"
#include "millrace/io/file_system.h"

namespace millrace::files {

/// A name to write under and the name to publish it as. The lock keeps other runs away.
struct Staged {
  std::string temporary;
  std::string name;
  std::shared_ptr<void> lock;
};

/// The data files of a folder: those with the format's extension.
struct Contents {
  std::vector<std::string> parts;   ///< published by runs: part-<number>.<extension>
  std::vector<std::string> others;  ///< that no run of ours named
};

/// What a commit has to do. Serialised into the commit token, so that it can be repeated
/// by another process.
struct CommitPlan {
  struct Rename {
    std::string temporary;
    std::string name;
  };
  /// A file that must be as it was when its rows were copied.
  struct Unchanged {
    std::string path;
    int64_t size = 0;
    int64_t modified_micros = 0;
  };
  std::vector<Rename> renames;
  std::vector<std::string> deletes;  ///< after the renames are safe
  std::optional<Unchanged> unchanged;
  bool replaces = true;  ///< false: a name that is there already is an error

  std::string Encode() const;
  static Result<CommitPlan> Decode(const std::string& token);
};

/// Shared by a sink and its writers. Thread-safe.
class Staging {
 public:
  Staging(std::shared_ptr<io::FileSystem> files, Destination destination)
      : files_(std::move(files)), destination_(std::move(destination)) {}

  /// A name for the single file, or for the next part of the folder.
  Result<Staged> Begin(WriterId writer);
  /// The same in a folder inside the destination's, which exists; "" is that one itself.
  Result<Staged> BeginPart(const std::string& folder);
  /// What is in the folder; nothing where it does not exist. `deep`: in the folders
  /// inside it too.
  Result<Contents> Look(bool deep = false) const;

  /// `staged` is prepared: from here on the sink answers for it.
  void Prepared(Staged staged);
  /// Forget what is prepared, which is published now: its locks go.
  void Published();
  /// Remove what is prepared and not published; answers how many files.
  Result<int64_t> Abort();
  /// Remove temporaries in the destination's folder that nobody holds any more, those of
  /// pipelines with checkpoints excepted. `deep`: in the folders inside it too.
  Result<int64_t> RemoveOrphans(bool deep);

  io::FileSystem& files() { return *files_; }
  const Destination& destination() const { return destination_; }

 private:
  Result<int64_t> RemoveOrphansOf(const std::string& directory, bool deep);
  Status LookInto(const std::string& directory, bool deep, Contents* out) const;

  const std::shared_ptr<io::FileSystem> files_;
  const Destination destination_;
  std::mutex mutex_;
  std::map<std::string, int64_t> next_parts_;  // by folder, once it was looked at
  std::map<std::string, std::shared_ptr<void>> prepared_;  // locks by temporary name
};

}  // namespace millrace::files
