// ReplayRecords: dead letters as files that can be read again, and which letter stands
// where in them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/engine/dead_letter_record.h"
#include "millrace/io/file_system.h"

namespace millrace::engine {

/// What kind of text the raw records are.
enum class RecordForm {
  kFields,  ///< fields of a line, whose names stand elsewhere
  kNamed,   ///< each record names its own: JSON
};
RecordForm FormOf(const DeadLetterRecord& letter);

/// How a line of fields is written.
struct LineForm {
  char delimiter = ',';
  int quote = '"';  ///< −1: none
  /// Put the names of the fields before the records. Without, they go by their place.
  bool header = true;
};

/// Files in a folder of their own, removed with this object. Used by one thread.
class ReplayRecords {
 public:
  /// `files` outlives it. Nothing is written before Write.
  ReplayRecords(io::FileSystem* files, std::string folder);
  ~ReplayRecords();

  /// The raw record of letter number `index`.
  void Add(const DeadLetterRecord& letter, size_t index, const LineForm& form);
  Status Write(const std::string& extension);
  const std::string& folder() const { return folder_; }
  /// The letter whose record stands at `where`; −1: none.
  int64_t LetterAt(const Where& where) const;

 private:
  struct Piece {
    std::vector<std::string> fields;
    bool shared = true;  // more records may follow
    std::string text;
    std::vector<int64_t> begins;
    std::vector<size_t> letters;
  };
  Piece& PieceFor(const DeadLetterRecord& letter, const LineForm& form);
  std::string NameOf(size_t piece) const;
  void Clear();

  io::FileSystem* const files_;
  const std::string folder_;
  std::string extension_;
  std::vector<Piece> pieces_;
};

}  // namespace millrace::engine
