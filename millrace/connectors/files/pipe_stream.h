// PipeStream: bytes of a pipe, read by the executor so that no shard ever waits for them.
#pragma once

#include <memory>
#include <string>

#include "millrace/connector/registry.h"
#include "millrace/formats/format.h"

namespace millrace::files {

/// One piece ahead, which is filled on the executor. Used by one task. Read fails when
/// nothing comes for longer than the limits of the surroundings allow, and when the
/// pipeline is given up.
class PipeStream : public formats::ByteStream {
 public:
  /// Something was read that another stream would not get again.
  virtual bool touched() const = 0;
  /// What the limits count from begins again.
  virtual void TryAgain() = 0;
};

/// Standard input.
std::unique_ptr<PipeStream> OpenStdin(const connector::Surroundings& surroundings);

/// A named pipe or device. Fails with kFileUnreadable.
Result<std::unique_ptr<PipeStream>> OpenPipe(const std::string& path,
                                             const connector::Surroundings& surroundings);

}  // namespace millrace::files
