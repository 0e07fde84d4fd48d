// Searches for the few bytes that end something: a line, a JSON string, a JSON bracket. Sixteen
// bytes a step, because early-exit byte loops don't vectorise. Knows neither SSE nor JSON beyond
// those byte values, and never reads outside [start, end).

import Glibc

/// Forward scans for one of a few bytes.
///
/// Each returns the address of the first hit, or `end` when there is none. Looking for both
/// delimiters in one pass also bounds the work: it stops at whichever comes first, so input made of
/// one of them alone can't make every search run to the end of the buffer.
enum ByteScan {
    /// The first LF or CR: the end of a line of an event stream.
    @inline(__always)  // The caller's pointers stay in registers.
    static func lineEnd(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer) -> UnsafeRawPointer {
        var at = start
        // Lines are long: a wide first stride, then the block that stopped it.
        while end - at >= 64 {
            let hits =
                lineEndHits(at) | lineEndHits(at + 16) | lineEndHits(at + 32)
                | lineEndHits(at + 48)
            guard hits == 0 else { break }
            at += 64
        }
        while end - at >= 16 {
            let hits = lineEndHits(at)
            if hits != 0 { return at + firstByte(hits) }
            at += 16
        }
        while at < end {
            let byte = at.load(as: UInt8.self)
            if byte == 0x0A || byte == 0x0D { break }
            at += 1
        }
        return at
    }

    /// The first quotation mark or reverse solidus: the end, or an escape, of a JSON string.
    @inline(__always)  // As above.
    static func stringStop(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer) -> UnsafeRawPointer {
        var at = start
        while end - at >= 16 {
            let block = at.loadUnaligned(as: SIMD16<UInt8>.self)
            let hits =
                mask(block .== SIMD16(repeating: 0x22)) | mask(block .== SIMD16(repeating: 0x5C))
            if hits != 0 { return at + firstByte(hits) }
            at += 16
        }
        while at < end {
            let byte = at.load(as: UInt8.self)
            if byte == 0x22 || byte == 0x5C { break }
            at += 1
        }
        return at
    }

    /// The first bracket, brace or quotation mark: what can change the depth of a JSON text.
    static func bracketOrQuote(
        _ start: UnsafeRawPointer,
        _ end: UnsafeRawPointer
    ) -> UnsafeRawPointer {
        var at = start
        while end - at >= 16 {
            let block = at.loadUnaligned(as: SIMD16<UInt8>.self)
            // Brackets and braces differ in the bit 0x20 only.
            let folded = block | SIMD16(repeating: 0x20)
            let hits =
                mask(folded .== SIMD16(repeating: 0x7B)) | mask(folded .== SIMD16(repeating: 0x7D))
                | mask(block .== SIMD16(repeating: 0x22))
            if hits != 0 { return at + firstByte(hits) }
            at += 16
        }
        while at < end {
            let byte = at.load(as: UInt8.self)
            if byte | 0x20 == 0x7B || byte | 0x20 == 0x7D || byte == 0x22 { break }
            at += 1
        }
        return at
    }

    /// Whether the bytes at `start` begin with `text`.
    @inline(__always)  // With a constant length the comparison becomes a load or two.
    static func begins(
        _ start: UnsafeRawPointer,
        _ end: UnsafeRawPointer,
        with text: StaticString
    ) -> Bool {
        end - start >= text.utf8CodeUnitCount
            && memcmp(start, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    /// Whether `bytes` are `text`, no more and no less.
    @inline(__always)  // As above; most differ in length.
    static func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount, let start = bytes.baseAddress else {
            return false
        }
        return memcmp(start, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    /// As `begins` for a text that was given when the program ran.
    static func begins(
        _ start: UnsafeRawPointer,
        _ end: UnsafeRawPointer,
        with text: UnsafeRawBufferPointer
    ) -> Bool {
        guard let other = text.baseAddress else { return true }
        return end - start >= text.count && memcmp(start, other, text.count) == 0
    }

    /// Where the sixteen bytes at `at`, all readable, hold LF or CR.
    @inline(__always)  // Must merge into the caller's loop.
    private static func lineEndHits(_ at: UnsafeRawPointer) -> UInt128 {
        let block = at.loadUnaligned(as: SIMD16<UInt8>.self)
        return mask(block .== SIMD16(repeating: 0x0A)) | mask(block .== SIMD16(repeating: 0x0D))
    }

    /// Eight bits a lane. Of the vector comparisons only `.==` between two vectors compiles to one
    /// instruction wherever it stands; others turn into loops over the lanes in some places, and so
    /// do the operators on masks. So masks are combined as integers.
    @inline(__always)  // A register rename.
    private static func mask(_ lanes: SIMDMask<SIMD16<Int8>>) -> UInt128 {
        UInt128(littleEndian: unsafeBitCast(lanes, to: UInt128.self))
    }

    @inline(__always)  // Two instructions.
    private static func firstByte(_ hits: UInt128) -> Int {
        hits.trailingZeroBitCount &>> 3
    }
}
