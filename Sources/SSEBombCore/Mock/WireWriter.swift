// Bytes for the wire, put together in memory that a loop owns: no allocation, no String. Knows
// chunks and digits, but no message.

/// Appends to a fixed block. Overrunning it is a bug of the caller, who bounds what it writes, and
/// stops the program rather than write past the end.
struct WireWriter {
    let base: UnsafeMutableRawPointer
    let capacity: Int
    private(set) var count = 0

    init(_ base: UnsafeMutableRawPointer, capacity: Int) {
        self.base = base
        self.capacity = capacity
    }

    /// What was written so far; valid until the block is written again.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= capacity - count, "the mock's output block is too small")
        guard let source = bytes.baseAddress else { return }
        (base + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Cold: for text that comes from the plan.
    mutating func append(text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    mutating func append(byte: UInt8) {
        precondition(count < capacity, "the mock's output block is too small")
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    mutating func append(repeating byte: UInt8, count length: Int) {
        precondition(length <= capacity - count, "the mock's output block is too small")
        (base + count).initializeMemory(as: UInt8.self, repeating: byte, count: length)
        count += length
    }

    /// Eight bytes as they lie in memory.
    mutating func append(word: UInt64) {
        withUnsafeBytes(of: word) { append($0) }
    }

    mutating func append(decimal value: UInt64) {
        if value >= 10 { append(decimal: value / 10) }
        append(byte: UInt8(ascii: "0") + UInt8(value % 10))
    }

    /// Right-aligned with blanks, so that a JSON number of unknown size has a known length.
    mutating func append(decimal value: UInt64, width: Int) {
        var digits = 1
        var rest = value / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        if digits < width { append(repeating: 32, count: width - digits) }
        append(decimal: value)
    }

    /// A JSON number with a fixed length: `value` in units of ten to the power of minus `places`,
    /// the part before the point clamped to eight digits.
    mutating func append(fixed value: UInt64, places: Int) {
        var scale: UInt64 = 1
        for _ in 0..<places { scale *= 10 }
        append(decimal: min(value / scale, 99_999_999), width: 8)
        append(".")
        var rest = value % scale
        for _ in 0..<places {
            scale /= 10
            append(byte: UInt8(ascii: "0") + UInt8(rest / scale))
            rest %= scale
        }
    }

    /// The words of tokens `first` to `last`, a blank before each; of very many, the first ones.
    mutating func append(words first: UInt32, through last: UInt32) {
        guard first <= last else { return }
        for number in first...min(last, first + MockWords.mostRepeated - 1) {
            append(" ")
            append(UnsafeRawBufferPointer(start: MockWords.word(number), count: 4))
        }
    }

    mutating func append(hex value: UInt64) {
        if value >= 16 { append(hex: value / 16) }
        append(byte: WireDigits.hex(UInt8(value % 16)))
    }

    /// Puts the chunk header before, and its CRLF behind, all that was written since `start` (RFC
    /// 9112 section 7.1). Nothing written: no chunk, as an empty one would end the body.
    mutating func frameChunk(since start: Int) {
        let length = count - start
        guard length > 0 else { return }
        var header = WireDigits.ChunkHeader(length: length)
        precondition(header.count + 2 <= capacity - count, "the mock's output block is too small")
        (base + start + header.count).copyMemory(from: base + start, byteCount: length)
        withUnsafeBytes(of: &header.text) {
            (base + start)
                .copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: header.count)
        }
        count += header.count
        append("\r\n")
    }
}

/// Digits of fixed width, made without division chains or tables where it is per event.
enum WireDigits {
    /// The digit of a value below 16.
    static func hex(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + (value - 10)
    }

    /// All sixteen hexadecimal digits, as two words in memory order.
    static func hexadecimal(_ value: UInt64) -> (high: UInt64, low: UInt64) {
        var words: (high: UInt64, low: UInt64) = (0, 0)
        for place in 0..<8 {
            let shift = UInt64(8 * place)
            let high = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * place)) & 15
            let low = UInt8(truncatingIfNeeded: value >> UInt64(28 - 4 * place)) & 15
            words.high |= UInt64(hex(high)) << shift
            words.low |= UInt64(hex(low)) << shift
        }
        return (words.high.littleEndian, words.low.littleEndian)
    }

    /// Eight decimal digits in memory order, with leading zeros; `value` is below 10^8.
    ///
    /// Splits halves, then pairs, then digits, all lanes at once.
    @inline(__always)  // A dozen instructions, up to three times an event.
    static func decimal(_ value: UInt32) -> UInt64 {
        assert(value < 100_000_000)
        // Every lane stays below its own power of ten, so no product or difference leaves its
        // lane: the arithmetic can't overflow.
        let top = UInt64(value / 10_000)
        let bottom = UInt64(value % 10_000)
        let halves = top | (bottom << 32)
        let hundreds = ((halves &* 10_486) >> 20) & 0x0000_007F_0000_007F
        let pairs = hundreds | ((halves &- hundreds &* 100) << 16)
        let tens = ((pairs &* 103) >> 10) & 0x000F_000F_000F_000F
        let digits = tens | ((pairs &- tens &* 10) << 8)
        return (digits | 0x3030_3030_3030_3030).littleEndian
    }

    /// Eight places in memory order, leading zeros as blanks: a JSON number right-aligned in a
    /// field of fixed width.
    @inline(__always)  // As `decimal`.
    static func rightAligned(_ value: UInt32) -> UInt64 {
        let digits = UInt64(littleEndian: decimal(value))
        // The first digit that isn't 0 lies in the lowest byte that differs from "0"; the last
        // digit stays even when it is 0.
        let differing = (digits ^ 0x3030_3030_3030_3030) | (1 << 56)
        let blankBits = UInt64(differing.trailingZeroBitCount) & ~7
        // "0" is 0x30, a blank 0x20: clearing bit 4 of every leading byte turns one into the other.
        let leading = (UInt64(1) &<< blankBits) &- 1
        return (digits & ~(0x1010_1010_1010_1010 & leading)).littleEndian
    }

    /// A chunk-size line: the size in hexadecimal, then CRLF.
    struct ChunkHeader {
        /// The line's bytes in memory order; `count` of them are meant.
        var text: (UInt64, UInt64)
        let count: Int

        init(length: Int) {
            let bits = UInt64.bitWidth - UInt64(length).leadingZeroBitCount
            let digits = max(1, (bits + 3) / 4)
            // Twelve digits and CRLF fit the two words with room to spare; no block is 2^48 long.
            precondition(digits <= 12)
            var words: (UInt64, UInt64) = (0, 0)
            withUnsafeMutableBytes(of: &words) { line in
                for place in 0..<digits {
                    let shift = UInt64(4 * (digits - 1 - place))
                    line[place] = WireDigits.hex(UInt8(UInt64(length) >> shift & 15))
                }
                line[digits] = 13
                line[digits + 1] = 10
            }
            text = words
            count = digits + 2
        }
    }
}
