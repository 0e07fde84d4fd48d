// Reads the send time out of an event's data, in place, by a path that was laid out before the
// clock started. Runs per event where it is asked for: allocates nothing, reads no clock, and says
// "none" to whatever it can't read in full.

/// A `SendTimePath` in flat memory. A handle; made and destroyed by the coordinator, read by loops.
struct SendTimeReader: Sendable {
    private let path: JSONPathReader
    private let exponent: Int

    init(_ place: SendTimePath) {
        path = JSONPathReader(place.path)
        exponent = place.unit.exponent
    }

    func destroy() { path.destroy() }

    /// The time at the path's end, in nanoseconds of whatever clock; above 0. Nil where there is
    /// none: the path leads nowhere, no number stands at its end, the number doesn't fit, or the
    /// text is malformed on the way. What follows the value is not read.
    func read(_ data: UnsafeRawBufferPointer) -> Int64? {
        guard var scanner = path.find(in: data) else { return nil }
        return time(&scanner)
    }

    /// The number that is next, bare or in a string.
    private func time(_ scanner: inout JSONScanner) -> Int64? {
        let digits: UnsafeRawBufferPointer
        if scanner.byte == UInt8(ascii: "\"") {
            guard let text = scanner.readString() else { return nil }
            digits = text
        } else {
            let start = scanner.position
            guard scanner.skipScalar() else { return nil }
            digits = UnsafeRawBufferPointer(start: start, count: scanner.position - start)
        }
        if path.count == 0 {
            guard scanner.isAtEnd() else { return nil }
        } else {
            // A number that goes on in a way that no number can is none.
            scanner.skipSpace()
            let next = scanner.byte
            guard next == UInt8(ascii: ",") || next | 0x20 == UInt8(ascii: "}") else { return nil }
        }
        return DecimalTime.nanoseconds(digits, exponent: exponent)
    }
}

/// Positive decimal numbers as nanoseconds.
enum DecimalTime {
    /// Powers of ten beyond this make any number too large or nothing.
    private static let mostExponent = 10_000

    /// The number that `text` is, times ten to `exponent`, without its fraction.
    ///
    /// - Returns: nil for what is no decimal number in JSON's notation (leading zeros are allowed),
    ///   is not above 0, or is beyond `Int64`. Exact where it is not nil: nineteen digits are kept.
    static func nanoseconds(_ text: UnsafeRawBufferPointer, exponent unit: Int) -> Int64? {
        var mantissa: UInt64 = 0
        var exponent = unit
        var at = 0
        var whole = 0
        while at < text.count, text[at] &- 0x30 <= 9 {
            if !push(text[at], &mantissa) { exponent += 1 }
            whole += 1
            at += 1
        }
        guard whole > 0 else { return nil }
        if at < text.count, text[at] == UInt8(ascii: ".") {
            at += 1
            let start = at
            while at < text.count, text[at] &- 0x30 <= 9 {
                if push(text[at], &mantissa) { exponent -= 1 }
                at += 1
            }
            guard at > start else { return nil }
        }
        if at < text.count, text[at] | 0x20 == UInt8(ascii: "e") {
            guard let power = power(text, &at) else { return nil }
            exponent += power
        }
        guard at == text.count, mantissa > 0 else { return nil }
        return scaled(mantissa, exponent)
    }

    /// Appends a digit while nineteen are enough to hold all of them.
    private static func push(_ digit: UInt8, _ mantissa: inout UInt64) -> Bool {
        guard mantissa < 1_000_000_000_000_000_000 else { return false }
        mantissa = mantissa &* 10 &+ UInt64(digit &- 0x30)
        return true
    }

    /// The power of ten behind an "e".
    private static func power(_ text: UnsafeRawBufferPointer, _ at: inout Int) -> Int? {
        at += 1
        var isNegative = false
        if at < text.count, text[at] == UInt8(ascii: "-") || text[at] == UInt8(ascii: "+") {
            isNegative = text[at] == UInt8(ascii: "-")
            at += 1
        }
        let start = at
        var value = 0
        while at < text.count, text[at] &- 0x30 <= 9 {
            value = min(value * 10 + Int(text[at] &- 0x30), mostExponent)
            at += 1
        }
        guard at > start else { return nil }
        return isNegative ? -value : value
    }

    private static func scaled(_ mantissa: UInt64, _ exponent: Int) -> Int64? {
        var result = mantissa
        var left = exponent
        // Either ends within twenty steps: the number is above 0 and has twenty digits at most.
        while left > 0 {
            let (product, overflow) = result.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            result = product
            left -= 1
        }
        while left < 0, result > 0 {
            result /= 10
            left += 1
        }
        guard result > 0 else { return nil }
        return Int64(exactly: result)
    }
}
