// TLS through OpenSSL 3 for loops that do their own reading: contexts, connections, failure texts.
//
// The loop receives ciphertext into its own buffer and lends it to OpenSSL through a feed; a custom
// BIO serves OpenSSL's small reads from there without a system call. Output goes straight to the
// socket. Nothing here knows about epoll, HTTP, failure counting or which defaults users want.

#ifndef CSUP_TLS_H
#define CSUP_TLS_H

#include <stddef.h>
#include <stdint.h>

struct ssl_ctx_st;
struct ssl_session_st;

/// Settings and secrets that all connections of a kind share (an SSL_CTX). Thread-safe once set up.
typedef struct ssl_ctx_st csup_tls_context;

/// One connection. Belongs to one thread at a time.
typedef struct csup_tls csup_tls;

/// What a loop lends to its connections; one per loop thread, at an address that doesn't change.
typedef struct csup_tls_feed {
    /// Ciphertext received but not yet consumed, and the connection that it came in on. Set by
    /// `csup_tls_offer`; to every other connection of the loop the feed looks empty.
    const uint8_t *bytes;
    size_t count;
    const csup_tls *owner;
    /// Ciphertext bytes that the kernel accepted from all connections of this feed.
    uint64_t sent;
    /// The newest resumable session that a server gave to a client connection of this feed.
    struct ssl_session_st *session;
} csup_tls_feed;

/// Outcomes below zero; zero and above are byte counts (or plain success of a handshake).
enum {
    /// The feed is used up; call again with more ciphertext.
    CSUP_TLS_WANT_READ = -1,
    /// The socket's send buffer is full; call again when it is writable.
    CSUP_TLS_WANT_WRITE = -2,
    /// The peer ended its direction with close_notify (RFC 8446 section 6.1).
    CSUP_TLS_CLOSED = -3,
    /// The connection is dead; `csup_tls_failure` says why.
    CSUP_TLS_FAILED = -4,
};

/// Why a connection is dead.
enum {
    CSUP_TLS_FAILURE_NONE = 0,
    /// The handshake could not be finished: no common ground, not TLS, closed or reset halfway.
    CSUP_TLS_FAILURE_HANDSHAKE = 1,
    /// The peer's certificate was not accepted.
    CSUP_TLS_FAILURE_VERIFY = 2,
    /// A fatal alert: received at any time, or caused by a protocol error after the handshake.
    CSUP_TLS_FAILURE_ALERT = 3,
    /// `send` failed; `csup_tls_failure_errno` has the cause.
    CSUP_TLS_FAILURE_TRANSPORT = 4,
    /// Memory ran out on this side, or the input set aside exceeds its limit.
    CSUP_TLS_FAILURE_MEMORY = 5,
};

/// Steps of `csup_tls_context_identity`, to name the file that is at fault.
enum {
    CSUP_TLS_IDENTITY_OK = 0,
    CSUP_TLS_IDENTITY_BAD_CERTIFICATE = 1,
    CSUP_TLS_IDENTITY_BAD_KEY = 2,
    CSUP_TLS_IDENTITY_MISMATCH = 3,
};

/// Prepares OpenSSL: its allocator (see `csup_tls_pool_counts`), then the library, without the
/// machine's openssl.cnf, so that a run means the same everywhere. Any thread, any number of times.
/// Returns 1, or 0 when OpenSSL can't be initialised.
int csup_tls_start(void);

/// Writes the oldest error of this thread's OpenSSL queue as text and empties the queue.
void csup_tls_take_error(char *text, size_t capacity);

/// A context with released buffers, partial writes, no renegotiation, no kernel TLS, and ALPN
/// http/1.1. A client context asks for resumable sessions and does not verify until it is told to;
/// a server context gives out stateless tickets. NULL on failure, with errors in the queue.
csup_tls_context *csup_tls_context_new(int is_server);
void csup_tls_context_free(csup_tls_context *context);

/// Bounds of the protocol version as on the wire (0x0301 to 0x0304); 0 leaves a side open.
/// Versions below TLS 1.2 also need security level 0, because they sign with SHA-1. Returns 1 or 0.
int csup_tls_context_set_versions(csup_tls_context *context, int lowest, int highest);

/// Ciphers up to TLS 1.2, and suites of TLS 1.3, colon-separated. Return 0 where nothing matches.
int csup_tls_context_set_ciphers(csup_tls_context *context, const char *list);
int csup_tls_context_set_suites(csup_tls_context *context, const char *list);

/// The OpenSSL name of an IANA cipher name ("TLS_..._WITH_..."); NULL when unknown.
const char *csup_tls_cipher_name(const char *iana_name);

