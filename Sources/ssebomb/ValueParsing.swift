// The notations that flags take: durations, counts, rates, sizes and CPU lists, from text to
// numbers. Pure functions; nothing here knows which flag a text was given to.

/// Why a text isn't a value of the notation asked for: what is wrong, and what would be right.
struct ValueError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A non-negative decimal number, kept exact: `digits` without its point, and how many of them
/// stood behind it.
private struct Decimal {
    var digits: UInt64
    var scale: UInt64

    /// Reads "12", "1.5" or ".5" off the front of `text`; nil where no digit stands there or the
    /// number is beyond 64 bits.
    init?(consuming text: inout Substring) {
        digits = 0
        scale = 1
        var behindPoint = false
        var seen = false
        var rest = text
        while let character = rest.first {
            if character == ".", !behindPoint {
                behindPoint = true
            } else if character.isASCII, let digit = character.wholeNumberValue {
                seen = true
                let (tenfold, overflow) = digits.multipliedReportingOverflow(by: 10)
                let (sum, carry) = tenfold.addingReportingOverflow(UInt64(digit))
                if overflow || carry { return nil }
                digits = sum
                if behindPoint { scale *= 10 }  // Bounded by `digits`: one factor a digit.
                if scale >= 1_000_000_000_000_000_000 { return nil }
            } else {
                break
            }
            rest.removeFirst()
        }
        if !seen { return nil }
        text = rest
    }

    /// The number times `unit`, without its fraction; nil beyond 64 bits.
    func whole(times unit: UInt64) -> UInt64? {
        let (high, low) = digits.multipliedFullWidth(by: unit)
        guard high < scale else { return nil }
        return scale.dividingFullWidth((high, low)).quotient
    }

    /// The number times `unit` where that is a whole number.
    func exact(times unit: UInt64) -> UInt64? {
        let (high, low) = digits.multipliedFullWidth(by: unit)
        guard high < scale else { return nil }
        let (quotient, remainder) = scale.dividingFullWidth((high, low))
        return remainder == 0 ? quotient : nil
    }
}

/// Readers of one notation each.
enum ValueParsing {
    /// No time of a plan is longer: sums of a few of them stay far inside 63 bits.
    static let longestDuration = Int64(366) * 86_400 * 1_000_000_000

    /// "500ms", "30s", "1m30s", "1.5h"; a bare number is seconds. Nanoseconds.
    static func duration(_ text: String) throws(ValueError) -> Int64 {
        let remedy = "write a time such as 500ms, 30s, 1m30s or 2h; a bare number is seconds"
        var rest = Substring(text)
        var total: UInt64 = 0
        var parts = 0
        while !rest.isEmpty {
            guard let number = Decimal(consuming: &rest) else { throw ValueError(remedy) }
            let name = rest.prefix { $0.isLetter }
            rest.removeFirst(name.count)
            parts += 1
            guard let unit = nanoseconds(in: name, bareAllowed: parts == 1 && rest.isEmpty) else {
                throw ValueError(remedy)
            }
            guard let part = number.whole(times: unit), part <= UInt64(longestDuration),
                total + part <= UInt64(longestDuration)
            else { throw ValueError("the longest time is 366 days") }
            total += part
        }
        guard parts > 0 else { throw ValueError(remedy) }
        return Int64(total)
    }

    private static func nanoseconds(in unit: Substring, bareAllowed: Bool) -> UInt64? {
        switch unit {
        case "": bareAllowed ? 1_000_000_000 : nil
        case "ns": 1
        case "us", "µs", "μs": 1_000
        case "ms": 1_000_000
        case "s", "sec": 1_000_000_000
        case "m", "min": 60_000_000_000
        case "h": 3_600_000_000_000
        case "d": 86_400_000_000_000
        default: nil
        }
    }

    /// A duration of more than nothing.
    static func positiveDuration(_ text: String) throws(ValueError) -> Int64 {
        let time = try duration(text)
        guard time > 0 else { throw ValueError("it must be longer than 0") }
        return time
    }

    /// "1000", "10k", "1.5M": k, M and G are powers of 1,000.
    static func count(_ text: String) throws(ValueError) -> UInt64 {
        let remedy = "write a whole number such as 500, 10k or 2M"
        var rest = Substring(text)
        guard let number = Decimal(consuming: &rest) else { throw ValueError(remedy) }
        let unit: UInt64? =
            switch rest {
            case "": 1
            case "k", "K": 1_000
            case "M": 1_000_000
            case "G": 1_000_000_000
            default: nil
            }
        guard let unit, let value = number.exact(times: unit) else { throw ValueError(remedy) }
        return value
    }

