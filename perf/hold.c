// A TLS server that answers each request with one event and then says nothing more: the other end
// of memory measurements, so that the kind of handshake is known and not a matter of luck.
//
//   hold CERT KEY MINOR TICKETS
//     MINOR      2 or 3: the only TLS 1.x version offered
//     TICKETS    1: sessions can be resumed; 0: every handshake is a full one
//
// Prints "listening on 127.0.0.1:PORT", then one line of JSON when SIGTERM ends it. Handshakes are
// made one after the other, blocking; the connections stay open until the end.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const char event[] =
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":"
    "\"mock\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" tok\"},\"finish_reason\":null}]}"
    "\n\n";

static volatile sig_atomic_t ended;

static void end(int number) {
    (void)number;
    ended = 1;
}

static void fail(const char *what) {
    fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

static SSL_CTX *make_context(char **argv) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    int version = atoi(argv[3]) == 2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    if (SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1) fail(argv[1]);
    if (SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1) fail(argv[2]);
    // Ten thousand idle peers are held here, too.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    static const unsigned char name[] = "hold";
    SSL_CTX_set_session_id_context(context, name, sizeof name - 1);
    if (atoi(argv[4]) == 0) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    }
    return context;
}

static int make_listener(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof address;
    if (bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 4096) != 0) fail("bind");
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

// One handshake, one request read in one piece, one answer. The connection is left open.
static int serve(SSL_CTX *context, int fd, unsigned long *resumed) {
    // A peer that stalls must not hold up the others for ever.
    struct timeval limit = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    SSL *session = SSL_new(context);
    SSL_set_fd(session, fd);
    char request[16384];
    if (SSL_accept(session) != 1 || SSL_read(session, request, sizeof request) <= 0) {
        SSL_free(session);
        close(fd);
        return 0;
    }
    *resumed += (unsigned long)SSL_session_reused(session);
    char answer[1024];
    int length = snprintf(answer, sizeof answer,
                          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n",
                          sizeof event - 1, event);
    return SSL_write(session, answer, length) == length;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: hold CERT KEY MINOR TICKETS (see hold.c)\n");
        return 64;
    }
    struct rlimit descriptors;
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    signal(SIGPIPE, SIG_IGN);
    // Without SA_RESTART, so that accept returns.
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);

    SSL_CTX *context = make_context(argv);
    int listener = make_listener();
    unsigned long served = 0, failed = 0, resumed = 0;
    while (!ended) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) continue;
        if (serve(context, fd, &resumed)) {
            served++;
        } else {
            failed++;
        }
    }
    printf("{\"served\":%lu,\"failed\":%lu,\"resumed\":%lu}\n", served, failed, resumed);
    return 0;
}
