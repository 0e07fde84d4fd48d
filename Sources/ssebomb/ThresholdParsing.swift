// How a gate is written: k6's grammar and a shorter one, from text to a Threshold. Pure functions;
// what a gate's outcome is, is not known here.

import SSEBombCore
import SSEBombReport

/// Reads `METRIC:AGGREGATE OPERATOR VALUE[,abort][,delay=T]`. Spaces don't matter.
enum ThresholdParsing {
    private static let example = "write for example ttft:p99<500ms or failures:share<0.01"

    /// The gate that `text` describes.
    static func threshold(_ text: String) throws(ValueError) -> Threshold {
        let expression = text.filter { $0 != " " }
        let parts = expression.split(separator: ",", omittingEmptySubsequences: false)
        let condition = parts[0]
        guard let start = condition.firstIndex(where: { "<>=!".contains($0) }) else {
            throw ValueError("it compares nothing: \(example)")
        }
        let symbol = condition[start...].prefix { "<>=!".contains($0) }
        // k6 has two spellings of one comparison.
        let known = symbol == "===" ? "==" : String(symbol)
        guard let comparison = Threshold.Comparison(rawValue: known) else {
            throw ValueError("'\(symbol)' isn't one of <, <=, >, >=, == and !=: \(example)")
        }
        let (subject, aggregate) = try figure(condition[..<start])
        let value = String(condition[symbol.endIndex...])
        guard !value.isEmpty else { throw ValueError("the bound is missing: \(example)") }
        let bound: Double
        do throws(ValueError) {
            bound = try self.bound(value, aggregate)
        } catch {
            let right = "\(condition[..<symbol.endIndex])\(sample(of: aggregate, near: value))"
            throw ValueError("the bound '\(value)' \(error): write for example \(right)")
        }
        return Threshold(
            expression: expression,
            subject: subject,
            aggregate: aggregate,
            comparison: comparison,
            bound: bound,
            abortAfter: try abortDelay(parts.dropFirst())
        )
    }

    // MARK: The figure

    private static func figure(
        _ text: Substring
    ) throws(ValueError) -> (Threshold.Subject, Threshold.Aggregate) {
        let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(halves[0])
        guard let subject = subject(name) else {
            let names = Metric.allCases.map(\.rawValue) + Self.counted.map(\.name)
            throw ValueError("'\(name)' isn't one of \(names.joined(separator: ", ")): \(example)")
        }
        let word = halves.count == 2 ? String(halves[1]) : ""
        return (subject, try aggregate(word, of: subject))
    }

    private static let counted: [Threshold.Subject] = [
        .failures, .requests, .tokens, .events, .attainment, .goodput,
    ]

    private static func subject(_ name: String) -> Threshold.Subject? {
        Metric(rawValue: name).map { .metric($0) } ?? counted.first { $0.name == name }
    }

    private static func aggregate(
        _ word: String,
        of subject: Threshold.Subject
    ) throws(ValueError) -> Threshold.Aggregate {
        let choice: String
        switch (subject, word) {
        case (.failures, "share"): return .share
        case (.failures, "count"): return .count
        case (.failures, _): choice = "failures:share<0.01 or failures:count<5"
        case (.attainment, ""), (.attainment, "share"): return .share
        case (.attainment, _): choice = "attainment>0.95"
        case (.requests, "rate"), (.tokens, "rate"), (.events, "rate"), (.goodput, "rate"):
            return .rate
        case (.requests, _), (.tokens, _), (.events, _), (.goodput, _):
            choice = "\(subject.name):rate>10"
        case (.metric, "avg"), (.metric, "mean"): return .average
        case (.metric, "med"): return .percentile(50)
        case (.metric, "min"): return .least
        case (.metric, "max"): return .greatest
        case (.metric, _):
            if word.hasPrefix("p") { return try percentile(word) }
            choice = "\(subject.name):p99<500ms, or avg, med, min or max in place of p99"
        }
        let wrong = word.isEmpty ? "" : ", not '\(word)'"
        throw ValueError("say which figure of \(subject.name) counts\(wrong): write \(choice)")
    }

    /// "p99", "p(99)", "p99.9".
    private static func percentile(_ word: String) throws(ValueError) -> Threshold.Aggregate {
        var digits = word.dropFirst()
        if digits.hasPrefix("("), digits.hasSuffix(")") { digits = digits.dropFirst().dropLast() }
        guard let percentile = DecimalText.value(digits), percentile > 0, percentile <= 100 else {
            throw ValueError(
                "'\(word)' isn't a percentile from above 0 to 100: write for example ttft:p99.9<2s"
            )
        }
        return percentile == 100 ? .greatest : .percentile(percentile)
    }

    // MARK: The bound

    /// Throws what is wrong, as the end of a sentence about the bound.
    private static func bound(
        _ text: String,
        _ aggregate: Threshold.Aggregate
    ) throws(ValueError) -> Double {
        switch aggregate {
        case .share:
            let isPercent = text.hasSuffix("%")
            let number = DecimalText.value(isPercent ? text.dropLast() : text[...])
            guard let number, number <= (isPercent ? 100 : 1) else {
                throw ValueError("isn't a share between 0 and 1")
            }
            return isPercent ? number / 100 : number
        case .count:
            guard let count = try? ValueParsing.count(text) else {
                throw ValueError("isn't a whole number")
            }
            return Double(count)
        case .rate:
            guard let rate = try? ValueParsing.rate(text) else { throw ValueError("isn't a rate") }
            return rate
        case .average, .least, .greatest, .percentile:
            // k6 means milliseconds where a number stands alone, the flags here mean seconds.
            if DecimalText.value(text[...]) != nil { throw ValueError("has no unit") }
            guard let time = try? ValueParsing.duration(text) else {
                throw ValueError("isn't a time up to 366 days")
            }
            return Double(time)
        }
    }

    /// A bound that would be right.
    private static func sample(of aggregate: Threshold.Aggregate, near text: String) -> String {
        switch aggregate {
        case .share: "0.01, or 1%"
        case .count: "5"
        case .rate: "10, or 600/m"
        default: DecimalText.value(text[...]) == nil ? "500ms" : "\(text)ms"
        }
    }

    // MARK: What may follow

    private static func abortDelay(_ words: ArraySlice<Substring>) throws(ValueError) -> Int64? {
        var aborts = false
        var delay: Int64?
        for word in words {
            if word == "abort", !aborts {
                aborts = true
            } else if word.hasPrefix("delay="), delay == nil {
                let time = String(word.dropFirst("delay=".count))
                delay = try ValueParsing.duration(time)
            } else if word.contains(where: { "<>!".contains($0) }) {
                throw ValueError("one condition a flag: write --threshold again for '\(word)'")
            } else {
                throw ValueError(
                    "'\(word)' can't follow: write for example ttft:p99<500ms,abort,delay=1m"
                )
            }
        }
        guard aborts || delay == nil else {
            throw ValueError("delay= is the time before ,abort: write ,abort,delay=T, or neither")
        }
        return aborts ? delay ?? 0 : nil
    }
}
