// Wrappers of csup_sys.h that run once per connection, loop or process. Each is one system call
// with its errno negated; what to do about a failure is the caller's affair.

#include "csup_sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/net_tstamp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static int checked(int result) { return result < 0 ? -errno : result; }

int csup_clock_watch(void) {
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0) return -errno;
    int armed = csup_clock_rearm(fd);
    if (armed < 0) {
        close(fd);
        return armed;
    }
    return fd;
}

int csup_clock_rearm(int fd) {
    uint64_t ignored;
    // Clears the cancelled state; fails with ECANCELED or EAGAIN, and either is fine.
    (void)!read(fd, &ignored, sizeof ignored);
    // Absolute and so far away that only a clock step can end it.
    struct itimerspec never = {.it_value = {.tv_sec = (time_t)1 << 40}};
    return checked(
        timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL));
}

int csup_epoll_create(void) { return checked(epoll_create1(EPOLL_CLOEXEC)); }

int csup_epoll_ctl(int epoll, int operation, int fd, uint32_t mask, uint64_t key) {
    struct epoll_event event = {.events = mask, .data.u64 = key};
    return checked(epoll_ctl(epoll, operation, fd, &event));
}

int csup_epoll_wait(int epoll, struct epoll_event *events, int capacity, int64_t timeout_ns) {
    static _Atomic int lacks_pwait2;
    if (!atomic_load_explicit(&lacks_pwait2, memory_order_relaxed)) {
        struct timespec timeout = {timeout_ns / 1000000000, timeout_ns % 1000000000};
        int count = epoll_pwait2(epoll, events, capacity, timeout_ns < 0 ? NULL : &timeout, NULL);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return checked(count);
        atomic_store_explicit(&lacks_pwait2, 1, memory_order_relaxed);
    }
    int64_t milliseconds = timeout_ns < 0 ? -1 : (timeout_ns + 999999) / 1000000;
    if (milliseconds > 3600000) milliseconds = 3600000;
    return checked(epoll_wait(epoll, events, capacity, (int)milliseconds));
}

