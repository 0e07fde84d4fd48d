// What a loop hands over when it ends, besides the counters and histograms that could be read all
// along.

import CSupport

/// The account of one loop that has ended.
struct LoopOutcome: Sendable {
    let index: Int
    let cpu: Int32?
    /// Of the measured window.
    let usage: LoopUsage
    let priority: LoopPriority
    let gaveUpPriorityAt: Instant?
    /// In the order of the run's classes.
    let classes: [ClassOutcome]
}

/// What one class of load came to in one loop.
struct ClassOutcome: Sendable {
    let dialect: Dialect
    /// Whether events decided it.
    var isDialectRecognised = false
    let finishReasons: [String: UInt64]
    let eventTypes: [String: UInt64]
    let errors: [ErrorLog.Entry]
    let unfinished: [Metric: UnfinishedWaits]
    let lastFinish: Instant
    /// Ciphertext bytes that TLS connections have sent.
    let tlsBytesSent: UInt64
    /// Open model: instants of the starts, as far as they were kept.
    var starts: [Int64] = []
    /// The last start, kept or not.
    var lastStart = Instant.none
    /// The most that a start of the measured window came after its instant, nanoseconds.
    var greatestLateness: Int64 = 0
}

extension LoopThread {
    /// To be called once, after `run`.
    func outcome(cpu: Int32?) -> LoopOutcome {
        LoopOutcome(
            index: index,
            cpu: cpu,
            usage: usage,
            priority: hold.priority,
            gaveUpPriorityAt: hold.gaveUpAt,
            classes: (0..<classCount).map { classes[$0].outcome }
        )
    }
}
