// Files named unreadable.csv can be opened, but every read of them fails as a broken disk does. Loaded with LD_PRELOAD.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t pread(int fd, void* out, size_t size, off_t at) {
  char link[64], path[4096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof(path) - 1);
  path[length < 0 ? 0 : length] = 0;
  if (strstr(path, "/unreadable.csv") != NULL) {
    errno = EIO;
    return -1;
  }
  ssize_t (*real)(int, void*, size_t, off_t) = (ssize_t(*)(int, void*, size_t, off_t))dlsym(RTLD_NEXT, "pread");
  return real(fd, out, size, at);
}

ssize_t pread64(int fd, void* out, size_t size, off_t at) { return pread(fd, out, size, at); }
