// From `--turns`, `--think` and `--session-rate` to sessions, and which other flags can't stand
// beside them.

import ArgumentParser
import SSEBombCore

/// A quantity that may be drawn, and its text.
struct DrawnValue: Equatable {
    var law: Distribution
    var text: String
}

/// Users with conversations of several turns.
struct SessionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Each slot is a user with a conversation of so many turns, answers included: a number, "
                + "uniform:A,B, normal:MEAN,SD, lognormal:MEDIAN,SIGMA or exp:MEAN.",
            valueName: "N"
        ),
        transform: ValueParsing.turns
    )
    var turns: DrawnValue?

    @Option(
        help: ArgumentHelp("Sessions that arrive per second: -R with --turns.", valueName: "N/s"),
        transform: ValueParsing.arrivalRate
    )
    var sessionRate: Double?
}

extension LoadOptions {
    /// The same with `-R` in place of its other name.
    func withRateOfSessions() throws(SetupError) -> LoadOptions {
        guard let asked = session.sessionRate else { return self }
        if session.turns == nil {
            throw SetupError(
                .usage,
                "--session-rate needs --turns: say how many turns a session has, such as --turns 4"
            )
        }
        if rate != nil {
            throw SetupError(.usage, "--session-rate and -R both give the rate: keep one of them")
        }
        var options = self
        options.rate = asked
        return options
    }

    /// The sessions that were asked for.
    func sessions() throws(SetupError) -> Sessions? {
        guard let turns = session.turns else {
            if let think, think.pause == nil {
                throw SetupError(
                    .usage,
                    "--think '\(think.text)' is drawn for each turn of a session: add --turns, or "
                        + "give one time such as 2s"
                )
            }
            return nil
        }
        var isReplay = trace.file != nil
        if case .trace = arrivals { isReplay = true }
        let obstacles: [(Bool, String)] = [
            (isReplay, "a trace: its rows say what each request is; leave it out"),
            (
                (think?.pause ?? 0) > Int64(Distribution.most),
                "a --think of more than a day: give a shorter one"
            ),
            (!stage.isEmpty, "--stage: say how many users with -c, or sessions a second with -R"),
        ]
        if let obstacle = obstacles.first(where: \.0) {
            throw SetupError(.usage, "--turns doesn't go with \(obstacle.1)")
        }
        return Sessions(
            turns: turns.law,
            think: think?.law ?? .constant(0),
            turnsText: turns.text,
            thinkText: think?.text ?? ""
        )
    }
}

extension DrawnValue {
    /// The time in nanoseconds, where it is always the same.
    var pause: Int64? {
        guard case .constant(let time) = law else { return nil }
        return Int64(time)
    }
}

extension ValueParsing {
    /// "4", "uniform:1,8": turns of a session.
    static func turns(_ text: String) throws(ValueError) -> DrawnValue {
        let most = Sessions.mostTurns
        guard
            let law = try? Distribution(parsing: text, as: .count, flag: "--turns"),
            Sessions.takes(turns: law)
        else {
            throw ValueError(
                "write a number of turns from 1 to \(most), or uniform:2,8, exp:4, normal:4,1 or "
                    + "lognormal:4,0.5"
            )
        }
        return DrawnValue(law: law, text: text)
    }

    /// "2s", "exp:2s": a pause.
    static func pause(_ text: String) throws(ValueError) -> DrawnValue {
        if let time = try? duration(text) {
            // Of several parts: in the one unit that result files are read back with.
            let isPlain = (try? Distribution(parsing: text, as: .duration, flag: "--think")) != nil
            return DrawnValue(
                law: .constant(Double(time)),
                text: isPlain ? text : "\(Double(time) / 1e9)s"
            )
        }
        guard let law = try? Distribution(parsing: text, as: .duration, flag: "--think") else {
            throw ValueError(
                "write a time such as 500ms, 30s, 1m30s or 2h; with --turns also exp:2s, "
                    + "normal:2s,1s, lognormal:2s,0.5 or uniform:1s,5s"
            )
        }
        return DrawnValue(law: law, text: text)
    }
}
