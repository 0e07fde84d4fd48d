// Conversations of several turns, as a plan says them, and the draws that decide each. Knows no
// slot and no socket; LoopThread+Sessions acts on it.

/// Users who have a conversation: each turn carries what was said so far, answers included.
public struct Sessions: Sendable, Equatable {
    /// Turns of a session; drawn for each.
    public var turns: Distribution
    /// Nanoseconds between the end of an answer and the next turn; drawn for each turn.
    public var think: Distribution
    /// `turns` as the user wrote it.
    public var turnsText: String
    /// `think` as the user wrote it; empty where it isn't set.
    public var thinkText: String

    /// Makes a plan of sessions.
    public init(
        turns: Distribution,
        think: Distribution,
        turnsText: String,
        thinkText: String
    ) {
        self.turns = turns
        self.think = think
        self.turnsText = turnsText
        self.thinkText = thinkText
    }

    /// The most turns of a session. A prime: with a law that has no upper bound it is also the
    /// number of prompts set apart for each session, and a file whose size divided it would have
    /// all sessions begin at the same few rows.
    public static let mostTurns: UInt32 = 1_009

    /// Prompts set apart for each session: the next one's begin behind them.
    var promptsApart: UInt32 {
        switch turns {
        case .constant(let turns): Self.whole(turns)
        case .uniform(_, let most): Self.whole(most)
        case .exponential, .lognormal, .normal: Self.mostTurns
        }
    }

    /// Whether users pause, so that fewer streams are open than there are users.
    public var hasThink: Bool { think != .constant(0) }

    /// Whether every bound of `law` is a number of turns that a session can have.
    public static func takes(turns law: Distribution) -> Bool {
        let range = 1...Double(mostTurns)
        return switch law {
        case .constant(let turns): range.contains(turns)
        case .exponential(let mean): range.contains(mean)
        case .lognormal(let median, _): range.contains(median)
        case .normal(let mean, _): range.contains(mean)
        case .uniform(let least, let most): range.contains(least) && range.contains(most)
        }
    }

    /// How many turns the session has.
    func drawTurns(seed: UInt64, _ session: RequestKey) -> UInt32 {
        var random = session.random(seed: seed, purpose: .turns)
        return Self.whole(turns.sample(&random))
    }

    /// Nanoseconds before a turn, which is at least the second.
    func drawThink(before turn: UInt32, seed: UInt64, _ session: RequestKey) -> Int64 {
        var ofSession = session.random(seed: seed, purpose: .thinking)
        var random = SeededRandom(seed: ofSession.next() ^ UInt64(turn))
        return Int64(think.sample(&random).rounded())
    }

    private static func whole(_ turns: Double) -> UInt32 {
        UInt32(min(max(turns.rounded(), 1), Double(mostTurns)))
    }
}

// MARK: - What is recorded

/// What became of sessions, of the whole run, and the latencies of their turns in the measured
/// window.
public struct SessionReport: Sendable {
    /// Latencies of one turn.
    public struct Turn: Sendable {
        /// From 1; the last one stands for all later ones, too.
        public var number: Int
        /// Of its requests.
        public var ttft: HistogramSnapshot
        /// Of the completed ones.
        public var e2e: HistogramSnapshot

        /// Latencies of the turn with this number.
        public init(_ number: Int, ttft: HistogramSnapshot, e2e: HistogramSnapshot) {
            self.number = number
            self.ttft = ttft
            self.e2e = e2e
        }

        /// Its name in reports: "9+" for the last.
        public var name: String {
            number < TurnStats.greatest ? "\(number)" : "\(TurnStats.greatest)+"
        }
    }

    /// Sessions whose first turn started.
    public var started: UInt64 = 0
    /// Of these, those that had all their turns.
    public var completed: UInt64 = 0
    /// Of these, those that a turn which failed ended.
    public var failed: UInt64 = 0
    /// Of these, those whose conversation became too long.
    public var tooLong: UInt64 = 0
    /// Turns that were observed.
    public var turns: [Turn] = []

    /// No sessions.
    public init() {}

    /// Of the started ones, those that the end of the run ended.
    public var unfinished: UInt64 {
        started - min(started, completed &+ failed &+ tooLong)
    }
}

extension ResultMerger {
    /// nil where no class has sessions.
    func sessionReport() -> SessionReport? {
        let loops = stats.compactMap(\.turns)
        guard !loops.isEmpty else { return nil }
        var report = SessionReport()
        report.started = total(.sessionsStarted)
        report.completed = total(.sessionsCompleted)
        report.failed = total(.sessionsFailed)
        report.tooLong = total(.sessionsTooLong)
        for number in 1...TurnStats.greatest {
            var turn = SessionReport.Turn(
                number,
                ttft: HistogramSnapshot(),
                e2e: HistogramSnapshot()
            )
            for loop in loops {
                turn.ttft.merge(HistogramSnapshot(reading: loop.ttft(number)))
                turn.e2e.merge(HistogramSnapshot(reading: loop.e2e(number)))
            }
            if !turn.ttft.isEmpty || !turn.e2e.isEmpty { report.turns.append(turn) }
        }
        return report
    }
}
