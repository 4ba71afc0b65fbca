// The place where a server listens and its clients call.
#pragma once

#include <string>
#include <string_view>

#include "millrace/base/config/config.h"
#include "millrace/base/result.h"

namespace millrace::server {

/// control.sock in the folder of checkpoints, or in the user's own for state where those
/// are in a bucket.
std::string DefaultSocket(const ConfigSpec::Lookup& environment);

/// Send one request and wait for its answer, both without a line end. Fails with
/// kNoServer or kBadAnswer; an answer that tells an error is not looked at.
Result<std::string> Call(const std::string& socket, const std::string& request);

/// A descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const { return number_; }
  bool valid() const { return number_ >= 0; }
  int Release();

 private:
  int number_;
};

/// Write all of `text`, or false. A peer that has gone is no signal.
bool SendAll(int descriptor, std::string_view text);

/// A socket of the local kind that is bound to `path` and not listening yet. Fails with
/// kSocketUnusable.
Result<Descriptor> BindLocal(const std::string& path);

}  // namespace millrace::server
