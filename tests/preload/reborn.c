// Files named log.csv have the number 4242, and were made at the second that REBORN_AT says: a number that the file system gives again.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int statx(int folder, const char* restrict path, int flags, unsigned mask, struct statx* restrict out) {
  static int (*real)(int, const char*, int, unsigned, struct statx*);
  if (real == NULL) real = (int (*)(int, const char*, int, unsigned, struct statx*))dlsym(RTLD_NEXT, "statx");
  const int result = real(folder, path, flags, mask, out);
  const char* name = strrchr(path, '/');
  const char* at = getenv("REBORN_AT");
  if (result == 0 && at != NULL && strcmp(name == NULL ? path : name + 1, "log.csv") == 0) {
    out->stx_ino = 4242;
    out->stx_mask |= STATX_BTIME;
    out->stx_btime.tv_sec = atol(at);
    out->stx_btime.tv_nsec = 0;
  }
  return result;
}
