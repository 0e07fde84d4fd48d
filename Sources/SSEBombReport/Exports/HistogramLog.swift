// HdrHistogram's own formats: the log (.hlog, version 1.3) with a tag for each metric, and the
// percentile distribution (.hgrm) of one. Both as the reference implementation in Java writes them,
// for its tools read them line by line.

import SSEBombCore

/// The `.hlog` file: `ttft` and `gap` in one line an interval, every other metric in one line for
/// the whole run.
enum HistogramLog {
    /// Metrics that the time line has.
    private static let perInterval: [Metric] = [.ttft, .gap]

    static func text(_ run: FinishedRun) -> String {
        let start = seconds(run.result.startedAt)
        var lines = [
            "#[Logged with ssebomb \(run.context.toolVersion)]",
            "#[Histogram log format version 1.3]",
            "#[StartTime: \(start) (seconds since epoch), "
                + "\(Timestamp.rfc3339(run.result.startedAt))]",
            #""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#,
        ]
        for interval in run.result.intervals {
            let from = Int64(interval.startSeconds) * 1_000_000_000
            let length = Int64(interval.seconds) * 1_000_000_000
            for (metric, samples) in [(Metric.ttft, interval.ttft), (.gap, interval.gap)] {
                lines += line(metric, from: from, length: length, samples)
            }
        }
        for (metric, samples) in run.measuredMetrics where !perInterval.contains(metric) {
            lines += line(metric, from: 0, length: run.result.length, samples)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(
        _ metric: Metric,
        from: Int64,
        length: Int64,
        _ samples: HistogramSnapshot
    ) -> [String] {
        guard !samples.isEmpty else { return [] }
        // The greatest value in milliseconds, whatever the unit of the histogram.
        let greatest = Decimal3.text(Double(samples.max) / 1e6)
        return [
            "Tag=\(metric.rawValue),\(seconds(from)),\(seconds(length)),\(greatest),"
                + samples.base64V2()
        ]
    }

    private static func seconds(_ nanoseconds: Int64) -> String {
        Decimal3.text(Double(nanoseconds) / 1e9)
    }
}

/// The `.hgrm` file, in milliseconds, five ticks each time the distance to 100 % halves.
enum PercentileDistribution {
    private static let ticks = 5.0

    static func text(_ run: FinishedRun, _ metric: Metric) -> String {
        text(run.result.histograms[metric] ?? HistogramSnapshot())
    }

    static func text(_ samples: HistogramSnapshot) -> String {
        var text = padded("Value", 12) + " " + padded("Percentile", 14) + " "
        text += padded("TotalCount", 10) + " " + padded("1/(1-Percentile)", 14) + "\n\n"
        for row in rows(samples) {
            text += padded(Decimal3.text(row.value), 12) + " "
            text += Fixed.text(row.percentile / 100, decimals: 12) + " "
            text += padded(String(row.count), 10)
            if row.percentile != 100 {
                let distance = 1 / (1 - row.percentile / 100)
                text += " " + padded(Fixed.text(distance, decimals: 2), 14)
            }
            text += "\n"
        }
        let deviation = samples.standardDeviation / 1e6
        text += note(
            ("Mean   ", Decimal3.text(meanOfCells(samples) / 1e6)),
            ("StdDeviation  ", Decimal3.text(deviation))
        )
        let greatest = samples.buckets.last.map { Double($0.range.upperBound) / 1e6 } ?? 0
        text += note(
            ("Max    ", Decimal3.text(greatest)),
            ("Total count   ", String(samples.count))
        )
        // Of the layout: 1 ns to 86,400 s with three digits.
        return text + note(("Buckets", "37"), ("SubBuckets    ", "2048"))
    }

    private struct Row {
        /// Milliseconds.
        var value: Double
        /// Up to 100.
        var percentile: Double
        /// Samples up to this value.
        var count: UInt64
    }

    /// The iteration of the reference implementation: a row where the share of samples seen reaches
    /// the next tick, and one more for 100 %.
    private static func rows(_ samples: HistogramSnapshot) -> [Row] {
        var rows: [Row] = []
        var level = 0.0
        var seen: UInt64 = 0
        for bucket in samples.buckets {
            seen += bucket.count
            let value = Double(bucket.range.upperBound) / 1e6
            while 100 * Double(seen) / Double(samples.count) >= level {
                rows.append(Row(value: value, percentile: level, count: seen))
                guard seen < samples.count else { break }
                level += step(at: level)
            }
        }
        if let last = rows.last, last.percentile != 100 {
            rows.append(Row(value: last.value, percentile: 100, count: seen))
        }
        return rows
    }

    private static func step(at level: Double) -> Double {
        var halvings = 1.0
        var distance = 100 / (100 - level)
        while distance >= 2 {
            distance /= 2
            halvings *= 2
        }
        return 100 / (ticks * halvings * 2)
    }

    /// As the reference has it: from the middle of each cell.
    private static func meanOfCells(_ samples: HistogramSnapshot) -> Double {
        guard !samples.isEmpty else { return 0 }
        let sum = samples.buckets.reduce(0.0) { sum, bucket in
            let size = bucket.range.upperBound - bucket.range.lowerBound + 1
            return sum + Double(bucket.range.lowerBound + size / 2) * Double(bucket.count)
        }
        return sum / Double(samples.count)
    }

    private static func note(
        _ first: (name: String, value: String),
        _ second: (name: String, value: String)
    ) -> String {
        "#[\(first.name) = \(padded(first.value, 12)), \(second.name) = "
            + "\(padded(second.value, 12))]\n"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}

/// Numbers with a fixed number of decimals, without separators: for programs.
enum Fixed {
    /// `value` (finite, not negative, below 2^63 / 10^decimals in steps of 10^-decimals).
    static func text(_ value: Double, decimals: Int) -> String {
        var factor: UInt64 = 1
        for _ in 0..<decimals { factor *= 10 }
        let whole = value.rounded(.down)
        guard whole < 9e18 else { return "\(value)" }
        var units = UInt64(whole)
        var fraction = UInt64(((value - whole) * Double(factor)).rounded())
        if fraction == factor { (units, fraction) = (units + 1, 0) }
        let digits = String(fraction)
        return "\(units)." + String(repeating: "0", count: decimals - digits.count) + digits
    }
}

/// Three decimals.
enum Decimal3 {
    static func text(_ value: Double) -> String { Fixed.text(value, decimals: 3) }
}
