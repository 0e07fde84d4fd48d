// The yardstick: the least that any client must do to receive N streams. One thread, one
// epoll_wait, one recvmsg per readable socket into one shared buffer, nothing parsed. What ssebomb
// costs above this is ssebomb's own; the rest is the kernel's. With --tls the same reads feed
// OpenSSL through a BIO that serves it from the shared buffer; what it decrypts is dropped.
//
//   drain [options] HOST PORT REQUEST-FILE
//     --streams N    connections held open (1000)
//     --rate N       connects started per second (5000)
//     --settle S     seconds between the last connect and the measured window (3)
//     --window S     seconds measured (10)
//     --cpu N        the one CPU to run on
//     --stamps       ask for kernel receive stamps, as ssebomb does
//     --tls          TLS with any certificate, without kernel TLS or read-ahead
//     --count        count "data: " in what is read (costs time: leave it out when measuring)
//
// Prints one JSON object. CPU time is that of the process between the two ends of the window.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct options {
    int streams, rate, cpu;
    double settle, window;
    bool stamps, count, tls;
    struct sockaddr_in address;
    char request[65536];
    size_t request_length;
};

struct totals {
    uint64_t reads, bytes, waits, events, stamped;
};

static struct options options = {.streams = 1000, .rate = 5000, .cpu = -1, .settle = 3,
                                 .window = 10};
static struct totals totals;
static int open_streams, closed_streams;
static char buffer[256 * 1024];

// What `buffer` still holds for the session that is being read: empty between two readable sockets.
static const char *feed;
static size_t fed;
static SSL_CTX *tls_context;
static SSL **sessions;  // By descriptor.

static void fail(const char *what) {
    fprintf(stderr, "drain: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int64_t cpu_ns(int who, struct rusage *usage) {
    getrusage(who, usage);
    int64_t user = usage->ru_utime.tv_sec * 1000000000LL + usage->ru_utime.tv_usec * 1000LL;
    int64_t system = usage->ru_stime.tv_sec * 1000000000LL + usage->ru_stime.tv_usec * 1000LL;
    return user + system;
}

static void read_request(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    options.request_length = fread(options.request, 1, sizeof options.request, file);
    if (!feof(file) || options.request_length == 0) {
        fprintf(stderr, "drain: %s must hold 1 to %zu bytes\n", path, sizeof options.request - 1);
        exit(64);
    }
    fclose(file);
}

static void parse(int argc, char **argv) {
    static const struct option names[] = {
        {"streams", 1, 0, 'n'}, {"rate", 1, 0, 'r'},   {"settle", 1, 0, 's'},
        {"window", 1, 0, 'w'},  {"cpu", 1, 0, 'c'},    {"stamps", 0, 0, 't'},
        {"count", 0, 0, 'e'},   {"tls", 0, 0, 'l'},    {0, 0, 0, 0},
    };
    int letter;
    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (letter) {
        case 'n': options.streams = atoi(optarg); break;
        case 'r': options.rate = atoi(optarg); break;
        case 's': options.settle = atof(optarg); break;
        case 'w': options.window = atof(optarg); break;
        case 'c': options.cpu = atoi(optarg); break;
        case 't': options.stamps = true; break;
        case 'e': options.count = true; break;
        case 'l': options.tls = true; break;
        default: exit(64);
        }
    }
    if (argc - optind != 3 || options.streams < 1 || options.rate < 1) {
        fprintf(stderr, "usage: drain [options] HOST PORT REQUEST-FILE (see drain.c)\n");
        exit(64);
    }
    options.address.sin_family = AF_INET;
    options.address.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
    if (inet_pton(AF_INET, argv[optind], &options.address.sin_addr) != 1) {
        fprintf(stderr, "drain: '%s' is not an IPv4 address\n", argv[optind]);
        exit(64);
    }
    read_request(argv[optind + 2]);
}

static void prepare(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    // The same wake-up precision as the client that is compared with this.
    prctl(PR_SET_TIMERSLACK, 1UL);
    if (options.cpu < 0) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(options.cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) fail("--cpu");
}

static int feed_read(BIO *bio, char *out, size_t capacity, size_t *taken) {
    BIO_clear_retry_flags(bio);
    *taken = fed < capacity ? fed : capacity;
    if (*taken == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(out, feed, *taken);
    feed += *taken;
    fed -= *taken;
    return 1;
}

// Handshake and request fit into an empty send buffer, so there is nothing to retry.
static int feed_write(BIO *bio, const char *bytes, size_t count, size_t *accepted) {
    ssize_t sent = send((int)(intptr_t)BIO_get_data(bio), bytes, count, MSG_NOSIGNAL);
    if (sent < 0) fail("send");
    *accepted = (size_t)sent;
    return 1;
}

static long feed_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static void fail_tls(const char *what) {
    fprintf(stderr, "drain: %s: %s\n", what, ERR_reason_error_string(ERR_peek_error()));
    exit(1);
}

static BIO_METHOD *prepare_tls(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    sessions = calloc(limit.rlim_cur, sizeof *sessions);
    tls_context = SSL_CTX_new(TLS_client_method());
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "feed");
    if (!sessions || !tls_context || !method) fail("--tls");
    SSL_CTX_set_mode(tls_context, SSL_MODE_RELEASE_BUFFERS);
    BIO_meth_set_read_ex(method, feed_read);
    BIO_meth_set_write_ex(method, feed_write);
    BIO_meth_set_ctrl(method, feed_control);
    return method;
}

