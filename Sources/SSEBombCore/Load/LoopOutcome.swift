// What a loop hands over when it ends, besides the counters and histograms that could be read all
// along.

import CSupport

/// The account of one loop that has ended.
struct LoopOutcome: Sendable {
    let index: Int
    let cpu: Int32?
    let dialect: Dialect
    let finishReasons: [String: UInt64]
    let eventTypes: [String: UInt64]
    let errors: [ErrorLog.Entry]
    let unfinished: [Metric: UnfinishedWaits]
    let busy: Double
    /// From the loop's start to its end, nanoseconds.
    let lifetime: Int64
    let lastFinish: Instant
    let involuntarySwitches: Int64
    let runQueueWait: Int64?
    let priority: LoopPriority
    let gaveUpPriorityAt: Instant?
    /// Ciphertext bytes that TLS connections have sent.
    let tlsBytesSent: UInt64
    /// Open model: instants of the starts, as far as they were kept.
    var starts: [Int64] = []
    /// The last start, kept or not.
    var lastStart = Instant.none
}

extension LoopThread {
    /// To be called once, after `run`.
    func outcome(cpu: Int32?) -> LoopOutcome {
        let lifetime = max(1, ended - began)
        return LoopOutcome(
            index: index,
            cpu: cpu,
            dialect: dialect,
            finishReasons: finishReasons.all(),
            eventTypes: eventTypes.all(),
            errors: errors.entries,
            unfinished: unfinished.all,
            busy: max(0, 1 - Double(stats.value(.idleNanoseconds)) / Double(lifetime)),
            lifetime: lifetime,
            lastFinish: lastFinish,
            involuntarySwitches: usage.involuntary_switches,
            runQueueWait: runQueueWait,
            priority: hold.priority,
            gaveUpPriorityAt: hold.gaveUpAt,
            tlsBytesSent: feed.sentBytes,
            starts: arrivals?.starts.all ?? [],
            lastStart: arrivals?.lastStart ?? .none
        )
    }
}
