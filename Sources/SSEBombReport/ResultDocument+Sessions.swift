// The result file's part on sessions: its shape, how it comes about, and how it is read back.

import SSEBombCore

extension ResultDocument {
    /// What became of sessions, and how long their turns took.
    struct SessionsRecord: Codable, Equatable, Sendable {
        var started: UInt64
        var completed: UInt64
        var failed: UInt64
        var tooLong: UInt64
        var unfinished: UInt64
        var turns: [Turn]

        struct Turn: Codable, Equatable, Sendable {
            var turn: Int
            var ttft: MetricRecord?
            var e2e: MetricRecord?
        }

        enum CodingKeys: String, CodingKey {
            case started, completed, failed
            case tooLong = "too_long"
            case unfinished, turns
        }
    }
}

extension ResultDocument.SessionsRecord {
    init(_ report: SessionReport) {
        started = report.started
        completed = report.completed
        failed = report.failed
        tooLong = report.tooLong
        unfinished = report.unfinished
        turns = report.turns.map { turn in
            Turn(
                turn: turn.number,
                ttft: .init(turn.ttft, unfinished: nil, basis: nil),
                e2e: .init(turn.e2e, unfinished: nil, basis: nil)
            )
        }
    }
}

extension SessionReport {
    init(restoring record: ResultDocument.SessionsRecord) throws(ResultFault) {
        self.init()
        started = record.started
        completed = record.completed
        failed = record.failed
        tooLong = record.tooLong
        for turn in record.turns {
            guard turn.turn > 0 else { throw .field("sessions.turns.turn") }
            turns.append(
                Turn(
                    turn.turn,
                    ttft: try turn.ttft?.snapshot("sessions.turns.ttft") ?? HistogramSnapshot(),
                    e2e: try turn.e2e?.snapshot("sessions.turns.e2e") ?? HistogramSnapshot()
                )
            )
        }
    }
}

extension ResultDocument.Plan {
    /// The sessions that were asked for.
    func sessions() throws(ResultFault) -> Sessions? {
        guard let turns else { return nil }
        let pause = think ?? ""
        do throws(SetupError) {
            return Sessions(
                turns: try Distribution(parsing: turns, as: .count, flag: "turns"),
                think: pause.isEmpty
                    ? .constant(0)
                    : try Distribution(parsing: pause, as: .duration, flag: "think"),
                turnsText: turns,
                thinkText: pause
            )
        } catch {
            throw .unknown("plan.turns, plan.think", "\(turns), \(pause)")
        }
    }
}