static void shake_hands(int fd) {
    SSL *session = sessions[fd];
    int result = SSL_do_handshake(session);
    if (result != 1) {
        if (SSL_get_error(session, result) != SSL_ERROR_WANT_READ) fail_tls("handshake");
        return;
    }
    size_t written;
    if (SSL_write_ex(session, options.request, options.request_length, &written) != 1) {
        fail_tls("request");
    }
}

static void start_tls(int fd) {
    static BIO_METHOD *method;
    if (!method) method = prepare_tls();
    BIO *bio = BIO_new(method);
    sessions[fd] = SSL_new(tls_context);
    if (!bio || !sessions[fd]) fail_tls("session");
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(sessions[fd], bio, bio);
    SSL_set_connect_state(sessions[fd]);
    shake_hands(fd);
}

// Connects blocking, which on loopback returns at once, and sends the whole request.
static void open_stream(int epoll) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    if (options.stamps
        && setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps) != 0) {
        fail("SO_TIMESTAMPING");
    }
    if (connect(fd, (struct sockaddr *)&options.address, sizeof options.address) != 0) {
        fail("connect");
    }
    if (options.tls) {
        start_tls(fd);
    } else {
        ssize_t sent = send(fd, options.request, options.request_length, MSG_NOSIGNAL);
        if (sent != (ssize_t)options.request_length) fail("send");
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
    open_streams++;
}

static void count_events(const char *bytes, size_t length) {
    const char *at = bytes, *end = bytes + length;
    while ((at = memmem(at, (size_t)(end - at), "data: ", 6))) {
        totals.events++;
        at += 6;
    }
}

static void drop(int fd) {
    if (options.tls) SSL_free(sessions[fd]);
    close(fd);
    closed_streams++;
}

// Asks OpenSSL for as long as it has input: one call more would only fetch a record buffer and give
// it back.
static void decrypt(int fd, size_t length) {
    static char plain[16 * 1024];
    SSL *session = sessions[fd];
    feed = buffer;
    fed = length;
    if (!SSL_is_init_finished(session)) shake_hands(fd);
    while (fed > 0 || SSL_has_pending(session)) {
        size_t decrypted;
        int result = SSL_read_ex(session, plain, sizeof plain, &decrypted);
        if (result != 1) {
            if (SSL_get_error(session, result) == SSL_ERROR_WANT_READ) return;
            fed = 0;
            ERR_clear_error();
            drop(fd);
            return;
        }
        if (options.count) count_events(plain, decrypted);
    }
}

static void read_once(int fd) {
    char control[CMSG_SPACE(3 * sizeof(struct timespec))];
    struct iovec span = {buffer, sizeof buffer};
    struct msghdr message = {
        .msg_iov = &span,
        .msg_iovlen = 1,
        .msg_control = options.stamps ? control : NULL,
        .msg_controllen = options.stamps ? sizeof control : 0,
    };
    ssize_t length = recvmsg(fd, &message, 0);
    totals.reads++;
    if (length > 0) {
        totals.bytes += (uint64_t)length;
        totals.stamped += message.msg_controllen > 0;
        if (options.tls) {
            decrypt(fd, (size_t)length);
        } else if (options.count) {
            count_events(buffer, (size_t)length);
        }
    } else if (length == 0 || errno != EAGAIN) {
        drop(fd);
    }
}

static void wait_once(int epoll, int timeout_ms) {
    static struct epoll_event events[512];
    int count = epoll_wait(epoll, events, 512, timeout_ms);
    totals.waits++;
    for (int index = 0; index < count; index++) read_once(events[index].data.fd);
}

static void drain_until(int epoll, double end) {
    double left;
    while ((left = end - now()) > 0) wait_once(epoll, left > 0.1 ? 100 : (int)(left * 1000) + 1);
}

int main(int argc, char **argv) {
    parse(argc, argv);
    prepare();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) fail("epoll_create1");

    double start = now();
    for (int index = 0; index < options.streams; index++) {
        double due = start + (double)index / options.rate;
        while (now() < due) wait_once(epoll, 1);
        open_stream(epoll);
        if (index % 64 == 63) wait_once(epoll, 0);
    }
    drain_until(epoll, now() + options.settle);

    struct totals before = totals;
    struct rusage usage_before, usage_after;
    double opened = now();
    int64_t cpu_before = cpu_ns(RUSAGE_SELF, &usage_before);
    drain_until(epoll, opened + options.window);
    int64_t cpu = cpu_ns(RUSAGE_SELF, &usage_after) - cpu_before;
    double elapsed = now() - opened;

    printf("{\"streams\":%d,\"closed\":%d,\"window_s\":%.6f,\"cpu_ns\":%" PRId64
           ",\"reads\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"waits\":%" PRIu64
           ",\"stamped\":%" PRIu64,
           open_streams, closed_streams, elapsed, cpu, totals.reads - before.reads,
           totals.bytes - before.bytes, totals.waits - before.waits,
           totals.stamped - before.stamped);
    if (options.count) printf(",\"events\":%" PRIu64, totals.events - before.events);
    printf(",\"involuntary_switches\":%ld}\n", usage_after.ru_nivcsw - usage_before.ru_nivcsw);
    return closed_streams == 0 ? 0 : 1;
}
