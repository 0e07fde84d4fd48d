// Figures that several reports derive from a run in the same way, so that text and file can't
// disagree. Must not know how they are shown.

import SSEBombCore

extension RunResult {
    /// Length of the measured window in seconds; nil when there was none.
    var measuredSeconds: Double? { measured > 0 ? Double(measured) / 1e9 : nil }

    /// Requests a second that met the objectives; nil without these, or without a measured window.
    var goodput: Double? {
        guard counts.objectives != nil, let window = rateWindow else { return nil }
        return Double(window.good) / window.seconds
    }

    /// The API as the command line names it (`--api`); nil while unknown.
    var apiName: String? {
        // Classes of several APIs have none in common.
        let names = Set(classes.map(\.result.apiName))
        if names.count > 1 { return nil }
        return dialect.name
    }

    /// What is asked of servers: one request, or one of each class of load.
    var requests: [RequestSpecification] {
        classes.isEmpty ? [plan.request] : classes.map(\.result.plan.request)
    }

    /// "closed", "open", or "mixed" where classes of load differ in that.
    var loadModel: String {
        let plans = classes.isEmpty ? [plan] : classes.map(\.result.plan)
        let open = plans.count { $0.arrivals != nil }
        return open == 0 ? "closed" : open == plans.count ? "open" : "mixed"
    }

    /// Whether some of the load is a rate: a start may then come after its time.
    var hasRates: Bool { loadModel != "closed" }

    /// Arrivals that never got a stream; nil where no load was a rate.
    var droppedArrivals: UInt64? {
        if plan.arrivals != nil { return counts.dropped }
        // The plan of classes that differ in their load has no rate.
        let open = classes.map(\.result).filter { $0.plan.arrivals != nil }
        return open.isEmpty ? nil : open.reduce(0) { $0 + $1.counts.dropped }
    }

    /// Whether tokens were counted at all: where no event was recognised, none could be.
    var hasTokens: Bool {
        apiName != nil || classes.contains { $0.result.hasTokens }
    }

    /// "kernel", "user" or "mixed", by the streams that each clock timed; nil without streams.
    var clockName: String? {
        switch (counts.kernelClockStreams > 0, counts.userClockStreams > 0) {
        case (true, false): "kernel"
        case (false, true): "user"
        case (true, true): "mixed"
        case (false, false): nil
        }
    }

    /// "realtime" or "normal" where every loop had that all the time, "mixed" where not; nil
    /// without loops.
    var priorityName: String? {
        guard let first = loops.first?.priority else { return nil }
        let isUniform = loops.allSatisfy {
            $0.priority == first && $0.gaveUpPriorityAtSeconds == nil
        }
        return isUniform ? first.rawValue : "mixed"
    }

    /// Name of the signal that ended the run early.
    var signalName: String? {
        switch interruptedBy {
        case nil: nil
        case 1: "SIGHUP"
        case 2: "SIGINT"
        case 15: "SIGTERM"
        case let number?: "signal \(number)"
        }
    }

    /// Events that the loops handled over the whole run, ramp and drain included.
    var handledEvents: UInt64 { loops.reduce(0) { $0 &+ $1.events } }

    /// CPU time of the process per handled event, in nanoseconds; nil without events.
    var cpuPerEvent: Double? {
        handledEvents > 0 ? Double(cpuUser + cpuSystem) / Double(handledEvents) : nil
    }

    /// Samples above 86,400 s, over all metrics.
    var clipped: UInt64 { histograms.values.reduce(0) { $0 &+ $1.clipped } }

    /// How the tokens behind a metric were counted; nil for metrics without tokens.
    func basis(of metric: Metric) -> TokenBasis? {
        switch metric {
        case .itl: counts.itlBasis
        case .tpot: counts.tpotBasis
        default: nil
        }
    }
}

extension RunCounts {
    /// Requests of which it is known whether they failed: one that was given up by plan did not,
    /// and of a cut one there is no telling.
    var decided: UInt64 { completed + failed + cancelled }
}

extension [RequestSpecification] {
    /// What all of them have in common; nil where they differ in it.
    func common<Value: Equatable>(_ part: (RequestSpecification) -> Value) -> Value? {
        guard let first = first.map(part) else { return nil }
        return allSatisfy { part($0) == first } ? first : nil
    }
}

/// The percentiles of every report.
enum ReportedPercentile: Double, CaseIterable {
    case p50 = 50
    case p90 = 90
    case p95 = 95
    case p99 = 99
    case p999 = 99.9

    /// Name in the result file.
    var key: String { self == .p999 ? "p999" : "p\(Int(rawValue))" }
    /// Name in tables.
    var title: String { self == .p999 ? "p99.9" : key }

    /// The samples that it takes to state it.
    var floor: UInt64 { HistogramSnapshot.floor(ofPercentile: rawValue) }

    /// Whether `count` samples support it.
    func isSupported(by count: UInt64) -> Bool {
        HistogramSnapshot.isSupported(percentile: rawValue, count: count)
    }
}
