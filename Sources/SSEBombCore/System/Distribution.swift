// A quantity that is constant or drawn anew each time (how long the mock takes, how long prompts
// are), and the grammar in which the command line writes either. Knows no request and no clock.

import Glibc

/// A quantity that is constant or drawn anew each time. Values are nanoseconds or counts; nothing
/// here depends on which.
public enum Distribution: Sendable, Equatable, BitwiseCopyable {
    /// Always the same.
    case constant(Double)
    /// Exponential with this mean: gaps of a Poisson process.
    case exponential(mean: Double)
    /// Lognormal: `median` times e to a normal draw of standard deviation `sigma`.
    case lognormal(median: Double, sigma: Double)
    /// Normal with this mean and standard deviation; what falls below 0 is 0.
    case normal(mean: Double, deviation: Double)
    /// Uniform between the two.
    case uniform(Double, Double)

    /// No draw exceeds a day in nanoseconds, the most that the histograms tell apart.
    public static let most = 86_400e9

    /// Whether every draw is 0.
    public var isZero: Bool {
        switch self {
        case .constant(let value), .exponential(let value), .lognormal(let value, _): value == 0
        case .normal(let mean, let deviation): mean == 0 && deviation == 0
        case .uniform(_, let high): high == 0
        }
    }

    /// One draw: never negative, never above a day in nanoseconds.
    func sample(_ random: inout SeededRandom) -> Double {
        let value =
            switch self {
            case .constant(let value): value
            // 1 - u is never 0, so the logarithm is finite.
            case .exponential(let mean): -mean * log(1 - random.unit())
            case .lognormal(let median, let sigma): median * exp(sigma * Self.normal(&random))
            case .normal(let mean, let deviation): mean + deviation * Self.normal(&random)
            case .uniform(let low, let high): low + (high - low) * random.unit()
            }
        return min(max(value, 0), Self.most)
    }

    /// A standard normal draw (Box and Muller, 1958); the second one of the pair is not used.
    private static func normal(_ random: inout SeededRandom) -> Double {
        let radius = (-2 * log(1 - random.unit())).squareRoot()
        return radius * cos(2 * Double.pi * random.unit())
    }
}

// MARK: - The command line's grammar

extension Distribution {
    /// What the numbers in the text mean.
    public enum Quantity: Sendable {
        /// Durations such as `200ms`; a bare number is seconds. Values become nanoseconds.
        case duration
        /// Plain numbers such as `100` or `2k`.
        case count
    }

    /// Reads `200ms`, `exp:200ms`, `lognormal:200ms,0.5` (median, sigma), `normal:200ms,50ms`
    /// (mean, standard deviation) or `uniform:10ms,80ms`.
    ///
    /// - Parameters:
    ///   - text: what the user wrote.
    ///   - quantity: whether its numbers are durations or counts.
    ///   - flag: the flag's name, for the sentence when the text is refused.
    public init(
        parsing text: String,
        as quantity: Quantity,
        flag: String
    ) throws(SetupError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let values = (parts.last ?? "").split(separator: ",", omittingEmptySubsequences: false)
        let numbers = values.map { Self.number($0, quantity) }
        let name = parts.count == 2 ? parts[0] : "constant"
        switch (name, numbers.count) {
        case ("constant", 1) where parts.count == 1:
            if let value = numbers[0] {
                self = .constant(value)
                return
            }
        case ("exp", 1):
            if let mean = numbers[0] {
                self = .exponential(mean: mean)
                return
            }
        case ("lognormal", 2):
            // The second number is a pure one, whatever the first is.
            if let median = numbers[0], let sigma = Self.number(values[1], .count), sigma <= 10 {
                self = .lognormal(median: median, sigma: sigma)
                return
            }
        case ("normal", 2):
            if let mean = numbers[0], let deviation = numbers[1] {
                self = .normal(mean: mean, deviation: deviation)
                return
            }
        case ("uniform", 2):
            if let low = numbers[0], let high = numbers[1], low <= high {
                self = .uniform(low, high)
                return
            }
        default: break
        }
        throw Self.refusal(text, quantity, flag)
    }

    private static func refusal(
        _ text: String,
        _ quantity: Quantity,
        _ flag: String
    ) -> SetupError {
        let examples =
            switch quantity {
            case .duration:
                "200ms, exp:200ms, lognormal:200ms,0.5, normal:200ms,50ms or uniform:10ms,80ms"
            case .count: "100, exp:100, lognormal:100,0.5, normal:100,20 or uniform:10,200"
            }
        return SetupError(.usage, "\(flag) can't be \"\(text)\": write \(examples)")
    }

    /// A non-negative number with the unit suffix that fits `quantity`; nil for anything else.
    private static func number(_ text: Substring, _ quantity: Quantity) -> Double? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard !digits.isEmpty, let value = Double(digits) else { return nil }
        let scale: Double
        switch (quantity, text[digits.endIndex...]) {
        case (.duration, "ns"): scale = 1
        case (.duration, "us"), (.duration, "µs"): scale = 1e3
        case (.duration, "ms"): scale = 1e6
        case (.duration, "s"), (.duration, ""): scale = 1e9
        case (.duration, "m"): scale = 60e9
        case (.duration, "h"): scale = 3_600e9
        case (.count, ""): scale = 1
        case (.count, "k"): scale = 1e3
        case (.count, "M"): scale = 1e6
        default: return nil
        }
        let scaled = value * scale
        return scaled <= most ? scaled : nil
    }

    /// One duration in the same spelling, in nanoseconds; nil for anything else.
    public static func duration(_ text: String) -> Int64? {
        number(text[...], .duration).map { Int64($0.rounded()) }
    }
}
