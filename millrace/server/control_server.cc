#include "millrace/server/control_server.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "millrace/server/errors.h"
#include "millrace/server/protocol.h"

namespace millrace::server {

namespace {

constexpr size_t kMostConnections = 64;
constexpr int kBacklog = 64;
// A client that says nothing for so long, or reads nothing, does not keep its place.
constexpr timeval kPatience{60, 0};

Status Unusable(const std::string& path) {
  return errors::kSocketUnusable.Make({.file = path}, "{}", std::strerror(errno));
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::Make(const std::string& path) {
  std::error_code error;
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  const std::string lock_path = path + ".lock";
  Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid()) return Unusable(lock_path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return errors::kServerRunning.Make({.file = path}, "");
  }
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) {
      return errors::kSocketUnusable.Make({.file = path}, "another file is there");
    }
    if (::unlink(path.c_str()) != 0) return Unusable(path);
  }
  ARROW_ASSIGN_OR_RAISE(Descriptor socket, BindLocal(path));
  // Before anybody can connect: that takes listen.
  if (::chmod(path.c_str(), 0600) != 0) return Unusable(path);
  return std::unique_ptr<ControlServer>(
      new ControlServer(path, std::move(lock), std::move(socket)));
}

ControlServer::ControlServer(std::string path, Descriptor lock, Descriptor socket)
    : path_(std::move(path)), lock_(std::move(lock)), socket_(std::move(socket)) {}

Status ControlServer::Start(Supervisor* supervisor) {
  supervisor_ = supervisor;
  if (::listen(socket_.get(), kBacklog) != 0) return Unusable(path_);
  thread_ = std::thread([this] { Accept(); });
  return Status::OK();
}

void ControlServer::Stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    // Ends the reads, and lets answers through.
    for (Connection& one : connections_) ::shutdown(one.peer.get(), SHUT_RD);
  }
  // Wakes accept, which answers with an error from here on.
  ::shutdown(socket_.get(), SHUT_RDWR);
}

ControlServer::~ControlServer() {
  Stop();
  if (thread_.joinable()) thread_.join();
  for (Connection& one : connections_) one.thread.join();
  ::unlink(path_.c_str());
}

void ControlServer::Accept() {
  for (;;) {
    Descriptor peer(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const int error = errno;
    Collect();
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    if (!peer.valid()) {
      if (error != EINTR && error != ECONNABORTED) {
        // No descriptor is left: the next try is worth as much as waiting.
        ::usleep(10'000);
      }
      continue;
    }
    ::setsockopt(peer.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof(kPatience));
    ::setsockopt(peer.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
    if (connections_.size() >= kMostConnections) {
      (void)SendAll(
          peer.get(),
          Refuse(errors::kTooManyClients.Make({}, "{}", connections_.size())) + "\n");
      continue;
    }
    Connection& connection = connections_.emplace_back();
    connection.peer = std::move(peer);
    connection.thread = std::thread([this, &connection] { Serve(connection); });
  }
}

void ControlServer::Collect() {
  std::list<Connection> ended;
  {
    std::lock_guard lock(mutex_);
    for (auto one = connections_.begin(); one != connections_.end();) {
      const auto next = std::next(one);
      if (one->ended) ended.splice(ended.end(), connections_, one);
      one = next;
    }
  }
  for (Connection& one : ended) one.thread.join();
}

void ControlServer::Serve(Connection& connection) {
  const int peer = connection.peer.get();
  std::string text;
  char buffer[4096];
  for (bool open = true; open;) {
    const ssize_t got = ::recv(peer, buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(buffer, static_cast<size_t>(got));
    for (size_t end; open && (end = text.find('\n')) != std::string::npos;) {
      open = SendAll(peer,
                     Answer(*supervisor_, std::string_view(text).substr(0, end)) + "\n");
      text.erase(0, end + 1);
    }
    if (text.size() > kMostRequestBytes) {
      (void)SendAll(peer, Refuse(errors::kBadRequest.Make({}, "it has more than {} bytes",
                                                          kMostRequestBytes)) +
                              "\n");
      break;
    }
  }
  ::shutdown(peer, SHUT_RDWR);
  std::lock_guard lock(mutex_);
  connection.ended = true;
}

}  // namespace millrace::server
