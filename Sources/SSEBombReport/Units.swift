// Figures as people read them: durations, rates, bytes, counts and shares. Every function takes the
// program's own unit (nanoseconds, bytes, per second) and writes the unit it chose. Must not know
// where a figure comes from or where it is printed.

/// Humanised figures. The result file never uses these: it holds integers in fixed units.
public enum Units {
    /// Three significant digits of a duration in nanoseconds: "12.3 ms", "1.23 s", "850 ns".
    ///
    /// From 1,000 s on minutes and hours are used. `separator` stands between number and unit;
    /// narrow tables pass an empty one.
    public static func duration(_ nanoseconds: Int64, separator: String = " ") -> String {
        let sign = nanoseconds < 0 ? "-" : ""
        let value = Double(nanoseconds.magnitude)
        return sign + scaled(value, durationUnits, separator: separator)
    }

    /// A duration in nanoseconds as somebody set it, exact: "60 s", "5 min", "1,500 ms".
    public static func setting(_ nanoseconds: Int64) -> String {
        let units: [(size: Int64, name: String)] = [
            (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"),
        ]
        if nanoseconds >= 120_000_000_000, nanoseconds % 60_000_000_000 == 0 {
            return "\(count(nanoseconds / 60_000_000_000)) min"
        }
        let unit = units.first { nanoseconds % $0.size == 0 } ?? (1, "ns")
        return "\(count(nanoseconds / unit.size)) \(unit.name)"
    }

    /// Bytes with decimal prefixes: "312 B", "4.10 kB", "1.23 GB".
    public static func bytes(_ bytes: UInt64) -> String {
        scaled(Double(bytes), byteUnits, separator: " ")
    }

    /// A figure per second with at least three significant digits: "0.123", "12.3", "20,123".
    public static func rate(_ perSecond: Double) -> String {
        guard perSecond.isFinite else { return "-" }
        let sign = perSecond < 0 ? "-" : ""
        return sign + significant(abs(perSecond))
    }

    /// A finite figure that somebody set: whole ones without decimals, others as `rate`.
    public static func number(_ value: Double) -> String {
        value >= 0 && value == value.rounded() ? fixed(value, decimals: 0) : rate(value)
    }

    /// A count with thousands separators: "12,345".
    public static func count(_ count: some FixedWidthInteger) -> String {
        let digits = String(count.magnitude)
        var text = count < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text += "," }
            text.append(digit)
        }
        return text
    }

    /// `part / whole` in per cent: "12.3 %", "0.45 %", "<0.01 %". Nil when `whole` is 0.
    ///
    /// Only a part that is the whole is "100 %", and only a part of 0 is "0 %": rounding must not
    /// make a single failure disappear.
    public static func share(_ part: UInt64, of whole: UInt64) -> String? {
        guard whole > 0 else { return nil }
        if part == 0 { return "0 %" }
        if part == whole { return "100 %" }
        return share(Double(part) / Double(whole))
    }

    /// A share between 0 and 1 in per cent, as above.
    public static func share(_ share: Double) -> String {
        guard share.isFinite else { return "-" }
        let percent = share * 100
        if percent <= 0 { return "0 %" }
        if percent < 0.01 { return "<0.01 %" }
        if percent < 1 { return fixed(percent, decimals: 2) + " %" }
        if percent < 100, percent >= 99.95 { return ">99.9 %" }
        return significant(percent) + " %"
    }

    /// A share between 0 and 1 that somebody set, in per cent with all its digits: "0.001 %".
    static func exactShare(_ share: Double) -> String {
        // More digits than these are those of the product by 100.
        var text = fixed(share * 100, decimals: 12)
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return (text == "0" && share > 0 ? "\(share * 100)" : text) + " %"
    }

    /// `value` (finite, not negative) with exactly `decimals` digits after the point, rounded half
    /// away from zero, and thousands separators before it.
    static func fixed(_ value: Double, decimals: Int) -> String {
        var factor: UInt64 = 1
        for _ in 0..<decimals { factor *= 10 }
        let scaled = (value * Double(factor)).rounded()
        guard scaled < 1e18 else { return "\(value)" }
        let whole = UInt64(scaled)
        let text = count(whole / factor)
        guard decimals > 0 else { return text }
        let fraction = String(whole % factor)
        return text + "." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }

    /// `value` (finite, not negative) with three significant digits; all digits before the point.
    static func significant(_ value: Double) -> String {
        guard value > 0 else { return "0" }
        // The bound is that of the rounded value: 9.995 has to become "10.0", not "10.00".
        if value >= 99.95 { return fixed(value, decimals: 0) }
        if value >= 9.995 { return fixed(value, decimals: 1) }
        if value >= 0.9995 { return fixed(value, decimals: 2) }
        return fixed(value, decimals: value >= 0.09995 ? 3 : 4)
    }

    private struct Unit {
        let name: String
        /// Of the base unit.
        let size: Double
        /// From this many of this unit on, after rounding, the next unit takes over.
        let limit: Double
    }

    private static let durationUnits = [
        Unit(name: "ns", size: 1, limit: 1_000),
        Unit(name: "µs", size: 1e3, limit: 1_000),
        Unit(name: "ms", size: 1e6, limit: 1_000),
        Unit(name: "s", size: 1e9, limit: 1_000),
        Unit(name: "min", size: 60e9, limit: 100),
        Unit(name: "h", size: 3_600e9, limit: .infinity),
    ]

    private static let byteUnits = [
        Unit(name: "B", size: 1, limit: 1_000),
        Unit(name: "kB", size: 1e3, limit: 1_000),
        Unit(name: "MB", size: 1e6, limit: 1_000),
        Unit(name: "GB", size: 1e9, limit: 1_000),
        Unit(name: "TB", size: 1e12, limit: .infinity),
    ]

    private static func scaled(_ value: Double, _ units: [Unit], separator: String) -> String {
        // The base unit is counted in whole numbers: no decimals.
        if value < units[0].limit {
            return fixed(value, decimals: 0) + separator + units[0].name
        }
        let unit =
            units.dropFirst().first { value / $0.size < $0.limit - 0.5 } ?? units[units.count - 1]
        return significant(value / unit.size) + separator + unit.name
    }
}
