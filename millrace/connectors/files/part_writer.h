// Writers of folders, whose parts wait for their commit.
#pragma once

#include <memory>

#include "millrace/connector/registry.h"
#include "millrace/connectors/files/options.h"
#include "millrace/connectors/files/part_place.h"
#include "millrace/connectors/files/partitions.h"
#include "millrace/connectors/files/roll.h"

namespace millrace::files {

/// What the writers of one sink share.
struct PartOptions {
  FormatPtr format;
  Config format_options;
  std::shared_ptr<PartPlace> place;
  std::shared_ptr<const Partitions> partitions;
  int64_t next_epoch = 1;  ///< of the first rows
  RollOptions roll;
  int64_t max_open_files = 64;
  bool always_a_file = false;  ///< a file at the end though no row ever came
};

/// As the options of a sink say, for one of its writers; `place` and `next_epoch` are
/// left.
PartOptions PartOptionsOf(const Parsed& options,
                          std::shared_ptr<const Partitions> partitions, WriterId writer);

/// Writes parts of a folder: one file an epoch and partition, or several where they roll.
/// Files are put away on the executor; rows of the next epoch go to new ones meanwhile.
std::unique_ptr<connector::SinkWriter> MakePartWriter(
    PartOptions options, WriterId writer, const connector::Surroundings& surroundings);

}  // namespace millrace::files
