// From `--stage` to a line of load, and which other flags can't stand beside it.

import SSEBombCore

/// One `--stage` as it was written.
struct StageValue: Equatable {
    /// How it was written.
    let text: String
    let stage: LoadStage
    /// Arrivals a second, not streams.
    let isRate: Bool
}

extension LoadOptions {
    /// The line that the stages make; nil without any.
    func loadLine() throws(SetupError) -> (line: LoadLine, isRate: Bool)? {
        guard let one = stage.first else { return nil }
        if let other = stage.first(where: { $0.isRate != one.isRate }) {
            let (rate, streams) = one.isRate ? (one, other) : (other, one)
            throw SetupError(
                .usage,
                "--stage \(rate.text) is a rate and --stage \(streams.text) a number of streams:"
                    + " write all of them with /s, or none"
            )
        }
        try excludeBesideStages(one)
        let first = one.isRate ? rate ?? 0 : Double(streams ?? 0)
        var line = LoadLine(from: first, stages: [])
        for value in stage {
            guard line.duration + value.stage.duration <= ValueParsing.longestDuration else {
                throw SetupError(.usage, "--stage: together they last more than 366 days")
            }
            line = LoadLine(from: first, stages: line.stages + [value.stage])
        }
        guard line.highest > 0 else {
            throw SetupError(
                .usage,
                "--stage: together they ask for nothing: give one of them a time and a target above"
                    + " 0, such as 30s:100"
            )
        }
        if let duration {
            let rest = (warmup ?? 0) + duration - line.duration
            guard rest >= 0 else {
                throw SetupError(
                    .usage,
                    "-d \(DryRun.spell(duration)) is shorter than the stages, which last"
                        + " \(DryRun.spell(line.duration)): leave it out, or make it longer"
                )
            }
            // The last level holds to the end.
            let last = LoadStage(duration: rest, target: line.stages.last?.target ?? first)
            if rest > 0 { line = LoadLine(from: first, stages: line.stages + [last]) }
        }
        guard warmup ?? 0 < line.duration else {
            throw SetupError(
                .usage,
                "--warmup leaves nothing of the stages to measure: they last"
                    + " \(DryRun.spell(line.duration))"
            )
        }
        return (line, one.isRate)
    }

    /// `stages` are those of streams.
    func checkRampDown(_ stages: LoadLine?) throws(SetupError) {
        guard rampDown != nil, stages == nil else { return }
        throw SetupError(.usage, "--ramp-down is for streams that follow stages: add --stage T:N")
    }

    private func excludeBesideStages(_ one: StageValue) throws(SetupError) {
        let excluded: [(flag: String, isGiven: Bool, remedy: String)] = [
            ("--ramp", ramp != nil, "write it as a stage"),
            (
                "-R", rate != nil && !one.isRate,
                "write a stage of a rate as in 30s:200/s, or leave -R out"
            ),
            (
                "-c", streams != nil && one.isRate,
                "write a stage of streams as in 30s:200; or bound the streams of a rate with"
                    + " --max-streams"
            ),
            (
                "--ramp-down", rampDown != nil && one.isRate,
                "a lower rate ends no stream; leave it out"
            ),
        ]
        for (flag, isGiven, remedy) in excluded where isGiven {
            throw SetupError(.usage, "\(flag) doesn't go with --stage \(one.text): \(remedy)")
        }
    }
}

extension ValueParsing {
    /// "30s:500" is a number of streams, "30s:200/s" a rate.
    static func stage(_ text: String) throws(ValueError) -> StageValue {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty else {
            throw ValueError("write T:N such as 30s:500 (streams) or 30s:200/s (arrivals)")
        }
        let time = try duration(String(parts[0]))
        let level = String(parts[1])
        let isRate = level.contains("/")
        let target = isRate ? try rate(level) : Double(try count(level))
        guard !isRate || target <= OpenLoad.highestRate else {
            throw ValueError("the highest rate of arrivals is 1,000,000 a second")
        }
        // More streams than any kernel allows are refused with the other numbers of streams.
        let stage = LoadStage(duration: time, target: target)
        return StageValue(text: text, stage: stage, isRate: isRate)
    }
}
