// OpenSSL's allocator: malloc, with record buffers kept on a short list of the calling thread. Must
// not know what a connection is.

#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "csup_tls.h"

// With SSL_MODE_RELEASE_BUFFERS OpenSSL allocates a record buffer for every record it reads or
// writes and frees it right after. Its sizes follow from the largest record (16,384 bytes of
// plaintext plus header, alignment and MAC; 16,712 for reading and 16,584 for writing in 3.0); all
// of them are served as one size class from a list of the calling thread.

enum {
    POOL_SMALLEST = 16385,
    POOL_BLOCK = 17408,
    // glibc leaves a remainder too small to be a chunk with the block it cut it from.
    POOL_SLACK = 64,
    POOL_KEPT = 64,
};

struct pool {
    void *head;
    unsigned kept;
    int state;
    uint64_t reused;
    uint64_t allocated;
};

enum { POOL_UNUSED, POOL_OPEN, POOL_CLOSED };

static _Thread_local struct pool pool;
static pthread_key_t pool_key;

// Runs at thread exit; what OpenSSL frees later on this thread goes to the allocator.
static void pool_close(void *unused) {
    (void)unused;
    pool.state = POOL_CLOSED;
    while (pool.head != NULL) {
        void *next = *(void **)pool.head;
        free(pool.head);
        pool.head = next;
    }
    pool.kept = 0;
}

static void *pool_malloc(size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    if (size < POOL_SMALLEST || size > POOL_BLOCK) {
        return size == 0 ? NULL : malloc(size);
    }
    if (pool.head != NULL) {
        void *block = pool.head;
        pool.head = *(void **)block;
        pool.kept -= 1;
        pool.reused += 1;
        return block;
    }
    pool.allocated += 1;
    return malloc(POOL_BLOCK);
}

static void pool_free(void *block, const char *file, int line) {
    (void)file;
    (void)line;
    if (block == NULL) {
        return;
    }
    // A block of this size is large enough for the class, whoever asked for it first.
    size_t size = malloc_usable_size(block);
    if (size < POOL_BLOCK || size > POOL_BLOCK + POOL_SLACK || pool.kept == POOL_KEPT
        || pool.state == POOL_CLOSED) {
        free(block);
        return;
    }
    if (pool.state == POOL_UNUSED) {
        pool.state = POOL_OPEN;
        // The value only has to differ from NULL for the destructor to run.
        pthread_setspecific(pool_key, &pool);
    }
    *(void **)block = pool.head;
    pool.head = block;
    pool.kept += 1;
}

static void *pool_realloc(void *block, size_t size, const char *file, int line) {
    if (block == NULL) {
        return pool_malloc(size, file, line);
    }
    if (size == 0) {
        pool_free(block, file, line);
        return NULL;
    }
    return realloc(block, size);
}

void csup_tls_pool_counts(uint64_t *reused, uint64_t *allocated) {
    *reused = pool.reused;
    *allocated = pool.allocated;
}

int csup_tls_pool_install(void) {
    if (pthread_key_create(&pool_key, pool_close) != 0) {
        return 0;
    }
    return CRYPTO_set_mem_functions(pool_malloc, pool_realloc, pool_free);
}
