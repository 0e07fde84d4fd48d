// zlib for whole buffers: deflate to and inflate from the zlib format (RFC 1950).
// Knows nothing of what the bytes mean and allocates no output: the caller owns both buffers, so
// the capacity given is the bound that hostile input cannot exceed.
#ifndef CSUP_ZLIB_H
#define CSUP_ZLIB_H

#include <stddef.h>
#include <stdint.h>

// Outcomes of csup_deflate and csup_inflate.
enum {
    CSUP_ZLIB_OK = 0,
    // The output does not fit the capacity given.
    CSUP_ZLIB_TOO_LARGE = 1,
    // The input ends before its stream does.
    CSUP_ZLIB_TRUNCATED = 2,
    // Bad header, bad code, wrong checksum, or a preset dictionary.
    CSUP_ZLIB_CORRUPT = 3,
    // Bytes follow the end of the stream.
    CSUP_ZLIB_TRAILING = 4,
    // zlib could not allocate its state.
    CSUP_ZLIB_MEMORY = 5,
};

// The most bytes csup_deflate can write for an input of `length` bytes.
size_t csup_deflate_bound(size_t length);

// Compresses `length` bytes of `input` into `output` at zlib's default level.
// Sets *written to the size of the result, 0 unless the outcome is CSUP_ZLIB_OK.
int csup_deflate(const uint8_t *input, size_t length, uint8_t *output, size_t capacity,
                 size_t *written);

// Expands one complete zlib stream that fills `input` exactly into at most `capacity` bytes.
// Sets *written to the size of the result, 0 unless the outcome is CSUP_ZLIB_OK; `output` may
// hold part of the expansion even then.
int csup_inflate(const uint8_t *input, size_t length, uint8_t *output, size_t capacity,
                 size_t *written);

// CRC-32 (RFC 1952, 8) of `length` bytes.
uint32_t csup_crc32(const uint8_t *bytes, size_t length);

#endif
