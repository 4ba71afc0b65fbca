// Manifest: everything that a checkpoint says, as data and as text.
//
// The text is one JSON document on one line, then a line "xxh3 <16 hexadecimal digits>"
// over the first. Bytes that belong to connectors are base64. README.md describes the
// format; it changes only with kManifestVersion.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "millrace/base/ids.h"
#include "millrace/base/result.h"
#include "millrace/connector/sink.h"
#include "millrace/connector/source.h"
#include "millrace/state/operator_state.h"

namespace millrace::state {

inline constexpr int kManifestVersion = 1;
/// One that is large: another version's text, compressed.
inline constexpr int kPackedManifestVersion = 2;

/// A range of a state file that holds one piece as an Arrow IPC stream.
struct Section {
  int task = 0;
  std::string part;
  Extent extent = Extent::kWhole;
  std::string file;
  int64_t offset = 0;
  int64_t length = 0;
  uint64_t checksum = 0;  ///< XXH3-64 of the range
  int64_t rows = 0;
  int64_t part_rows = 0;  ///< of the task's part with this piece; 0: not known
  int first_group = 0;    ///< key groups met, both inclusive; first > last: no rows
  int last_group = -1;
};

struct OperatorEntry {
  std::string fingerprint;
  std::string description;
  int tasks = 1;  ///< how many held the state
  std::map<std::string, int64_t> facts;
  std::vector<Section> sections;  ///< per task and part: the last whole piece and what
                                  ///< changed since, in order
};

struct ScanEntry {
  std::string table;
  std::string discovery_state;
  std::vector<connector::SplitState> unfinished;
};

struct Manifest {
  std::string pipeline;
  Epoch epoch{0};
  int64_t attempt = 0;
  int64_t created_micros = 0;
  bool final = false;  ///< the input has ended: nothing follows this epoch
  std::vector<ScanEntry> scans;
  std::vector<OperatorEntry> operators;
  std::string plan;  ///< fingerprint of the query
  std::string sink;  ///< its table's name and connector
  std::vector<connector::CommitToken> tokens;
  std::map<std::string, int64_t> counters;  ///< rows read and written since the first run

  /// Text; packed where it is large, which it is with thousands of splits.
  std::string Encode() const;
  /// `where` names the text in errors: kManifestDamaged, kStateVersion.
  static Result<Manifest> Decode(const std::string& text, const std::string& where);
};

}  // namespace millrace::state