int csup_eventfd(void) { return checked(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

int csup_eventfd_signal(int fd) {
    uint64_t one = 1;
    return write(fd, &one, sizeof one) < 0 && errno != EAGAIN ? -errno : 0;
}

void csup_eventfd_drain(int fd) {
    uint64_t ignored;
    (void)!read(fd, &ignored, sizeof ignored);
}

int csup_stream_socket(int family) {
    return checked(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int csup_connect(int fd, const void *address, uint32_t length) {
    return checked(connect(fd, address, length));
}

int csup_bind(int fd, const void *address, uint32_t length, int late_port) {
    if (late_port) {
        int result = csup_set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
        if (result < 0) return result;
    }
    return checked(bind(fd, address, length));
}

int csup_listen(int fd, int backlog) { return checked(listen(fd, backlog)); }

int csup_accept(int fd) {
    return checked(accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int csup_socket_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -errno;
    return error;
}

int csup_set_int(int fd, int level, int option, int value) {
    return checked(setsockopt(fd, level, option, &value, sizeof value));
}

int csup_set_nodelay(int fd) { return csup_set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

int csup_set_reuse(int fd, int share_port) {
    int result = csup_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (result == 0 && share_port) result = csup_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return result;
}

int csup_set_reset_on_close(int fd) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    return checked(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now));
}

int csup_want_stamps(int fd) {
    return csup_set_int(fd, SOL_SOCKET, SO_TIMESTAMPING,
                        SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
}

int csup_stamp_holder(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int result = csup_want_stamps(fd);
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

int csup_local_port(int fd) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) return -errno;
    if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
    if (address.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return 0;
}

int csup_affinity(int *cpus, int capacity) {
    // 8,192 CPUs is the largest NR_CPUS that distributions build with.
    enum { MOST_CPUS = 8192 };
    cpu_set_t *set = CPU_ALLOC(MOST_CPUS);
    if (!set) return -ENOMEM;
    size_t size = CPU_ALLOC_SIZE(MOST_CPUS);
    if (sched_getaffinity(0, size, set) < 0) {
        int result = -errno;
        CPU_FREE(set);
        return result;
    }
    int count = 0;
    for (int cpu = 0; cpu < MOST_CPUS; cpu++) {
        if (!CPU_ISSET_S(cpu, size, set)) continue;
        if (count < capacity) cpus[count] = cpu;
        count++;
    }
    CPU_FREE(set);
    return count;
}

int csup_pin_thread(const int *cpus, int count) {
    enum { MOST_CPUS = 8192 };
    cpu_set_t *set = CPU_ALLOC(MOST_CPUS);
    if (!set) return -ENOMEM;
    size_t size = CPU_ALLOC_SIZE(MOST_CPUS);
    CPU_ZERO_S(size, set);
    for (int i = 0; i < count; i++)
        if (cpus[i] >= 0 && cpus[i] < MOST_CPUS) CPU_SET_S(cpus[i], size, set);
    int result = checked(sched_setaffinity(0, size, set));
    CPU_FREE(set);
    return result;
}

int csup_short_timer_slack(void) { return checked(prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0)); }

static int schedule(int policy, int priority) {
    struct sched_param parameters = {.sched_priority = priority};
    // Only a privileged thread may take SCHED_RESET_ON_FORK away again, so it stays.
    return checked(sched_setscheduler(0, policy | SCHED_RESET_ON_FORK, &parameters));
}

int csup_take_realtime(void) {
    // The kernel offers SIGXCPU to the thread that overran before any other, if it isn't blocked.
    sigset_t overrun;
    sigemptyset(&overrun);
    sigaddset(&overrun, SIGXCPU);
    int result = pthread_sigmask(SIG_UNBLOCK, &overrun, NULL);
    if (result != 0) return -result;
    return schedule(SCHED_FIFO, sched_get_priority_min(SCHED_FIFO));
}

int csup_leave_realtime(void) { return schedule(SCHED_OTHER, 0); }

int csup_is_realtime(void) {
    int policy = sched_getscheduler(0);
    return policy < 0 ? -errno : (policy & ~SCHED_RESET_ON_FORK) == SCHED_FIFO;
}

static void overran(int signal) {
    (void)signal;
    int kept = errno;
    (void)csup_leave_realtime();
    errno = kept;
}

int csup_bound_realtime(uint64_t soft_us, uint64_t hard_us) {
    struct sigaction action = {.sa_handler = overran, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGXCPU, &action, NULL) < 0) return -errno;
    struct rlimit limit;
    if (getrlimit(RLIMIT_RTTIME, &limit) < 0) return -errno;
    // RLIM_INFINITY is the greatest value. The signal has to come before the kill.
    if (limit.rlim_max > hard_us) limit.rlim_max = hard_us;
    limit.rlim_cur = soft_us < limit.rlim_max ? soft_us : limit.rlim_max / 2;
    return checked(setrlimit(RLIMIT_RTTIME, &limit));
}

int csup_has_nice_capability(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    return data[CAP_TO_INDEX(CAP_SYS_NICE)].effective & CAP_TO_MASK(CAP_SYS_NICE) ? 1 : 0;
}

int csup_realtime_limits(uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_RTPRIO, &limit) < 0) return -errno;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}

void csup_name_thread(const char *name) {
    char kept[16] = {0};
    strncpy(kept, name, sizeof kept - 1);
    pthread_setname_np(pthread_self(), kept);
}

int csup_end_with(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM, 0, 0, 0) < 0) return -errno;
    // Asked afterwards, so that no death can fall between question and request.
    return getppid() == parent ? 0 : -ESRCH;
}

static int64_t nanoseconds(struct timeval t) {
    return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000;
}

void csup_map_from(size_t bytes) { mallopt(M_MMAP_THRESHOLD, (int)bytes); }

int csup_usage(int thread, struct csup_usage *usage) {
    struct rusage r;
    if (getrusage(thread ? RUSAGE_THREAD : RUSAGE_SELF, &r) < 0) return -errno;
    usage->user_ns = nanoseconds(r.ru_utime);
    usage->system_ns = nanoseconds(r.ru_stime);
    usage->voluntary_switches = r.ru_nvcsw;
    usage->involuntary_switches = r.ru_nivcsw;
    usage->peak_rss_bytes = (int64_t)r.ru_maxrss * 1024;
    return 0;
}

int64_t csup_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
    return limit.rlim_cur == RLIM_INFINITY ? INT64_MAX : (int64_t)limit.rlim_cur;
}

int csup_open_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    if (!directory) return -errno;
    int count = 0;
    while (readdir(directory)) count++;
    closedir(directory);
    return count - 3;  // ".", ".." and the directory's own descriptor.
}

int csup_schedstat_open(void) {
    return checked(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
}

int64_t csup_run_delay(int schedstat) {
    char text[96];
    ssize_t count = pread(schedstat, text, sizeof text - 1, 0);
    if (count < 0) return -errno;
    text[count] = 0;
    char *second = strchr(text, ' ');
    return second ? strtoll(second, NULL, 10) : -ENODATA;
}

ssize_t csup_read_file(const char *path, void *buffer, size_t capacity) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    size_t total = 0;
    while (total < capacity) {
        ssize_t count = read(fd, (char *)buffer + total, capacity - total);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        total += (size_t)count;
    }
    close(fd);
    return (ssize_t)total;
}
