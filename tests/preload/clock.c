// A wall clock that jumps: an hour back, a day ahead, ten years back, with every tenth look. The monotonic clock goes on.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

static const time_t kJumps[] = {0, -3600, 86400, -315360000, 59};

int clock_gettime(clockid_t clock, struct timespec* now) {
  static int (*real)(clockid_t, struct timespec*);
  static atomic_ulong looks;
  if (real == NULL) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  const int result = real(clock, now);
  if (clock == CLOCK_REALTIME) {
    const unsigned long look = atomic_fetch_add(&looks, 1);
    now->tv_sec += kJumps[look / 10 % (sizeof(kJumps) / sizeof(kJumps[0]))];
  }
  return result;
}
