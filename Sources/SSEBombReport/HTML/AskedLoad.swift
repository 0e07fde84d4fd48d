// What a run asked for over time, to hold what came against. Must not know how it is drawn.

import SSEBombCore

/// A corner of the line that a load was to follow.
struct AskedPoint: Equatable {
    /// From the start of the ramp.
    let seconds: Double
    /// Streams, or starts a second.
    let level: Double
}

extension RunResult {
    /// Streams that were asked for, from the start to `end` seconds; empty where no one line says
    /// it: in the open model, of classes that follow stages of their own, of merged stages, which
    /// add from each part's own start, and of parts that don't have one window, and so may not have
    /// begun together.
    func askedStreams(until end: Double) -> [AskedPoint] {
        let hasOwnStages = classes.contains { $0.result.plan.stages != nil }
        guard loadModel == "closed", !hasOwnStages else { return [] }
        guard plan.stages == nil else { return merged == nil ? stageLine(until: end) : [] }
        guard merged?.isSameWindow != false else { return [] }
        return Self.level(Double(plan.streams), until: end)
    }

    /// Arrivals that were asked for a second, mean, from the start to their end or to `end`
    /// seconds; empty where starts can't be held against them: in the closed model, of a trace,
    /// with sessions, whose later turns start without an arrival, and of parts that began at
    /// different times.
    func askedStarts(until end: Double) -> [AskedPoint] {
        let hasSessions =
            plan.sessions != nil || classes.contains { $0.result.plan.sessions != nil }
        guard let load = plan.arrivals, load.trace == nil, !hasSessions, merged == nil else {
            return []
        }
        guard load.line == nil else { return stageLine(until: end) }
        let rate = plan.askedRate ?? 0
        var last = end
        if let duration = plan.duration {
            last = min(last, Double(plan.ramp + plan.warmup + duration) / 1e9)
        }
        if let requests = plan.requests, rate > 0 { last = min(last, Double(requests) / rate) }
        return Self.level(rate, until: last)
    }

    private static func level(_ level: Double, until end: Double) -> [AskedPoint] {
        [AskedPoint(seconds: 0, level: level), AskedPoint(seconds: end, level: level)]
    }

    /// The line of the stages, as far as the run got.
    private func stageLine(until end: Double) -> [AskedPoint] {
        var points: [AskedPoint] = []
        for stage in stageAccounts where stage.duration > 0 {
            let (start, length) = (Double(stage.start) / 1e9, Double(stage.duration) / 1e9)
            guard start < end else { break }
            let share = min(1, (end - start) / length)
            let level = stage.from + (stage.target - stage.from) * share
            points.append(AskedPoint(seconds: start, level: stage.from))
            points.append(AskedPoint(seconds: start + length * share, level: level))
        }
        return points
    }
}
