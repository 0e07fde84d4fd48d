// A load that changes, stage by stage: what was asked of each, and what the time line shows of it.
// Must not know how either is printed.

public import SSEBombCore

extension RunPlan {
    /// The process's own load over time, of either model; nil where it doesn't change.
    public var line: LoadLine? {
        guard let line = stages ?? arrivals?.line, !rank.isAlone else {
            return stages ?? arrivals?.line
        }
        let parts = line.stages.map {
            LoadStage(duration: $0.duration, target: rank.share(of: $0.target))
        }
        return LoadLine(from: rank.share(of: line.first), stages: parts)
    }

    /// What stands behind a level: nothing for streams.
    public var levelUnit: String { stages == nil ? "/s" : "" }
}

extension LoadLine {
    /// In one line, such as "from 0/s, 30 s to 200/s, 1 min to 200/s"; `time` spells a time.
    public func words(_ unit: String, _ time: (Int64) -> String) -> String {
        let most = 8
        var parts = ["from \(Units.number(first))\(unit)"]
        parts += stages.prefix(most).map { stage in
            let target = "to \(Units.number(stage.target))\(unit)"
            return stage.duration > 0 ? "\(time(stage.duration)) \(target)" : "at once \(target)"
        }
        if stages.count > most { parts.append("... (\(Units.count(stages.count)) stages)") }
        return parts.joined(separator: ", ")
    }
}

extension RunResult {
    /// One for each stage that takes time; empty where the load doesn't change.
    var stageAccounts: [StageAccount] {
        if let knownStages { return knownStages }
        guard let line = plan.line else { return [] }
        // What a share of a schedule was asked for is not known by the second.
        let isShare = plan.arrivals?.share != nil
        var accounts: [StageAccount] = []
        var (start, from) = (Int64(0), line.first)
        for stage in line.stages {
            defer {
                start += stage.duration
                from = stage.target
            }
            guard stage.duration > 0 else { continue }
            let inside = wholeIntervals(from: start, to: start + stage.duration)
            let seconds = inside.reduce(0) { $0 + $1.seconds }
            accounts.append(
                StageAccount(
                    start: start,
                    duration: stage.duration,
                    from: from,
                    target: stage.target,
                    seconds: seconds,
                    asked: isShare
                        ? nil : mean(inside, seconds) { line.mean(of: $0) * Double($0.seconds) },
                    achieved: mean(inside, seconds) {
                        plan.arrivals == nil
                            ? $0.inFlight * Double($0.seconds) : Double($0.started)
                    }
                )
            )
        }
        return accounts
    }

    /// The intervals of the time line between two times of the run, without the last of all, which
    /// ends with the run and not with a second.
    func wholeIntervals(from start: Int64, to end: Int64) -> [RunInterval] {
        intervals.dropLast().filter {
            Int64($0.startSeconds) * 1_000_000_000 >= start
                && Int64($0.startSeconds + $0.seconds) * 1_000_000_000 <= end
        }
    }

    private func mean(
        _ intervals: [RunInterval],
        _ seconds: Int,
        _ sum: (RunInterval) -> Double
    ) -> Double? {
        seconds > 0 ? intervals.reduce(0) { $0 + sum($1) } / Double(seconds) : nil
    }
}

extension LoadLine {
    /// Mean level asked for in an interval of the time line.
    func mean(of interval: RunInterval) -> Double {
        mean(
            from: Int64(interval.startSeconds) * 1_000_000_000,
            to: Int64(interval.startSeconds + interval.seconds) * 1_000_000_000
        )
    }
}
