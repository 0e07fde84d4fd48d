// Thin wrappers around Linux calls that Swift can't import or that run once per event.
//
// Contract of every function here: no policy, no allocation, no logging. A failure is the negated
// errno of the call, never -1. What runs per event is `static inline`, so that it inlines into the
// Swift loop; the rest stands in csup_sys.c where nothing else is said.
#ifndef CSUP_SYS_H
#define CSUP_SYS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

// ---- clocks ------------------------------------------------------------------------------------

/// CLOCK_MONOTONIC in nanoseconds: the clock of every stamp.
static inline int64_t csup_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/// CLOCK_REALTIME in nanoseconds: the clock of the kernel's receive stamps.
static inline int64_t csup_realtime(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/// A timerfd that becomes readable (ECANCELED) when the wall clock is stepped. fd or -errno.
int csup_clock_watch(void);
/// Arms the watch again after it fired. 0 or -errno.
int csup_clock_rearm(int fd);

// ---- epoll -------------------------------------------------------------------------------------

/// epoll instance with close-on-exec. fd or -errno.
int csup_epoll_create(void);
/// Adds (`EPOLL_CTL_ADD`), changes or removes `fd`; `key` comes back with its events. 0 or -errno.
int csup_epoll_ctl(int epoll, int operation, int fd, uint32_t mask, uint64_t key);
/// Waits with nanosecond timeout (negative: for ever); epoll_pwait2 where the kernel has it (5.11),
/// else epoll_wait with the timeout rounded up, so that it never wakes before its time.
/// Count of events or -errno.
int csup_epoll_wait(int epoll, struct epoll_event *events, int capacity, int64_t timeout_ns);

static inline uint64_t csup_event_key(const struct epoll_event *events, int index) {
    return events[index].data.u64;
}
static inline uint32_t csup_event_mask(const struct epoll_event *events, int index) {
    return events[index].events;
}

/// eventfd, non-blocking. fd or -errno.
int csup_eventfd(void);
/// Makes an eventfd readable. Async-signal-safe. 0 or -errno.
int csup_eventfd_signal(int fd);
/// Makes an eventfd unreadable again.
void csup_eventfd_drain(int fd);

// ---- sockets -----------------------------------------------------------------------------------

/// Stream socket, non-blocking, close-on-exec. fd or -errno.
int csup_stream_socket(int family);
/// Starts a connect. 0 when established at once, -EINPROGRESS while under way, else -errno.
int csup_connect(int fd, const void *address, uint32_t length);
/// Binds; with `late_port` the port is chosen by connect (IP_BIND_ADDRESS_NO_PORT), so that one
/// source address serves as many connections as it has ports *per target*. 0 or -errno.
int csup_bind(int fd, const void *address, uint32_t length, int late_port);
int csup_listen(int fd, int backlog);
/// Accepts one connection, non-blocking, close-on-exec. fd or -errno.
int csup_accept(int fd);
/// The pending error of a socket (SO_ERROR): a positive errno, 0 for none, or -errno.
int csup_socket_error(int fd);
/// setsockopt with an int. 0 or -errno.
int csup_set_int(int fd, int level, int option, int value);
int csup_set_nodelay(int fd);
int csup_set_reuse(int fd, int share_port);
/// Makes close(2) send a reset instead of a FIN.
int csup_set_reset_on_close(int fd);
/// Asks for software receive stamps with every recvmsg (SO_TIMESTAMPING). 0 or -errno.
int csup_want_stamps(int fd);
/// A socket that does nothing but ask for stamps: the kernel switches stamping on machine-wide when
/// the first socket asks, from a work queue, so the first bytes after that carry no stamp. Held by
/// a loop from before its first connect. fd or -errno.
int csup_stamp_holder(void);
/// Local port of a bound socket in host order, or -errno.
int csup_local_port(int fd);

/// One recvmsg. `*stamp` is the kernel's CLOCK_REALTIME receive time of the last byte returned,
/// 0 where the kernel gave none. Bytes, 0 at end of stream, or -errno (-EAGAIN: nothing there).
static inline ssize_t csup_recv(int fd, void *buffer, size_t length, int64_t *stamp) {
    // Room for exactly one SCM_TIMESTAMPING (software, deprecated, hardware).
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(3 * sizeof(struct timespec))];
    } control;
    struct iovec span = {buffer, length};
    struct msghdr message = {
        .msg_iov = &span,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    ssize_t count;
    do {
        count = recvmsg(fd, &message, 0);
    } while (count < 0 && errno == EINTR);
    *stamp = 0;
    if (count < 0) return -(ssize_t)errno;
    if (message.msg_controllen >= sizeof(struct cmsghdr)
        && control.align.cmsg_level == SOL_SOCKET && control.align.cmsg_type == SO_TIMESTAMPING) {
        const struct timespec *times = (const struct timespec *)CMSG_DATA(&control.align);
        *stamp = (int64_t)times[0].tv_sec * 1000000000 + times[0].tv_nsec;
    }
    return count;
}

