// Counts calls of the allocator in the process it is preloaded into (LD_PRELOAD), those of its
// first thread apart from all others', and writes the sums to the file named by MALLOC_COUNT when
// the process ends. Changes nothing else.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Of the first thread, and of all others.
static atomic_ullong allocations[2], frees[2];

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

static int is_other_thread(void) {
    static _Thread_local signed char answer = -1;
    if (answer < 0) answer = gettid() != getpid();
    return answer;
}

static void count(void) {
    atomic_fetch_add_explicit(&allocations[is_other_thread()], 1, memory_order_relaxed);
}

void *malloc(size_t size) {
    find();
    if (!next_malloc) return early_take(size);
    count();
    return next_malloc(size);
}

void *calloc(size_t number, size_t size) {
    find();
    // The early block is zero and handed out once.
    if (!next_malloc) return number && size > SIZE_MAX / number ? NULL : early_take(number * size);
    count();
    return next_calloc(number, size);
}

void *realloc(void *block, size_t size) {
    find();
    count();
    if (!is_early(block)) return next_realloc(block, size);
    void *copy = next_malloc(size);
    size_t there = (size_t)(early + sizeof early - (char *)block);
    if (copy) memcpy(copy, block, size < there ? size : there);
    return copy;
}

void *aligned_alloc(size_t alignment, size_t size) {
    find();
    count();
    return next_aligned_alloc(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    find();
    count();
    return next_posix_memalign(result, alignment, size);
}

void free(void *block) {
    if (!block || is_early(block)) return;
    find();
    atomic_fetch_add_explicit(&frees[is_other_thread()], 1, memory_order_relaxed);
    next_free(block);
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("MALLOC_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    static const char *names[] = {"first", "others"};
    for (int thread = 0; thread < 2; thread++) {
        fprintf(file, "%s\"%s\":{\"allocations\":%llu,\"frees\":%llu}", thread ? "," : "{",
                names[thread], atomic_load(&allocations[thread]), atomic_load(&frees[thread]));
    }
    fprintf(file, "}\n");
    fclose(file);
}
