// PipelineHead: what decides about a pipeline whose checkpoints lie in an object store.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "millrace/base/ids.h"
#include "millrace/base/result.h"
#include "millrace/state/process_mark.h"

namespace millrace::state {

/// Everything that has to change at once, and by the owner only: one small object, which
/// is replaced on the condition that it is the one that was seen before.
struct PipelineHead {
  struct Owner {
    ProcessMark process;
    int64_t since_micros = 0;
    /// By chance: no two owners write the same bytes.
    std::string run;

    /// "by process 12 on host a since 2024-01-01 00:00:00 UTC"
    std::string Text() const;
  };
  /// A manifest that counts, and the attempt that wrote it.
  struct Decided {
    Epoch epoch;
    int64_t attempt = 0;
    int64_t bytes = 0;
    int64_t made_micros = 0;
    bool operator==(const Decided&) const = default;
  };

  int64_t attempt = 0;         ///< how often the pipeline was taken
  std::optional<Owner> owner;  ///< none: it is free
  int64_t beat = 0;            ///< grows with every change: a sign of life
  std::vector<Decided> manifests;
  std::map<std::string, Decided> savepoints;
  std::map<std::string, std::string> notes;

  bool Names(Epoch epoch, int64_t attempt) const;

  std::string Encode() const;
  /// Fails with kHeadDamaged or kStateVersion.
  static Result<PipelineHead> Decode(const std::string& text, const std::string& where);
};

}  // namespace millrace::state
