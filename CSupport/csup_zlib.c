// See csup_zlib.h. Must not know: histograms, HTTP, or who calls it.
#include "csup_zlib.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

uint32_t csup_crc32(const uint8_t *bytes, size_t length) {
    return (uint32_t)crc32_z(0, bytes, length);
}

size_t csup_deflate_bound(size_t length) { return compressBound(length); }

// z_stream counts in unsigned int; longer buffers would be cut silently.
static int csup_zlib_prepare(z_stream *stream, const uint8_t *input, size_t length,
                             uint8_t *output, size_t capacity) {
    if (length > UINT_MAX) return CSUP_ZLIB_TOO_LARGE;
    memset(stream, 0, sizeof *stream);
    // zlib reads through next_in but its type lacks const unless ZLIB_CONST is defined.
    stream->next_in = (Bytef *)input;
    stream->avail_in = (uInt)length;
    stream->next_out = output;
    stream->avail_out = capacity > UINT_MAX ? UINT_MAX : (uInt)capacity;
    return CSUP_ZLIB_OK;
}

int csup_deflate(const uint8_t *input, size_t length, uint8_t *output, size_t capacity,
                 size_t *written) {
    z_stream stream;
    *written = 0;
    int outcome = csup_zlib_prepare(&stream, input, length, output, capacity);
    if (outcome != CSUP_ZLIB_OK) return outcome;
    if (deflateInit(&stream, Z_DEFAULT_COMPRESSION) != Z_OK) return CSUP_ZLIB_MEMORY;
    int result = deflate(&stream, Z_FINISH);
    if (result == Z_STREAM_END) *written = stream.total_out;
    deflateEnd(&stream);
    return result == Z_STREAM_END ? CSUP_ZLIB_OK : CSUP_ZLIB_TOO_LARGE;
}

int csup_inflate(const uint8_t *input, size_t length, uint8_t *output, size_t capacity,
                 size_t *written) {
    z_stream stream;
    *written = 0;
    int outcome = csup_zlib_prepare(&stream, input, length, output, capacity);
    if (outcome != CSUP_ZLIB_OK) return outcome;
    if (inflateInit(&stream) != Z_OK) return CSUP_ZLIB_MEMORY;
    switch (inflate(&stream, Z_FINISH)) {
    case Z_STREAM_END:
        if (stream.avail_in != 0) {
            outcome = CSUP_ZLIB_TRAILING;
        } else {
            *written = stream.total_out;
        }
        break;
    case Z_OK:
    case Z_BUF_ERROR:
        // Z_FINISH stops short for one of two reasons: no room left, or no input left.
        outcome = stream.avail_out == 0 ? CSUP_ZLIB_TOO_LARGE : CSUP_ZLIB_TRUNCATED;
        break;
    case Z_MEM_ERROR:
        outcome = CSUP_ZLIB_MEMORY;
        break;
    default:
        outcome = CSUP_ZLIB_CORRUPT;
        break;
    }
    inflateEnd(&stream);
    return outcome;
}