/// Adds trusted roots from a PEM file, a hashed directory, or both (either may be NULL). 1 or 0.
int csup_tls_context_trust(csup_tls_context *context, const char *file, const char *directory);

/// Makes a client context verify the chain and that the certificate is for `host`: an IP literal
/// (without brackets) or a DNS name. Returns 1 for a name, 2 for an address, 0 on failure.
int csup_tls_context_verify_host(csup_tls_context *context, const char *host);

/// Makes a server context demand a client certificate issued under `ca_file`. Returns 1 or 0.
int csup_tls_context_demand_client(csup_tls_context *context, const char *ca_file);

/// Loads a PEM certificate chain and its unencrypted key. Never asks for a pass phrase.
/// Returns one of `CSUP_TLS_IDENTITY_`; after a failure the error queue has the reason.
int csup_tls_context_identity(csup_tls_context *context, const char *cert, const char *key);

/// Gives a server context a P-256 key and a certificate for localhost, 127.0.0.1 and ::1, both made
/// now and valid for a week. Returns 1, or 0 with the reason in the error queue.
int csup_tls_context_self_signed(csup_tls_context *context);

/// Whether `host` is an IPv4 or IPv6 literal (SNI carries names only, RFC 6066 section 3).
int csup_tls_is_address(const char *host);

/// A connection on `fd`, which must be a connected stream socket and stays the caller's.
///
/// `feed` must outlive the connection. A client sends `server_name` as SNI unless it is NULL, and
/// offers the feed's session when `resume` is set. NULL when memory runs out.
csup_tls *csup_tls_new_client(
    csup_tls_context *context, csup_tls_feed *feed, int fd, const char *server_name, int resume);
csup_tls *csup_tls_new_server(csup_tls_context *context, csup_tls_feed *feed, int fd);

/// Frees a connection. The socket stays open; a session kept in the feed stays resumable.
void csup_tls_free(csup_tls *tls);

/// Lends the connection what one `recvmsg` brought, in place of anything lent before. The memory
/// must stay as it is until the feed is empty.
void csup_tls_offer(csup_tls *tls, const void *bytes, size_t count);

/// Continues the handshake: 0 when done, else a negative outcome. Once done, bytes may be left in
/// the feed, and they belong to `csup_tls_read`.
int csup_tls_handshake(csup_tls *tls);

/// Decrypts into `buffer`, which must not overlap the feed; `capacity` must not be 0.
///
/// Call again until it returns something below zero: decrypted bytes raise no event on the socket.
/// Then the feed is empty: after WANT_READ because all of it was used, after WANT_WRITE because
/// the rest has been set aside (at most `CSUP_TLS_STASH_LIMIT` bytes) and comes first next time,
/// otherwise because nobody will want it.
int64_t csup_tls_read(csup_tls *tls, void *buffer, size_t capacity);

/// Most ciphertext kept for one connection whose read waits for its own send buffer.
#define CSUP_TLS_STASH_LIMIT ((size_t)1 << 20)

/// Encrypts and sends; returns how many bytes of plaintext were taken. After WANT_WRITE or
/// WANT_READ the next call must offer the same bytes again (at any address, at least as many).
int64_t csup_tls_write(csup_tls *tls, const void *bytes, size_t count);

/// One attempt to send close_notify. Never blocks, never fails; does nothing on a dead connection.
void csup_tls_shutdown(csup_tls *tls);

/// Why the connection is dead (`CSUP_TLS_FAILURE_`), and the errno of a transport failure.
int csup_tls_failure(const csup_tls *tls);
int csup_tls_failure_errno(const csup_tls *tls);

/// The failure in words, as a C string; valid to ask until the connection is freed.
void csup_tls_failure_text(const csup_tls *tls, char *text, size_t capacity);

/// Negotiated facts; static strings. Meaningful once the handshake is done.
const char *csup_tls_version(const csup_tls *tls);
const char *csup_tls_cipher(const csup_tls *tls);
int csup_tls_resumed(const csup_tls *tls);

/// Frees the session that the feed keeps.
void csup_tls_feed_forget(csup_tls_feed *feed);

/// Gives OpenSSL an allocator that keeps up to 64 record buffers a thread. `csup_tls_start` calls
/// it. OpenSSL agrees only before its first allocation; else this returns 0 and changes nothing.
int csup_tls_pool_install(void);

/// This thread's count of OpenSSL record buffers handed out again, and of those newly allocated.
void csup_tls_pool_counts(uint64_t *reused, uint64_t *allocated);

/// The linked library's version text.
const char *csup_tls_library(void);

#endif
