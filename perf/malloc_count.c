// Counts calls of the allocator in the process it is preloaded into (LD_PRELOAD) and writes the
// sums to the file named by MALLOC_COUNT when the process ends. Changes nothing else.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_ullong allocations, frees, bytes;

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_aligned_alloc)(size_t, size_t);
static int (*next_posix_memalign)(void **, size_t, size_t);
static void (*next_free)(void *);

// dlsym itself may allocate, before the real functions are known; it gets memory from here.
static _Alignas(16) char early[16384];
static size_t early_used;

static int is_early(const void *block) {
    return (const char *)block >= early && (const char *)block < early + sizeof early;
}

static void *early_take(size_t size) {
    size_t rounded = (size + 15) & ~(size_t)15;
    if (rounded > sizeof early - early_used) abort();
    void *block = early + early_used;
    early_used += rounded;
    return block;
}

// Called by the first allocation: other libraries' constructors allocate before ours would run.
static void find(void) {
    static int is_finding;
    if (next_malloc || is_finding) return;
    is_finding = 1;
    next_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
    next_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    next_aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
    next_posix_memalign = (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
    next_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
    next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
}

static void count(size_t size) {
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&bytes, size, memory_order_relaxed);
}

void *malloc(size_t size) {
    find();
    if (!next_malloc) return early_take(size);
    count(size);
    return next_malloc(size);
}

void *calloc(size_t number, size_t size) {
    find();
    // The early block is zero and handed out once.
    if (!next_malloc) return number && size > SIZE_MAX / number ? NULL : early_take(number * size);
    count(number * size);
    return next_calloc(number, size);
}

void *realloc(void *block, size_t size) {
    find();
    count(size);
    if (!is_early(block)) return next_realloc(block, size);
    void *copy = next_malloc(size);
    size_t there = (size_t)(early + sizeof early - (char *)block);
    if (copy) memcpy(copy, block, size < there ? size : there);
    return copy;
}

void *aligned_alloc(size_t alignment, size_t size) {
    find();
    count(size);
    return next_aligned_alloc(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    find();
    count(size);
    return next_posix_memalign(result, alignment, size);
}

void free(void *block) {
    if (!block || is_early(block)) return;
    find();
    atomic_fetch_add_explicit(&frees, 1, memory_order_relaxed);
    next_free(block);
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("MALLOC_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "{\"allocations\":%llu,\"frees\":%llu,\"bytes\":%llu}\n",
            atomic_load(&allocations), atomic_load(&frees), atomic_load(&bytes));
    fclose(file);
}
