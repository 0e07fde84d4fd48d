// zlib's format (RFC 1950) for whole buffers: what compressed members of a result are in. Output is
// bounded before memory is taken. Must not know what the bytes mean.

import CSupport

/// Why compressed bytes were refused.
public enum ZLibError: Error, Equatable {
    /// More comes out than was allowed.
    case tooLarge
    /// The input ends before its stream does.
    case truncated
    /// Bytes follow the stream.
    case trailing
    /// Not such a stream, or damaged.
    case damaged
    /// No memory for the decompression.
    case outOfMemory
}

/// CRC-32 (RFC 1952, 8) of the bytes.
public func crc32(_ bytes: [UInt8]) -> UInt32 { csup_crc32(bytes, bytes.count) }

/// Compression in zlib's format.
public enum ZLibFormat {
    /// Compresses at zlib's usual level.
    public static func compress(_ plain: [UInt8]) -> [UInt8] {
        let bound = csup_deflate_bound(plain.count)
        return [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            let outcome = csup_deflate(plain, plain.count, output.baseAddress, bound, &count)
            // The output holds the bound: only want of memory is left.
            guard outcome == CSUP_ZLIB_OK else { fatalError("no memory to compress") }
        }
    }

    /// Expands one stream that fills `packed`, to at most `limit` bytes.
    public static func expand(
        _ packed: ArraySlice<UInt8>,
        limit: Int
    ) throws(ZLibError) -> [UInt8] {
        var outcome = Int32(0)
        let plain = [UInt8](unsafeUninitializedCapacity: limit) { output, count in
            packed.withUnsafeBufferPointer { input in
                outcome = csup_inflate(
                    input.baseAddress,
                    input.count,
                    output.baseAddress,
                    limit,
                    &count
                )
            }
        }
        switch outcome {
        case Int32(CSUP_ZLIB_OK): return plain
        case Int32(CSUP_ZLIB_TOO_LARGE): throw .tooLarge
        case Int32(CSUP_ZLIB_TRUNCATED): throw .truncated
        case Int32(CSUP_ZLIB_TRAILING): throw .trailing
        case Int32(CSUP_ZLIB_MEMORY): throw .outOfMemory
        default: throw .damaged
        }
    }
}
