#include "millrace/server/control_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "millrace/engine/recovery.h"
#include "millrace/server/errors.h"

namespace millrace::server {

namespace {

// Answers about thousands of pipelines fit; a peer that sends without end does not.
constexpr size_t kMostAnswerBytes = 64 * 1024 * 1024;

bool FillAddress(const std::string& path, sockaddr_un* out) {
  std::memset(out, 0, sizeof(*out));
  out->sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(out->sun_path)) return false;
  std::memcpy(out->sun_path, path.data(), path.size());
  return true;
}

Descriptor MakeSocket() {
  return Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

int Descriptor::Release() { return std::exchange(number_, -1); }

std::string DefaultSocket(const ConfigSpec::Lookup& environment) {
  return engine::LocalStateDir(environment) + "/control.sock";
}

bool SendAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

Result<Descriptor> BindLocal(const std::string& path) {
  sockaddr_un address;
  if (!FillAddress(path, &address)) {
    return errors::kSocketUnusable.Make({.file = path}, "a path may have {} bytes",
                                        sizeof(address.sun_path) - 1);
  }
  Descriptor out = MakeSocket();
  if (!out.valid() || ::bind(out.get(), reinterpret_cast<const sockaddr*>(&address),
                             sizeof(address)) != 0) {
    return errors::kSocketUnusable.Make({.file = path}, "{}", std::strerror(errno));
  }
  return out;
}

Result<std::string> Call(const std::string& socket, const std::string& request) {
  sockaddr_un address;
  if (!FillAddress(socket, &address)) {
    return errors::kNoServer.Make({.file = socket}, "the path is too long");
  }
  const Descriptor peer = MakeSocket();
  if (!peer.valid() || ::connect(peer.get(), reinterpret_cast<const sockaddr*>(&address),
                                 sizeof(address)) != 0) {
    return errors::kNoServer.Make({.file = socket}, "{}", std::strerror(errno));
  }
  // A refusal may be there although the request was not read.
  (void)SendAll(peer.get(), request + "\n");
  std::string answer;
  char buffer[16 * 1024];
  while (answer.size() < kMostAnswerBytes) {
    const ssize_t got = ::recv(peer.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    answer.append(buffer, static_cast<size_t>(got));
    if (const size_t end = answer.find('\n', answer.size() - static_cast<size_t>(got));
        end != std::string::npos) {
      answer.resize(end);
      return answer;
    }
  }
  return errors::kBadAnswer.Make({.file = socket}, "the connection was closed");
}

}  // namespace millrace::server
