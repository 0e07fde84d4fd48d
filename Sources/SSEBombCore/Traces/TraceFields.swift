// The values in a trace's rows: decimal times, date-times, numbers of tokens, fields of CSV. Pure
// functions over bytes; know no format and no column.

/// Readers of one notation each. They answer nil for anything else.
enum TraceFields {
    /// More tokens than any model's context has.
    static let mostTokens: UInt64 = 1 << 24

    /// A decimal number that isn't negative, JSON's exponent included, times 10^`unit`, without its
    /// fraction: nanoseconds of seconds with `unit` 9. nil beyond 63 bits.
    static func decimal(_ text: UnsafeRawBufferPointer, unit: Int) -> Int64? {
        var digits: UInt64 = 0
        var power = unit
        var isBehindPoint = false
        var index = 0
        var seen = 0
        while index < text.count {
            let byte = text[index]
            if byte == UInt8(ascii: "."), !isBehindPoint {
                isBehindPoint = true
            } else if byte &- 0x30 <= 9 {
                seen += 1
                // 18 digits fit; behind the point further ones are below any nanosecond.
                if digits < 100_000_000_000_000_000 {
                    digits = digits * 10 + UInt64(byte &- 0x30)
                    if isBehindPoint { power -= 1 }
                } else if !isBehindPoint {
                    return nil
                }
            } else {
                break
            }
            index += 1
        }
        guard seen > 0 else { return nil }
        if index < text.count {
            guard let exponent = exponent(text, from: index) else { return nil }
            power += exponent
        }
        return scaled(digits, power)
    }

    /// "e-05", "E+3": to the end of the text, and of at most two digits.
    private static func exponent(_ text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var index = start
        guard text[index] | 0x20 == UInt8(ascii: "e") else { return nil }
        index += 1
        guard index < text.count else { return nil }
        let isNegative = text[index] == UInt8(ascii: "-")
        if isNegative || text[index] == UInt8(ascii: "+") { index += 1 }
        let length = text.count - index
        guard length == 1 || length == 2, let value = number(text, index, length) else {
            return nil
        }
        return isNegative ? -value : value
    }

    private static func scaled(_ digits: UInt64, _ power: Int) -> Int64? {
        var value = digits
        for _ in 0..<abs(power) where value > 0 {
            if power < 0 {
                value /= 10
            } else {
                let (product, isOver) = value.multipliedReportingOverflow(by: 10)
                if isOver { return nil }
                value = product
            }
        }
        return Int64(exactly: value)
    }

    /// A whole number of at most 20 digits, also written with a fraction of zeros, as tables that
    /// once had gaps write it.
    static func tokens(_ text: UnsafeRawBufferPointer) -> UInt64? {
        var whole = text
        if let point = text.firstIndex(of: UInt8(ascii: ".")) {
            guard point + 1 < text.count, text[(point + 1)...].allSatisfy({ $0 == 0x30 }) else {
                return nil
            }
            whole = UnsafeRawBufferPointer(rebasing: text[..<point])
        }
        guard !whole.isEmpty, whole.count <= 18 else { return nil }
        return number(whole, 0, whole.count).map { UInt64($0) }
    }

    /// `length` digits from `start` on.
    private static func number(
        _ text: UnsafeRawBufferPointer,
        _ start: Int,
        _ length: Int
    ) -> Int? {
        guard start + length <= text.count else { return nil }
        var value = 0
        for index in start..<start + length {
            let digit = text[index] &- 0x30
            guard digit <= 9 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }

    /// "2023-11-16 18:15:46.6805900", also with "T", up to nine digits behind the point, and a
    /// zone ("Z", "+00:00"): nanoseconds since 1970, in the text's own time without a zone.
    static func dateTime(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard text.count >= 19, let year = number(text, 0, 4), let month = number(text, 5, 2),
            let day = number(text, 8, 2), let hour = number(text, 11, 2),
            let minute = number(text, 14, 2), let second = number(text, 17, 2),
            text[4] == 0x2D, text[7] == 0x2D, text[10] == 0x20 || text[10] == 0x54,
            text[13] == 0x3A, text[16] == 0x3A, (1970...2200).contains(year),
            (1...12).contains(month), day >= 1, day <= days(in: month, of: year),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        var index = 19
        var fraction = 0
        if index < text.count, text[index] == UInt8(ascii: ".") {
            let start = index + 1
            index = start
            while index < text.count, text[index] &- 0x30 <= 9 { index += 1 }
            guard (1...9).contains(index - start),
                let digits = number(text, start, index - start)
            else { return nil }
            fraction = digits
            for _ in 0..<9 - (index - start) { fraction *= 10 }
        }
        guard let zone = zone(text, from: index) else { return nil }
        let seconds = daysSince1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
        return Int64(seconds - zone) * 1_000_000_000 + Int64(fraction)
    }

    /// Seconds east of UTC.
    private static func zone(_ text: UnsafeRawBufferPointer, from index: Int) -> Int? {
        if index == text.count { return 0 }
        if text[index] == UInt8(ascii: "Z"), index + 1 == text.count { return 0 }
        let sign = text[index]
        guard sign == 0x2B || sign == 0x2D, text.count == index + 6, text[index + 3] == 0x3A,
            let hours = number(text, index + 1, 2), let minutes = number(text, index + 4, 2),
            hours < 24, minutes < 60
        else { return nil }
        return (sign == 0x2D ? -1 : 1) * (hours * 3_600 + minutes * 60)
    }

    private static func days(in month: Int, of year: Int) -> Int {
        if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
        return [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// In the Gregorian calendar, with years that begin in March so that the leap day is their last
    /// (Hinnant: chrono-compatible low-level date algorithms).
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let (era, ofEra) = (shifted / 400, shifted % 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + dayOfYear - 719_468
    }
}

/// The fields of one line of CSV (RFC 4180, without line ends in quotes). A quoted field is given
/// without its quotation marks, and with inner ones doubled as they stand.
struct CSVFields: Sequence, IteratorProtocol {
    private var rest: UnsafeRawBufferPointer
    private var isOver = false
    /// Whether a quotation mark stands where none may: then no further field is given.
    private(set) var isMalformed = false

    init(_ line: UnsafeRawBufferPointer) { rest = line }

    mutating func next() -> UnsafeRawBufferPointer? {
        if isOver || isMalformed { return nil }
        guard rest.first == UInt8(ascii: "\"") else { return plain() }
        var index = 1
        while index < rest.count {
            if rest[index] != UInt8(ascii: "\"") {
                index += 1
            } else if index + 1 < rest.count, rest[index + 1] == UInt8(ascii: "\"") {
                index += 2
            } else {
                break
            }
        }
        guard index < rest.count, index + 1 == rest.count || rest[index + 1] == 0x2C else {
            isMalformed = true
            return nil
        }
        let field = UnsafeRawBufferPointer(rebasing: rest[1..<index])
        pass(index + 1)
        return field
    }

    private mutating func plain() -> UnsafeRawBufferPointer? {
        let end = rest.firstIndex(of: 0x2C) ?? rest.count
        let field = UnsafeRawBufferPointer(rebasing: rest[..<end])
        guard !field.contains(UInt8(ascii: "\"")) else {
            isMalformed = true
            return nil
        }
        pass(end)
        return field
    }

    /// Goes on behind the comma at `end`, if one stands there.
    private mutating func pass(_ end: Int) {
        guard end < rest.count else {
            isOver = true
            return
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
    }
}