/// One recv without stamp. Bytes, 0 at end of stream, or -errno.
static inline ssize_t csup_recv_plain(int fd, void *buffer, size_t length) {
    ssize_t count;
    do {
        count = recv(fd, buffer, length, 0);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? -(ssize_t)errno : count;
}

/// One send without SIGPIPE. Bytes or -errno.
static inline ssize_t csup_send(int fd, const void *buffer, size_t length) {
    ssize_t count;
    do {
        count = send(fd, buffer, length, MSG_NOSIGNAL);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? -(ssize_t)errno : count;
}

// ---- memory ------------------------------------------------------------------------------------

/// Asks for the cache line at `address`, to be written soon. A hint: any address is allowed.
static inline void csup_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

// ---- threads, limits, accounting ---------------------------------------------------------------

/// Writes the CPUs of this process's affinity mask, ascending. Their number (may exceed `capacity`)
/// or -errno.
int csup_affinity(int *cpus, int capacity);
/// Confines the calling thread to `count` CPUs. 0 or -errno.
int csup_pin_thread(const int *cpus, int count);
/// Asks for the shortest timer slack, so that timeouts aren't batched with other timers. 0 or
/// -errno.
int csup_short_timer_slack(void);
/// Puts the calling thread under SCHED_FIFO at its lowest priority, with SIGXCPU unblocked; what it
/// starts doesn't inherit the priority. 0 or -errno: EPERM without the right to it, and in a
/// control group without realtime time.
int csup_take_realtime(void);
/// Puts the calling thread back under SCHED_OTHER, which needs no right. Async-signal-safe. 0 or
/// -errno.
int csup_leave_realtime(void);
/// 1 when the calling thread is under SCHED_FIFO, 0 when not, or -errno.
int csup_is_realtime(void);
/// Bounds the CPU time that a realtime thread of this process may take without blocking
/// (RLIMIT_RTTIME, counted in ticks since the thread last woke from a sleep): after `soft_us` the
/// kernel sends SIGXCPU, first of all to that thread, and a handler puts it back under SCHED_OTHER;
/// after `hard_us` the kernel kills the process. A tighter hard limit stays. 0 or -errno.
int csup_bound_realtime(uint64_t soft_us, uint64_t hard_us);
/// Whether the process has CAP_SYS_NICE: 1, 0, or -errno.
int csup_has_nice_capability(void);
/// RLIMIT_RTPRIO: the soft and the hard limit of realtime priorities. 0 or -errno.
int csup_realtime_limits(uint64_t *soft, uint64_t *hard);
/// Names the calling thread (15 bytes at most are kept).
void csup_name_thread(const char *name);

/// Has the kernel send SIGTERM to this process when the thread that started it ends. 0, or -ESRCH
/// when its parent is not `parent`: then that one has ended already.
int csup_end_with(pid_t parent);

struct csup_usage {
    int64_t user_ns, system_ns;
    int64_t voluntary_switches, involuntary_switches;
    int64_t peak_rss_bytes;
};
/// getrusage of the calling thread (`thread` != 0) or the process. 0 or -errno.
int csup_usage(int thread, struct csup_usage *usage);

/// Has malloc take what is `bytes` long or longer from the kernel alone, and give it back when that
/// is freed.
void csup_map_from(size_t bytes);

/// Raises RLIMIT_NOFILE to its hard limit. The limit now in force, or -errno.
int64_t csup_raise_descriptor_limit(void);
/// Number of descriptors now open in this process, or -errno.
int csup_open_descriptors(void);

/// Descriptor of the calling thread's schedstat, for `csup_run_delay`. fd or -errno.
int csup_schedstat_open(void);
/// Nanoseconds the thread has been runnable without running, since it began: the second field of
/// schedstat. -errno where the kernel doesn't account for it.
int64_t csup_run_delay(int schedstat);

/// Reads a whole small file. Bytes read (at most `capacity`), or -errno.
ssize_t csup_read_file(const char *path, void *buffer, size_t capacity);

// ---- a terminal given back (csup_tty.c) ---------------------------------------------------------

/// The longest sequence that `csup_tty_arm` takes, in bytes.
enum { CSUP_TTY_LONGEST = 64 };

/// From now on a signal that ends the process writes `sequence` to `output` first, and sets the
/// terminal on `input` back to `settings` (a struct termios; NULL: nothing to set), where the
/// process is in its foreground. Then what the signal did before happens: a core is dumped, a crash
/// reporter runs. What is ignored stays ignored, and what a handler lets the process survive
/// (SIGXCPU) stays with it.
/// May be called again with other values, by one thread at a time. 0 or -EINVAL.
int csup_tty_arm(
    int output, const void *sequence, size_t length, int input, const void *settings
);
/// Signals do what they did before `csup_tty_arm`.
void csup_tty_disarm(void);

#endif
