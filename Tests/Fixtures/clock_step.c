// A wall clock that is stepped for one process alone. Preloaded, it moves what the process sees of
// CLOCK_REALTIME from one instant of its life on: clock readings, the kernel's receive stamps,
// and the timer that tells of a step (TFD_TIMER_CANCEL_ON_SET). The machine's clock is never
// touched. Knows only libc's names, not the program.
//
//   STEP_AFTER_NS  the instant, in nanoseconds from the process's start
//   STEP_NS        how far real time jumps there
//   STEP_TOLD_NS   how much later the timer tells of it (negative: never)
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

static int (*real_gettime)(clockid_t, struct timespec *);
static ssize_t (*real_recvmsg)(int, struct msghdr *, int);
static int (*real_create)(int, int);
static int (*real_settime)(int, int, const struct itimerspec *, struct itimerspec *);
static int64_t step_at, step, told_after;

static int64_t number(const char *name) {
    const char *text = getenv(name);
    return text ? strtoll(text, NULL, 10) : 0;
}

static int64_t nanoseconds(struct timespec t) { return t.tv_sec * INT64_C(1000000000) + t.tv_nsec; }

static struct timespec timespec_of(int64_t ns) {
    return (struct timespec){ns / 1000000000, ns % 1000000000};
}

static int64_t now(clockid_t clock) {
    struct timespec t;
    real_gettime(clock, &t);
    return nanoseconds(t);
}

__attribute__((constructor)) static void begin(void) {
    *(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    *(void **)&real_recvmsg = dlsym(RTLD_NEXT, "recvmsg");
    *(void **)&real_create = dlsym(RTLD_NEXT, "timerfd_create");
    *(void **)&real_settime = dlsym(RTLD_NEXT, "timerfd_settime");
    step_at = now(CLOCK_MONOTONIC) + number("STEP_AFTER_NS");
    step = number("STEP_NS");
    told_after = number("STEP_TOLD_NS");
}

/// How far real time is moved at a monotonic instant.
static int64_t shift_at(int64_t mono) { return mono < step_at ? 0 : step; }

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = real_gettime(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME)
        *time = timespec_of(nanoseconds(*time) + shift_at(now(CLOCK_MONOTONIC)));
    return result;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    ssize_t count = real_recvmsg(fd, message, flags);
    if (count <= 0) return count;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPING) continue;
        struct timespec *stamp = (struct timespec *)CMSG_DATA(c);
        int64_t real = nanoseconds(stamp[0]);
        if (real == 0) continue;
        // The stamp's monotonic instant, by the machine's clocks, which nobody moves.
        int64_t mono = real - (now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC));
        stamp[0] = timespec_of(real + shift_at(mono));
    }
    return count;
}

// The timer that a step cancels becomes one that fires at the step: readable just the same.
int timerfd_create(int clock, int flags) {
    return real_create(clock == CLOCK_REALTIME ? CLOCK_MONOTONIC : clock, flags);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old) {
    if (!(flags & TFD_TIMER_CANCEL_ON_SET)) return real_settime(fd, flags, new, old);
    int64_t at = step_at + told_after;
    struct itimerspec once = {.it_value = timespec_of(at)};
    // Armed again after the step, nothing follows: there is only one.
    if (told_after < 0 || now(CLOCK_MONOTONIC) >= at) memset(&once, 0, sizeof once);
    return real_settime(fd, TFD_TIMER_ABSTIME, &once, old);
}
