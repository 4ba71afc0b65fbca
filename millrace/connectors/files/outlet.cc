#include "millrace/connectors/files/outlet.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "millrace/io/errors.h"

namespace millrace::files {

namespace {

// Of a pipe, where the system allows it: fewer turns between the two ends.
constexpr int kPipeBytes = 1 << 18;

}  // namespace

Outlet::Outlet(Standard standard)
    : name_(standard == Standard::kError ? "stderr" : "stdout") {
  Take(standard == Standard::kError ? STDERR_FILENO : STDOUT_FILENO);
}

Outlet::~Outlet() {
  if (owned_) ::close(fd_);
}

// Such a stream is shared with other processes, and so are its flags: to make it
// non-blocking would break them. A pipe can be opened a second time instead, a socket be
// asked call by call; terminals get pieces that go in at once.
void Outlet::Take(int standard_fd) {
  fd_ = standard_fd;
  way_ = Way::kPieces;
  struct stat found {};
  if (::fstat(fd_, &found) != 0) return;
  // Memory devices (/dev/null and its like) never wait.
  const bool memory = S_ISCHR(found.st_mode) && major(found.st_rdev) == 1;
  if (S_ISREG(found.st_mode) || memory) way_ = Way::kFile;
  if (S_ISSOCK(found.st_mode)) way_ = Way::kSocket;
  if (!S_ISFIFO(found.st_mode)) return;
  const int own = ::open(fmt::format("/proc/self/fd/{}", standard_fd).c_str(),
                         O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (own < 0) return;
  (void)::fcntl(own, F_SETPIPE_SZ, kPipeBytes);
  fd_ = own;
  owned_ = true;
  way_ = Way::kNonBlocking;
}

Result<bool> Outlet::Open() {
  if (is_open()) return true;
  const int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const int fd = ::open(path_.c_str(), flags);
  if (fd >= 0) {
    (void)::fcntl(fd, F_SETPIPE_SZ, kPipeBytes);
    fd_ = fd;
    owned_ = true;
    return true;
  }
  const int error = errno;
  struct stat found {};
  if (error == ENXIO && ::stat(path_.c_str(), &found) == 0 && S_ISFIFO(found.st_mode)) {
    return false;
  }
  return errors::kFileUnwritable.Make({.file = path_}, "{}", std::strerror(error));
}

Result<int64_t> Outlet::Write(const void* data, int64_t size, int millis) {
  const auto length = static_cast<size_t>(size);
  for (bool waited = false;; waited = true) {
    ssize_t put = -1;
    errno = EAGAIN;
    switch (way_) {
      case Way::kNonBlocking:
      case Way::kFile: put = ::write(fd_, data, length); break;
      case Way::kSocket:
        put = ::send(fd_, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
      case Way::kPieces:
        // Room for that much is what poll has promised.
        if (waited) put = ::write(fd_, data, std::min<size_t>(length, PIPE_BUF));
        break;
    }
    if (put > 0) return put;
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      const bool full = errno == ENOSPC || errno == EDQUOT;
      // Whoever reads our standard output may have had enough; the reader of a named pipe
      // may come again.
      const ErrorSpec& spec = full                              ? errors::kDiskFull
                              : errno == EPIPE && path_.empty() ? errors::kReaderGone
                                                                : errors::kFileIo;
      return spec.Make({.file = name_}, "{}", std::strerror(errno));
    }
    pollfd room{fd_, POLLOUT, 0};
    if (waited || ::poll(&room, 1, millis) <= 0) return 0;
  }
}

}  // namespace millrace::files
