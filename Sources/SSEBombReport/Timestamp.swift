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

    private static func padded(_ number: Int, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