    /// A count of at least 1.
    static func positiveCount(_ text: String) throws(ValueError) -> UInt64 {
        let value = try count(text)
        guard value > 0 else { throw ValueError("it must be at least 1") }
        return value
    }

    /// "500,2k": counts of at least 1, separated by commas.
    static func positiveCounts(_ text: String) throws(ValueError) -> [UInt64] {
        var counts: [UInt64] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            counts.append(try positiveCount(String(item)))
        }
        return counts
    }

    /// "10,50/s": rates above 0, separated by commas.
    static func positiveRates(_ text: String) throws(ValueError) -> [Double] {
        var rates: [Double] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let rate = try rate(String(item))
            guard rate > 0 else { throw ValueError("it must be more than 0") }
            rates.append(rate)
        }
        return rates
    }

    /// "5000", "50/s", "50/1s", "3k/m": how many per second.
    static func rate(_ text: String) throws(ValueError) -> Double {
        let remedy = "write a rate such as 5000, 50/s, 3k/m or 10/500ms"
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var rest = halves[0]
        guard let number = Decimal(consuming: &rest) else { throw ValueError(remedy) }
        let factor: Double? =
            switch rest {
            case "": 1
            case "k", "K": 1e3
            case "M": 1e6
            default: nil
            }
        guard let factor else { throw ValueError(remedy) }
        var period = 1.0
        if halves.count == 2 {
            let unit = halves[1]
            guard let first = unit.first else { throw ValueError(remedy) }
            let spelled = first.isLetter ? "1\(unit)" : String(unit)
            guard let time = try? duration(spelled), time > 0 else { throw ValueError(remedy) }
            period = Double(time) / 1e9
        }
        let perSecond = Double(number.digits) / Double(number.scale) * factor / period
        guard perSecond <= 1e9 else {
            throw ValueError("the highest rate is 1,000,000,000 a second")
        }
        return perSecond
    }

    /// "4096", "64k", "1M", "1MiB": bytes; k, M and G are powers of 1,024.
    static func size(_ text: String) throws(ValueError) -> Int {
        let remedy = "write a size in bytes such as 4096, 64k or 1M (k is 1,024)"
        var rest = Substring(text)
        guard let number = Decimal(consuming: &rest) else { throw ValueError(remedy) }
        let unit: UInt64? =
            switch rest.lowercased() {
            case "", "b": 1
            case "k", "kb", "kib": 1 << 10
            case "m", "mb", "mib": 1 << 20
            case "g", "gb", "gib": 1 << 30
            default: nil
            }
        guard let unit, let bytes = number.exact(times: unit), let value = Int(exactly: bytes)
        else { throw ValueError(remedy) }
        return value
    }

    /// "0,2-5", "0-8:2": CPU numbers as taskset(1) takes them; first mention decides the order.
    static func cpuList(_ text: String) throws(ValueError) -> [Int32] {
        let remedy = "write a list of CPUs such as 0,2-5 or 0-8:2"
        let highest: Int32 = 8_191
        var cpus: [Int32] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pieces = item.split(separator: ":", omittingEmptySubsequences: false)
            let ends = pieces[0].split(separator: "-", omittingEmptySubsequences: false)
            guard pieces.count <= 2, ends.count <= 2, let low = cpuNumber(ends[0]),
                let high = cpuNumber(ends[ends.count - 1]), low <= high,
                let step = pieces.count == 2 ? cpuNumber(pieces[1]) : 1, step > 0,
                pieces.count == 1 || ends.count == 2
            else { throw ValueError(remedy) }
            guard high <= highest else { throw ValueError("the highest CPU is \(highest)") }
            for cpu in stride(from: low, through: high, by: Int(step)) where !cpus.contains(cpu) {
                cpus.append(cpu)
            }
        }
        return cpus
    }

    /// A process ID: positive, as the kernel's own type holds it.
    static func processID(_ text: String) throws(ValueError) -> Int32 {
        guard let number = Int32(text), number > 0 else {
            throw ValueError("write a process ID such as $$ of a shell")
        }
        return number
    }

    private static func cpuNumber(_ text: Substring) -> Int32? {
        guard text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") })
        else { return nil }
        return Int32(text)
    }
}
