// Wall-clock times as text. Must not know what happened at them.

import Glibc

/// Formats times of the real-time clock.
enum Timestamp {
    /// The present time.
    static var now: String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return rfc3339(Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// RFC 3339 in UTC with milliseconds: "2025-01-31T12:00:00.123Z".
    static func rfc3339(_ nanosecondsSince1970: Int64) -> String {
        let (quotient, remainder) = nanosecondsSince1970.quotientAndRemainder(
            dividingBy: 1_000_000_000
        )
        var seconds = time_t(remainder < 0 ? quotient - 1 : quotient)
        let nanoseconds = remainder < 0 ? remainder + 1_000_000_000 : remainder
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let date = [
            padded(Int(parts.tm_year) + 1_900, 4), padded(Int(parts.tm_mon) + 1, 2),
            padded(Int(parts.tm_mday), 2),
        ].joined(separator: "-")
        let time = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int($0), 2) }
            .joined(separator: ":")
        return "\(date)T\(time).\(padded(Int(nanoseconds / 1_000_000), 3))Z"
    }

    /// Nanoseconds since 1970 of a time as `rfc3339` writes it; nil for any other text.
    static func nanoseconds(rfc3339 text: String) -> Int64? {
        let digits = Array(text.utf8)
        let pattern = Array("0000-00-00T00:00:00.000Z".utf8)
        guard digits.count == pattern.count else { return nil }
        for (digit, expected) in zip(digits, pattern) {
            let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit)
            guard expected == UInt8(ascii: "0") ? isDigit : digit == expected else { return nil }
        }
        func number(_ range: Range<Int>) -> Int32 {
            digits[range].reduce(0) { $0 * 10 + Int32($1 - UInt8(ascii: "0")) }
        }
        var parts = tm()
        parts.tm_year = number(0..<4) - 1_900
        parts.tm_mon = number(5..<7) - 1
        parts.tm_mday = number(8..<10)
        parts.tm_hour = number(11..<13)
        parts.tm_min = number(14..<16)
        parts.tm_sec = number(17..<19)
        let seconds = Int64(timegm(&parts))
        // Until the year 2100, so that a century can be added to it in 64-bit nanoseconds.
        guard (0...4_102_444_800).contains(seconds) else { return nil }
        let time = seconds * 1_000_000_000 + Int64(number(20..<23)) * 1_000_000
        // "February 31st" came out as another day.
        return rfc3339(time) == text ? time : nil
    }

    private static func padded(_ number: Int, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
