// One time line from several: entries go by the wall clock, in whole seconds of it, and become
// coarser, not more. Which entry a second falls into depends on nothing but the step, so that the
// order of merging changes nothing.

import SSEBombCore

/// Joins time lines.
enum TimelineMerge {
    /// The most entries, as of one run.
    private static let most = 600
    /// The most cells of their histograms together: about a byte of the file each, as of one run.
    /// Cells only become more when results are added, so the order of merging changes nothing.
    private static let mostCells = 800_000
    private static let least = 16
    private static let second = Nanoseconds.seconds(1)
    /// No step is longer, in seconds: what files hold can't be further apart.
    private static let longestStep: Int64 = 1 << 23

    /// The entries of all results, by offset from the whole second in which the first of them
    /// began, and the length of each in seconds.
    ///
    /// - Parameter step: the least length of an entry.
    static func joined(
        _ results: [RunResult],
        step least: Int = 1
    ) -> (intervals: [RunInterval], step: Int) {
        let origin = results.map { $0.startedAt / second }.min() ?? 0
        var step = Int64(max(least, results.map(\.intervalSeconds).max() ?? 1))
        let starts = results.flatMap { result in
            result.intervals.map { result.startedAt / second + Int64($0.startSeconds) }
        }
        guard let first = starts.min(), let last = starts.max() else { return ([], Int(step)) }
        while last / step - first / step >= most, step < longestStep { step *= 2 }
        while true {
            let entries = entries(results, step: step, from: origin)
            let cells = entries.reduce(0) { $0 + $1.cells }
            guard cells > mostCells, entries.count > least, step < longestStep else {
                return (entries, Int(step))
            }
            step *= 2
        }
    }

    private static func entries(
        _ results: [RunResult],
        step: Int64,
        from origin: Int64
    ) -> [RunInterval] {
        var entries: [Int64: RunInterval] = [:]
        for result in results {
            for interval in result.intervals {
                let place = (result.startedAt / second + Int64(interval.startSeconds)) / step
                // The first one may begin before the first run did.
                let start = Int(max(0, place * step - origin))
                entries[place, default: RunInterval(from: start, length: Int(step))]
                    .add(interval)
            }
        }
        return entries.sorted { $0.key < $1.key }.map(\.value)
    }
}

extension RunInterval {
    fileprivate var cells: Int {
        ttft.buckets.count + gap.buckets.count + tpot.buckets.count + e2e.buckets.count
    }

    /// Adds what happened in `part`, an interval within this one. Streams in flight are those of
    /// all parts together; a step is a power of two, so their mean stays exact.
    fileprivate mutating func add(_ part: RunInterval) {
        started += part.started
        completed += part.completed
        completedInWindow += part.completedInWindow
        failed += part.failed
        cancelled += part.cancelled
        events += part.events
        tokenEvents += part.tokenEvents
        inFlight += part.inFlight * Double(part.seconds) / Double(seconds)
        let busy = part.busiest.isFinite ? part.busiest : 0
        busiest = max(busiest, busy)
        ttft.merge(part.ttft)
        gap.merge(part.gap)
        tpot.merge(part.tpot)
        e2e.merge(part.e2e)
        good += part.good
        bad += part.bad
        goodInWindow += part.goodInWindow
        failures.merge(part.failures, uniquingKeysWith: +)
    }
}
