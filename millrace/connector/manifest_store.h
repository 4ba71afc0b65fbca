// ManifestStore: where the checkpoints of one pipeline live.
//
// A manifest is small text, a state file may be large. A manifest is first pending, then
// decided: from that moment its epoch has happened, whoever asks. Used by the pipeline's
// coordinating thread, except state files, which threads of the executor write.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <arrow/io/type_fwd.h>

#include "millrace/base/ids.h"
#include "millrace/base/result.h"
#include "millrace/io/file_system.h"

namespace millrace::connector {

/// A manifest's place in the life of an epoch.
enum class ManifestState {
  kPending,    ///< written, not decided: recovery may discard it
  kDecided,    ///< its epoch has happened
  kSavepoint,  ///< a decided one that was given a name and is kept until it is dropped
};

struct ManifestEntry {
  Epoch epoch;
  ManifestState state = ManifestState::kDecided;
  std::string savepoint;  ///< its name
  int64_t bytes = 0;
  int64_t modified_micros = 0;
};

class ManifestStore {
 public:
  virtual ~ManifestStore() = default;

  /// For people: "/var/lib/millrace/orders".
  virtual std::string location() const = 0;

  /// Take the pipeline for this process, until the store is destroyed; fails with
  /// errors::kPipelineTaken, naming the owner, when another one has it. Answers how often
  /// it was taken so far, this time included; the count is durable when it returns.
  virtual Result<int64_t> Acquire() = 0;

  /// Everything that is there, by epoch; a pipeline that was never run has nothing.
  virtual Result<std::vector<ManifestEntry>> List() = 0;
  virtual Result<std::string> Read(const ManifestEntry& entry) = 0;
  /// Durable when it returns. Replaces a pending one of the same epoch.
  virtual Status WritePending(Epoch epoch, const std::string& manifest) = 0;
  /// The decision: pending becomes decided, at once and durably. Fails when that epoch is
  /// decided already by somebody else.
  virtual Status Promote(Epoch epoch) = 0;
  /// Give a decided manifest a name under which it stays. Replaces an older one of that
  /// name.
  virtual Status NameSavepoint(Epoch epoch, const std::string& name) = 0;
  virtual Status Remove(const ManifestEntry& entry) = 0;
  /// Small text under a name of letters that stays until RemoveAll; "" when there is
  /// none, and to remove it. Durable when WriteNote returns.
  virtual Result<std::string> ReadNote(const std::string& name) = 0;
  virtual Status WriteNote(const std::string& name, const std::string& text) = 0;
  /// Forget the pipeline: manifests, state files, attempts.
  virtual Status RemoveAll() = 0;

  /// A new state file. Thread-safe. Close after Sync makes it durable, its name once the
  /// next manifest is written.
  virtual Result<std::unique_ptr<io::WritableFile>> CreateFile(
      const std::string& name) = 0;
  virtual Result<std::shared_ptr<arrow::io::RandomAccessFile>> OpenFile(
      const std::string& name) = 0;
  virtual Result<std::vector<std::string>> ListFiles() = 0;
  virtual Status RemoveFile(const std::string& name) = 0;
};

}  // namespace millrace::connector
