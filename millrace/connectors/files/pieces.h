// Pieces: files of one owner that wait, under hidden names, for a commit to publish them.
//
// A piece of a pipeline with checkpoints outlives its process: it has no lock, its name
// says whose it is, and only its pipeline removes it. A piece of a run without
// checkpoints belongs to a process, which holds the lock of a file that bears the owner's
// name; once that is gone any later run may remove the piece.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/base/ids.h"
#include "millrace/connectors/files/destination.h"
#include "millrace/connectors/files/part_place.h"
#include "millrace/io/file_system.h"

namespace millrace::files {

/// Letters, digits, '-' and '_' stay; a long text is cut and tells itself by its hash.
std::string EscapedName(std::string_view text);

/// Is it the name of a piece whose process has ended, or of one that no process ever
/// owned? `exists` tells whether the owner's lock file is there.
bool IsOrphanedPiece(io::FileSystem& files, const std::string& directory,
                     std::string_view name);

/// A file that stood in the destination when the first run of a pipeline began.
struct Replaced {
  std::string path;  ///< inside the destination's folder
  int64_t size = 0;
  int64_t modified_micros = 0;
};

/// What must be remembered of a pipeline's first run, beside the pieces.
struct Beginning {
  std::vector<Replaced> replaced;  ///< goes away with the first commit
  bool published = false;          ///< something was committed
};

/// What Prepare tells Commit.
struct PieceToken {
  struct Part {
    std::string piece;   ///< name
    std::string folder;  ///< inside the destination's; "" is that one itself
  };
  /// Pieces of a single file so far: one an epoch, in the order of epochs.
  struct Run {
    int64_t attempt = 0, first = 0, last = 0;  ///< epochs
  };
  /// A file that must be as it was when its rows were copied.
  struct Unchanged {
    int64_t size = 0;
    int64_t modified_micros = 0;
  };
  std::vector<Part> parts;
  std::vector<Run> runs;
  std::string whole;  ///< the piece that is the complete single file; "" before the end
  std::optional<Unchanged> unchanged;
  bool last = false;  ///< no writer of the sink was left when this one ended

  std::string Encode() const;
  static Result<PieceToken> Decode(const std::string& bytes);
};

/// Adds `epoch` at the end of `runs`.
void AddToRuns(std::vector<PieceToken::Run>* runs, int64_t attempt, int64_t epoch);

/// Remove the pieces of an owner, and how its first run began, by what Whereabouts told.
/// Answers how many pieces; a folder that is gone has none.
Result<int64_t> DropPieces(const std::string& whereabouts, io::FileSystem& files);

/// Shared by a sink and its writers. Names and what a PartPlace does are thread-safe, the
/// rest is the coordinator's.
class Pieces final : public PartPlace, public std::enable_shared_from_this<Pieces> {
 public:
  /// Of a pipeline with checkpoints. Two sinks of one pipeline are told apart by the name
  /// of their file or the extension of their parts. `executor` syncs parts; null: at
  /// once.
  static std::shared_ptr<Pieces> OfPipeline(std::shared_ptr<io::FileSystem> files,
                                            const Destination& destination,
                                            const std::string& pipeline, int64_t attempt,
                                            Executor* executor);
  /// Of this process. The destination's folder exists.
  static Result<std::shared_ptr<Pieces>> OfProcess(std::shared_ptr<io::FileSystem> files,
                                                   const Destination& destination,
                                                   Executor* executor);
  ~Pieces() override;

  Result<std::shared_ptr<PendingPart>> Begin(WriterId writer, int64_t epoch,
                                             int64_t ordinal,
                                             const std::string& folder) override;
  Status Settle() override;
  std::string TokenOf(const Parts& parts, bool last) override;

  /// For DropPieces: where the pieces lie, and whose they are.
  std::string Whereabouts() const;

  int64_t attempt() const { return attempt_; }
  io::FileSystem& files() const { return *files_; }
  const std::string& directory() const { return directory_; }
  std::string PathOf(const std::string& name) const;
  /// The name of one piece. `ordinal` tells those of one writer and epoch apart.
  std::string Name(WriterId writer, int64_t epoch, int64_t ordinal) const {
    return NameOfAttempt(writer, attempt_, epoch, ordinal);
  }
  std::string NameOfAttempt(WriterId writer, int64_t attempt, int64_t epoch,
                            int64_t ordinal) const;
  /// The names of a single file's pieces, in order.
  std::vector<std::string> NamesOf(const std::vector<PieceToken::Run>& runs) const;
  /// Remove the owner's pieces but those; answers how many.
  Result<int64_t> Remove(const std::set<std::string>& but);

  /// Null when no run has begun.
  Result<std::optional<Beginning>> LoadBeginning();
  Status SaveBeginning(const Beginning& beginning);
  Status ForgetBeginning();

 private:
  Pieces(std::shared_ptr<io::FileSystem> files, std::string directory, std::string owner,
         int64_t attempt, Executor* executor);

  const std::shared_ptr<io::FileSystem> files_;
  const std::string directory_;
  const std::string owner_;
  const int64_t attempt_;
  Executor* const executor_;
  std::string lock_path_;
  std::shared_ptr<void> lock_;
};

}  // namespace millrace::files
