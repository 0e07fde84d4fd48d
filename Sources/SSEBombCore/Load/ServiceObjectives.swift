// What a request has to keep to be a good one (`--slo`), and how one that is over is judged by it.
// Must not know how objectives are written or shown; what is counted, LoopThread+Objectives says.

/// Limits that a request has to keep, all of them (docs/MEASUREMENT.md, "Goodput and attainment").
public struct ServiceObjectives: Sendable, Equatable {
    /// At most one for each of `metrics`; empty for a whole run whose classes have unlike ones.
    public var limits: [Objective]

    /// The metrics that one request has one value of, and that say something about the server.
    public static let metrics: [Metric] = [
        .ttft, .ttftFresh, .ttftSched, .ttfe, .ttfo, .tpot, .e2e, .e2eSched, .lastToken, .maxGap,
        .headers, .connect, .tls,
    ]

    /// Makes objectives.
    public init(_ limits: [Objective]) { self.limits = limits }

    /// As they were written, separated by commas.
    public var text: String { limits.map(\.text).joined(separator: ",") }

    /// What stands for the classes of a run: their common objectives, none in particular where they
    /// differ, nil where no class has any.
    static func joint(_ all: [ServiceObjectives?]) -> ServiceObjectives? {
        guard let first = all.first(where: { $0 != nil }) else { return nil }
        return all.allSatisfy { $0 == first } ? first : ServiceObjectives([])
    }
}

/// One limit.
public struct Objective: Sendable, Equatable {
    /// One of `ServiceObjectives.metrics`.
    public let metric: Metric
    /// The greatest value that keeps it, nanoseconds: stamps are whole ones, so "less than 500 ms"
    /// is 499,999,999.
    public let greatest: Int64
    /// As it was written, e.g. "ttft<500ms".
    public let text: String

    /// Makes a limit.
    public init(metric: Metric, greatest: Int64, text: String) {
        self.metric = metric
        self.greatest = greatest
        self.text = text
    }
}

// MARK: - Judgement

/// What a request that is over says about a limit.
enum ObjectiveState: Int, Comparable {
    case kept
    /// The request was given up before that was decided.
    case undecided
    case missed

    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

extension Objective {
    /// Judges a request that ended at `now`, whatever became of it.
    func state(_ request: StreamSlot, now: Instant, _ outcome: StreamOutcome) -> ObjectiveState {
        let state = state(request, now: now, isCompleted: outcome == .completed)
        // Else a request that the client ended could miss such a limit and never keep it, and the
        // share of those that kept it would be of misses alone.
        let isKept = outcome == .cancelled && isToldByEnd && request.tok0.isSet
        return state == .undecided && isKept ? .kept : state
    }

    /// Whether only the end of a stream with tokens tells that it was kept.
    private var isToldByEnd: Bool {
        [.e2e, .e2eSched, .lastToken, .maxGap, .tpot].contains(metric)
    }

    /// The same where it completed, or ended otherwise.
    ///
    /// What never came in a completed request is missed: an empty answer must not be a good one.
    /// What can't be in it (a gap with a single token, a connect on a kept connection) is kept. In
    /// a request that ended otherwise a wait that was longer than the limit is missed.
    func state(_ request: StreamSlot, now: Instant, isCompleted: Bool) -> ObjectiveState {
        func first(_ from: Instant, _ at: Instant) -> ObjectiveState {
            if at.isSet { return judged(at - from) }
            if isCompleted { return .missed }
            return exceeded(since: from, now)
        }
        switch metric {
        case .ttft: return first(request.send0, request.tok0)
        case .ttftSched: return first(request.sched, request.tok0)
        case .ttfe: return first(request.send0, request.ev0)
        case .ttfo: return first(request.send0, request.out0)
        case .headers: return first(request.send0, request.hdr)
        case .ttftFresh, .connect, .tls:
            // Not of a request on a kept connection.
            guard request.conn0.isSet else { return .kept }
            if metric == .connect { return first(request.conn0, request.conn1) }
            if metric == .tls { return first(request.conn1, request.tls1) }
            return first(request.conn0, request.tok0)
        case .e2e, .e2eSched:
            let from = metric == .e2e ? request.send0 : request.sched
            return isCompleted ? judged(now - from) : exceeded(since: from, now)
        case .lastToken:
            guard request.tok0.isSet else { return first(request.send0, .none) }
            let soFar = judged(request.tokN - request.send0)
            return isCompleted || soFar == .missed ? soFar : .undecided
        case .maxGap:
            if judged(request.maxGap) == .missed { return .missed }
            return isCompleted ? .kept : exceeded(since: request.tokN, now)
        case .tpot:
            guard isCompleted else { return .undecided }
            return request.timePerToken.map(judged) ?? .kept
        // Not in `ServiceObjectives.metrics`.
        case .gap, .itl, .oneWay, .reconnect, .serverPrefill, .serverDecode, .serverQueue,
            .deliveryLag, .sendLag, .stampWindow:
            return .kept
        }
    }

    private func judged(_ time: Int64) -> ObjectiveState { time <= greatest ? .kept : .missed }

    /// A wait that has begun and not ended: missed once it is longer than the limit.
    private func exceeded(since start: Instant, _ now: Instant) -> ObjectiveState {
        start.isSet && now - start > greatest ? .missed : .undecided
    }
}

extension StreamSlot {
    /// Mean time a token, nanoseconds (METRICS: tpot); nil where it is undefined.
    var timePerToken: Int64? {
        let tokens = completionTokens
        guard tokens > firstTokens, tokN > tok0 else { return nil }
        return (tokN - tok0) / (tokens - firstTokens)
    }
}
