// The OpenSSL side of csup_tls.h: library start, contexts, the feeding BIO, connections and failure
// texts. Not to know: event loops, HTTP, or users' defaults.

#include "csup_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

// ---- Library ------------------------------------------------------------------------------------

static pthread_once_t start_once = PTHREAD_ONCE_INIT;
static int started;
static int can_release;
static BIO_METHOD *feed_method;

static BIO_METHOD *make_feed_method(void);

// SSL_free_buffers used to free a buffer that held the header of a record still on its way
// (CVE-2024-4741).
static int release_is_sound(void) {
    static const unsigned first_sound_patch[] = {14, 6, 2, 1};
    unsigned minor = OPENSSL_version_minor();
    return OPENSSL_version_major() > 3 || minor > 3
           || OPENSSL_version_patch() >= first_sound_patch[minor];
}

static void start(void) {
    // Without the pool TLS works all the same, with more calls of malloc.
    csup_tls_pool_install();
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1) {
        return;
    }
    can_release = release_is_sound();
    feed_method = make_feed_method();
    started = feed_method != NULL;
}

int csup_tls_start(void) {
    return pthread_once(&start_once, start) == 0 && started;
}

const char *csup_tls_library(void) {
    return OpenSSL_version(OPENSSL_VERSION);
}

static void copy_text(char *text, size_t capacity, const char *source) {
    if (capacity == 0) {
        return;
    }
    size_t length = strnlen(source, capacity - 1);
    memcpy(text, source, length);
    text[length] = '\0';
}

static void describe_error(unsigned long error, char *text, size_t capacity) {
    // System errors carry an errno instead of a reason of OpenSSL's own.
    if (ERR_SYSTEM_ERROR(error)) {
        char buffer[128];
        copy_text(text, capacity, strerror_r(ERR_GET_REASON(error), buffer, sizeof(buffer)));
        return;
    }
    const char *reason = ERR_reason_error_string(error);
    copy_text(text, capacity, reason != NULL ? reason : "unknown error");
}

void csup_tls_take_error(char *text, size_t capacity) {
    describe_error(ERR_peek_error(), text, capacity);
    ERR_clear_error();
}

