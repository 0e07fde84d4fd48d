// What a load asks for while it goes on, to hold against it what happens: streams of the closed
// model, starts of the open one. Must not know where it is shown.

import SSEBombCore
import SSEBombReport

/// What all classes of a run ask for. Times are nanoseconds from the start of the ramp.
struct LiveTarget {
    private let closed: [RunPlan]
    private let open: [RunPlan]
    /// Arrivals of all open ones; nil where there is no such number.
    private let requests: UInt64?

    init(_ plans: [RunPlan]) {
        closed = plans.filter { $0.arrivals == nil }
        open = plans.filter { $0.arrivals != nil }
        requests = open.isEmpty ? nil : ClassLoad.joint(open).requests
    }

    /// Streams that are asked for at a time; nil in the open model, which asks for none.
    func streams(at time: Int64) -> Int? {
        guard !closed.isEmpty else { return nil }
        return closed.reduce(0) { sum, plan in
            // The slack of the schedule: levels are asked for whole.
            sum + (plan.line.map { Int($0.level(at: time) + 1e-6) } ?? plan.streams)
        }
    }

    /// Whether starts can be held against a rate: not where other classes start when they can, or
    /// later turns without an arrival, and not of a trace, which has no law.
    private var hasComparableStarts: Bool {
        closed.isEmpty && open.allSatisfy { $0.sessions == nil && $0.arrivals?.trace == nil }
    }

    /// Arrivals a second that are asked for from one time to another, mean.
    private func arrivals(from start: Int64, to end: Int64) -> Double {
        guard end > start else { return 0 }
        return open.reduce(0) { sum, plan in
            guard let load = plan.arrivals else { return sum }
            if let line = plan.line {
                return sum + line.mean(from: start, to: end) * Self.share(load)
            }
            let last = plan.duration.map { plan.ramp + plan.warmup + $0 } ?? .max
            let part = Double(max(0, min(end, last) - max(0, start))) / Double(end - start)
            return sum + (plan.askedRate ?? 0) * part
        }
    }

    /// Whether starts are still asked for: with -n alone nobody knows beforehand how long. False,
    /// too, where it can't be told from the starts of all, for one class has such a number and
    /// another hasn't, or a session starts more than one request.
    private func hasArrivals(_ progress: RunProgress) -> Bool {
        guard progress.phase.rawValue < RunPhase.drain.rawValue else { return false }
        guard open.contains(where: { $0.requests != nil }) else { return true }
        guard closed.isEmpty, let requests else { return false }
        return progress.started + progress.waiting < requests
    }

    // MARK: Words

    /// Streams in flight, beside those that are asked for.
    func streams(_ progress: RunProgress) -> String {
        let held = "\(Units.count(progress.inFlight)) in flight"
        let room = Units.count(open.reduce(0) { $0 + $1.streams })
        guard let asked = streams(at: progress.elapsed) else { return "\(held), room for \(room)" }
        guard open.isEmpty else {
            if progress.phase.rawValue >= RunPhase.drain.rawValue { return held }
            return "\(held); asked for: \(Units.count(asked)), and \(rate(progress) ?? "arrivals")"
        }
        guard closed.allSatisfy({ $0.line == nil }) else {
            return "\(held), \(Units.count(asked)) asked for now"
        }
        return "\(Units.count(progress.inFlight)) of \(Units.count(asked)) in flight"
    }

    /// The same in as few words as it takes.
    func shortStreams(_ progress: RunProgress) -> String {
        let held = Units.count(progress.inFlight)
        guard open.isEmpty, let asked = streams(at: progress.elapsed) else { return held }
        return "\(held)/\(Units.count(asked))"
    }

    /// Starts a second of these intervals, beside those that were asked for; nil in the closed
    /// model, and before there is an interval.
    func starts(_ recent: ArraySlice<RunInterval>, _ progress: RunProgress) -> String? {
        guard closed.isEmpty, let first = recent.first, let last = recent.last else { return nil }
        let seconds = recent.reduce(0) { $0 + $1.seconds }
        let started = recent.reduce(0) { $0 + Double($1.started) }
        let text = "\(Units.rate(started / Double(max(1, seconds)))) in the last \(seconds) s"
        guard hasArrivals(progress) else { return text }
        guard hasComparableStarts else {
            return rate(progress).map { "\(text); asked for: \($0)" } ?? text
        }
        let second = Nanoseconds.seconds(1)
        let asked = arrivals(
            from: Int64(first.startSeconds) * second,
            to: Int64(last.startSeconds + last.seconds) * second
        )
        return "\(text), \(Units.number(asked)) asked for"
    }

    /// The rate that is asked for now; nil of a trace, and where none is.
    private func rate(_ progress: RunProgress) -> String? {
        guard hasArrivals(progress), open.allSatisfy({ $0.arrivals?.trace == nil }) else {
            return nil
        }
        let now = open.reduce(0) { sum, plan in
            guard let load = plan.arrivals else { return sum }
            guard let line = plan.line else { return sum + (plan.askedRate ?? 0) }
            return sum + line.level(at: progress.elapsed) * Self.share(load)
        }
        let what = open.allSatisfy { $0.sessions == nil } ? "requests" : "sessions"
        return "\(Units.number(now)) \(what)/s"
    }

    private static func share(_ load: OpenLoad) -> Double {
        load.share.map { $0.to - $0.from } ?? 1
    }
}