// SSL_get_error looks at the thread's queue, so an older error would be taken for this call's.
// Emptying all of its entries costs more than asking whether there is one.
static void drop_old_errors(void) {
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

// ---- Contexts -----------------------------------------------------------------------------------

static const unsigned char alpn_protocols[] = "\x08http/1.1";
static const unsigned alpn_length = sizeof(alpn_protocols) - 1;

static int select_alpn(
    SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *offered,
    unsigned offered_length, void *unused) {
    (void)ssl;
    (void)unused;
    unsigned char *choice = NULL;
    int result = SSL_select_next_proto(
        &choice, out_length, alpn_protocols, alpn_length, offered, offered_length);
    *out = choice;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

// Without a callback OpenSSL would ask the terminal.
static int refuse_pass_phrase(char *buffer, int size, int writing, void *unused) {
    (void)buffer;
    (void)size;
    (void)writing;
    (void)unused;
    return -1;
}

static int keep_session(SSL *ssl, SSL_SESSION *session);

csup_tls_context *csup_tls_context_new(int is_server) {
    SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    if (context == NULL) {
        return NULL;
    }
    SSL_CTX_set_mode(
        context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE
                     | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_read_ahead(context, 0);
    SSL_CTX_set_default_passwd_cb(context, refuse_pass_phrase);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    if (is_server) {
        SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        // Without an id context a server that verifies clients refuses every resumption.
        static const unsigned char name[] = "ssebomb";
        SSL_CTX_set_session_id_context(context, name, sizeof(name) - 1);
        return context;
    }
    SSL_CTX_set_session_cache_mode(
        context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    // Unlike its neighbours this function returns 0 for success.
    if (SSL_CTX_set_alpn_protos(context, alpn_protocols, alpn_length) != 0) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

void csup_tls_context_free(csup_tls_context *context) {
    SSL_CTX_free(context);
}

int csup_tls_context_set_versions(csup_tls_context *context, int lowest, int highest) {
    if (lowest != 0 && lowest < TLS1_2_VERSION) {
        SSL_CTX_set_security_level(context, 0);
    }
    return SSL_CTX_set_min_proto_version(context, lowest) == 1
           && SSL_CTX_set_max_proto_version(context, highest) == 1;
}

int csup_tls_context_set_ciphers(csup_tls_context *context, const char *list) {
    return SSL_CTX_set_cipher_list(context, list) == 1;
}

int csup_tls_context_set_suites(csup_tls_context *context, const char *list) {
    return SSL_CTX_set_ciphersuites(context, list) == 1;
}

const char *csup_tls_cipher_name(const char *iana_name) {
    const char *name = OPENSSL_cipher_name(iana_name);
    return name == NULL || strcmp(name, "(NONE)") == 0 ? NULL : name;
}

int csup_tls_context_trust(csup_tls_context *context, const char *file, const char *directory) {
    return SSL_CTX_load_verify_locations(context, file, directory) == 1;
}

int csup_tls_is_address(const char *host) {
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

int csup_tls_context_verify_host(csup_tls_context *context, const char *host) {
    X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(context);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (csup_tls_is_address(host)) {
        return X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 ? 2 : 0;
    }
    // An empty name would switch the check off.
    if (host[0] == '\0') {
        return 0;
    }
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(parameters, host, strlen(host)) == 1;
}

int csup_tls_context_demand_client(csup_tls_context *context, const char *ca_file) {
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca_file);
    if (names == NULL || SSL_CTX_load_verify_locations(context, ca_file, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return 0;
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 1;
}

int csup_tls_context_identity(csup_tls_context *context, const char *cert, const char *key) {
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, cert) != 1) {
        return CSUP_TLS_IDENTITY_BAD_CERTIFICATE;
    }
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        // The certificate is loaded first, so OpenSSL finds a mismatch while it loads the key.
        unsigned long error = ERR_peek_last_error();
        return ERR_GET_LIB(error) == ERR_LIB_X509 ? CSUP_TLS_IDENTITY_MISMATCH
                                                  : CSUP_TLS_IDENTITY_BAD_KEY;
    }
    return SSL_CTX_check_private_key(context) == 1 ? CSUP_TLS_IDENTITY_OK
                                                   : CSUP_TLS_IDENTITY_MISMATCH;
}

// ---- Connections --------------------------------------------------------------------------------

struct csup_tls {
    SSL *ssl;
    csup_tls_feed *feed;
    // Ciphertext that outlived the loop's buffer; NULL but for a connection that waits to send.
    uint8_t *stash;
    uint32_t stash_offset;
    uint32_t stash_count;
    int fd;
    int send_errno;
    // First error of the failing call; packed as OpenSSL packs it.
    unsigned long error;
    int8_t failure;
    int8_t established;
    // The last call waits for the socket, so OpenSSL has work to do even without new input.
    int8_t waits_to_send;
    // OpenSSL holds a write buffer for nothing; see `keep_session`.
    int8_t holds_spare_buffer;
};

static size_t fed(const csup_tls *tls) {
    return tls->feed->owner == tls ? tls->feed->count : 0;
}

static void drop_feed(csup_tls *tls) {
    if (tls->feed->owner == tls) {
        tls->feed->count = 0;
        tls->feed->owner = NULL;
    }
}

static size_t take_stash(csup_tls *tls, char *out, size_t capacity) {
    size_t length = tls->stash_count < capacity ? tls->stash_count : capacity;
    memcpy(out, tls->stash + tls->stash_offset, length);
    tls->stash_offset += (uint32_t)length;
    tls->stash_count -= (uint32_t)length;
    if (tls->stash_count == 0) {
        free(tls->stash);
        tls->stash = NULL;
        tls->stash_offset = 0;
    }
    return length;
}

static int feed_read(BIO *bio, char *out, size_t capacity, size_t *taken) {
    csup_tls *tls = BIO_get_data(bio);
    csup_tls_feed *feed = tls->feed;
    BIO_clear_retry_flags(bio);
    if (tls->stash_count > 0) {
        *taken = take_stash(tls, out, capacity);
        return 1;
    }
    size_t available = fed(tls);
    size_t length = available < capacity ? available : capacity;
    if (length == 0) {
        BIO_set_retry_read(bio);
        *taken = 0;
        return 0;
    }
    memcpy(out, feed->bytes, length);
    feed->bytes += length;
    feed->count -= length;
    *taken = length;
    return 1;
}

static int feed_write(BIO *bio, const char *bytes, size_t count, size_t *accepted) {
    csup_tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *accepted = 0;
    ssize_t sent;
    do {
        sent = send(tls->fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        tls->feed->sent += (uint64_t)sent;
        *accepted = (size_t)sent;
        return 1;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        BIO_set_retry_write(bio);
    } else {
        tls->send_errno = errno;
    }
    return 0;
}

static long feed_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    // Nothing is ever held back, so a flush has nothing to do; all else is "not supported".
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *make_feed_method(void) {
    int type = BIO_get_new_index();
    BIO_METHOD *method = type == -1 ? NULL : BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "feed");
    if (method == NULL) {
        return NULL;
    }
    BIO_meth_set_read_ex(method, feed_read);
    BIO_meth_set_write_ex(method, feed_write);
    BIO_meth_set_ctrl(method, feed_control);
    return method;
}

// Called by OpenSSL for each session (TLS 1.2) or ticket (TLS 1.3) that a client receives; the
// reference that comes along is ours when the result is 1.
static int keep_session(SSL *ssl, SSL_SESSION *session) {
    csup_tls *tls = BIO_get_data(SSL_get_rbio(ssl));
    // A ticket after the handshake makes OpenSSL allocate a write buffer that it has no use for
    // and would keep until the next write: on an idle stream, for ever.
    tls->holds_spare_buffer = (int8_t)can_release;
    if (!SSL_SESSION_is_resumable(session)) {
        return 0;
    }
    SSL_SESSION_free(tls->feed->session);
    tls->feed->session = session;
    return 1;
}

void csup_tls_feed_forget(csup_tls_feed *feed) {
    SSL_SESSION_free(feed->session);
    feed->session = NULL;
}

static csup_tls *new_connection(csup_tls_context *context, csup_tls_feed *feed, int fd) {
    drop_old_errors();
    csup_tls *tls = calloc(1, sizeof(csup_tls));
    SSL *ssl = SSL_new(context);
    BIO *bio = BIO_new(feed_method);
    if (tls == NULL || ssl == NULL || bio == NULL) {
        BIO_free(bio);
        SSL_free(ssl);
        free(tls);
        return NULL;
    }
    tls->ssl = ssl;
    tls->feed = feed;
    tls->fd = fd;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return tls;
}

csup_tls *csup_tls_new_client(
    csup_tls_context *context, csup_tls_feed *feed, int fd, const char *server_name, int resume) {
    csup_tls *tls = new_connection(context, feed, fd);
    if (tls == NULL) {
        return NULL;
    }
    SSL_set_connect_state(tls->ssl);
    if (server_name != NULL && SSL_set_tlsext_host_name(tls->ssl, server_name) != 1) {
        csup_tls_free(tls);
        return NULL;
    }
    // A session that has expired or can't be offered costs a full handshake, nothing else.
    if (resume && feed->session != NULL && SSL_SESSION_is_resumable(feed->session)) {
        SSL_set_session(tls->ssl, feed->session);
    }
    return tls;
}

csup_tls *csup_tls_new_server(csup_tls_context *context, csup_tls_feed *feed, int fd) {
    csup_tls *tls = new_connection(context, feed, fd);
    if (tls != NULL) {
        SSL_set_accept_state(tls->ssl);
    }
    return tls;
}

void csup_tls_offer(csup_tls *tls, const void *bytes, size_t count) {
    tls->feed->bytes = bytes;
    tls->feed->count = count;
    tls->feed->owner = tls;
}

void csup_tls_free(csup_tls *tls) {
    if (tls == NULL) {
        return;
    }
    drop_feed(tls);
    // SSL_free marks the session of a connection that was not shut down as not resumable; yet a
    // stream that is cut short says nothing about its session.
    if (tls->failure == CSUP_TLS_FAILURE_NONE) {
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_free(tls->ssl);
    free(tls->stash);
    free(tls);
}

// Keeps what the feed still holds for a connection that can't go on before its socket takes output.
static int stash_feed(csup_tls *tls) {
    csup_tls_feed *feed = tls->feed;
    if (fed(tls) == 0) {
        return 1;
    }
    // Both are bounded by the limit or by an existing buffer, so the sum can't wrap.
    size_t total = tls->stash_count + feed->count;
    uint8_t *grown = total > CSUP_TLS_STASH_LIMIT ? NULL : malloc(total);
    if (grown == NULL) {
        return 0;
    }
    if (tls->stash_count > 0) {
        memcpy(grown, tls->stash + tls->stash_offset, tls->stash_count);
    }
    memcpy(grown + tls->stash_count, feed->bytes, feed->count);
    free(tls->stash);
    tls->stash = grown;
    tls->stash_offset = 0;
    tls->stash_count = (uint32_t)total;
    drop_feed(tls);
    return 1;
}

static int fail_as(csup_tls *tls, int failure) {
    tls->failure = (int8_t)failure;
    drop_feed(tls);
    ERR_clear_error();
    return CSUP_TLS_FAILED;
}

static int fail(csup_tls *tls) {
    // The first error is the cause, unless it comes from below the protocol (a parser, a cipher)
    // and the protocol has put its own judgement on top.
    unsigned long error = ERR_peek_error();
    if (ERR_GET_LIB(error) != ERR_LIB_SSL && ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_SSL) {
        error = ERR_peek_last_error();
    }
    tls->error = error;
    int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
    // With an error in the queue, `send` failed only for the alert that was to tell the peer.
    if (error == 0 && tls->send_errno != 0) {
        return fail_as(
            tls, tls->established ? CSUP_TLS_FAILURE_TRANSPORT : CSUP_TLS_FAILURE_HANDSHAKE);
    }
    if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) {
        return fail_as(tls, CSUP_TLS_FAILURE_MEMORY);
    }
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        return fail_as(tls, CSUP_TLS_FAILURE_VERIFY);
    }
    if (reason >= SSL_AD_REASON_OFFSET || tls->established) {
        return fail_as(tls, CSUP_TLS_FAILURE_ALERT);
    }
    return fail_as(tls, CSUP_TLS_FAILURE_HANDSHAKE);
}

// Does nothing while a record is half read or half sent; then the next pause will do.
static void release_spare_buffer(csup_tls *tls) {
    if (tls->holds_spare_buffer && SSL_free_buffers(tls->ssl) == 1) {
        tls->holds_spare_buffer = 0;
    }
}

static int outcome(csup_tls *tls, int result) {
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        release_spare_buffer(tls);
        return CSUP_TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        tls->waits_to_send = 1;
        return stash_feed(tls) ? CSUP_TLS_WANT_WRITE : fail_as(tls, CSUP_TLS_FAILURE_MEMORY);
    case SSL_ERROR_ZERO_RETURN:
        drop_feed(tls);
        return CSUP_TLS_CLOSED;
    default:
        return fail(tls);
    }
}

int csup_tls_handshake(csup_tls *tls) {
    if (tls->failure != CSUP_TLS_FAILURE_NONE) {
        drop_feed(tls);
        return CSUP_TLS_FAILED;
    }
    drop_old_errors();
    tls->waits_to_send = 0;
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1) {
        tls->established = 1;
        return 0;
    }
    int found = outcome(tls, result);
    return found == CSUP_TLS_CLOSED ? fail_as(tls, CSUP_TLS_FAILURE_ALERT) : found;
}

int64_t csup_tls_read(csup_tls *tls, void *buffer, size_t capacity) {
    if (tls->failure != CSUP_TLS_FAILURE_NONE) {
        drop_feed(tls);
        return CSUP_TLS_FAILED;
    }
    // Asking OpenSSL without input would make it fetch a record buffer only to give it back.
    if (fed(tls) == 0 && tls->stash_count == 0 && !tls->waits_to_send
        && !SSL_has_pending(tls->ssl)) {
        release_spare_buffer(tls);
        int closed = SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN;
        return closed ? CSUP_TLS_CLOSED : CSUP_TLS_WANT_READ;
    }
    drop_old_errors();
    tls->waits_to_send = 0;
    size_t length = 0;
    int result = SSL_read_ex(tls->ssl, buffer, capacity, &length);
    return result == 1 ? (int64_t)length : outcome(tls, result);
}

int64_t csup_tls_write(csup_tls *tls, const void *bytes, size_t count) {
    if (tls->failure != CSUP_TLS_FAILURE_NONE) {
        drop_feed(tls);
        return CSUP_TLS_FAILED;
    }
    // OpenSSL leaves a write of nothing undefined.
    if (count == 0) {
        return 0;
    }
    drop_old_errors();
    tls->waits_to_send = 0;
    size_t length = 0;
    int result = SSL_write_ex(tls->ssl, bytes, count, &length);
    return result == 1 ? (int64_t)length : outcome(tls, result);
}

void csup_tls_shutdown(csup_tls *tls) {
    if (tls->failure != CSUP_TLS_FAILURE_NONE || !tls->established) {
        return;
    }
    SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

// ---- Facts and failures -------------------------------------------------------------------------

int csup_tls_failure(const csup_tls *tls) {
    return tls->failure;
}

int csup_tls_failure_errno(const csup_tls *tls) {
    return tls->send_errno;
}

void csup_tls_failure_text(const csup_tls *tls, char *text, size_t capacity) {
    char buffer[128];
    const char *source = "closed by the peer during the handshake";
    if (tls->failure == CSUP_TLS_FAILURE_NONE) {
        source = "no failure";
    } else if (tls->failure == CSUP_TLS_FAILURE_VERIFY) {
        source = X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl));
    } else if (tls->failure == CSUP_TLS_FAILURE_MEMORY) {
        source = "out of memory, or too much input while the peer takes no output";
    } else if (tls->error != 0) {
        describe_error(tls->error, text, capacity);
        return;
    } else if (tls->send_errno != 0) {
        source = strerror_r(tls->send_errno, buffer, sizeof(buffer));
    }
    copy_text(text, capacity, source);
}

const char *csup_tls_version(const csup_tls *tls) {
    return SSL_get_version(tls->ssl);
}

const char *csup_tls_cipher(const csup_tls *tls) {
    return SSL_get_cipher_name(tls->ssl);
}

int csup_tls_resumed(const csup_tls *tls) {
    return SSL_session_reused(tls->ssl);
}
