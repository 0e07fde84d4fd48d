// Whether a run is to be believed: a state, and each reason as a sentence that names the figure,
// the bound and the remedy. Must not know how a verdict is shown, nor where its reasons come from.

/// The verdict on a measurement (docs/MEASUREMENT.md, "Is this run to be believed?").
public struct Verdict: Sendable, Equatable {
    /// How far the figures can be trusted; a run is as bad as its worst reason.
    public enum State: String, Sendable, Comparable {
        /// Nothing was found that speaks against the figures.
        case valid
        /// Some figures may be off by more than the report says.
        case suspect
        /// The client, not the server, decided what some figures are.
        case invalid

        private var rank: Int {
            switch self {
            case .valid: 0
            case .suspect: 1
            case .invalid: 2
            }
        }

        /// Worse is greater.
        public static func < (left: State, right: State) -> Bool { left.rank < right.rank }
    }

    /// One thing that speaks against the figures.
    public struct Reason: Sendable, Equatable {
        /// Stable word for scripts, e.g. `loop_busy`.
        public let code: String
        /// What this reason makes of the run.
        public let state: State
        /// For people: figure, bound and remedy.
        public let sentence: String
        /// The figure, in the unit that the bound has: nanoseconds, a share or a count.
        public let value: Double
        /// The bound that it crossed.
        public let bound: Double

        /// Makes a reason.
        public init(code: String, state: State, sentence: String, value: Double, bound: Double) {
            self.code = code
            self.state = state
            self.sentence = sentence
            self.value = value
            self.bound = bound
        }
    }

    /// Worst first; empty when there is nothing to say.
    public let reasons: [Reason]

    /// Whether something speaks against the figures: that a gate had too few samples to be judged
    /// doesn't, and has an exit status of its own.
    public var isDoubted: Bool { reasons.contains { $0.code != "too_few_samples" } }

    /// What the arrivals say about the server, such as that it sends in bursts. Nothing that speaks
    /// against the measurement, so it doesn't enter the state.
    public let server: [Reason]

    /// The load of a self-test that covers the run's; nil where none does, or none was named.
    public let calibration: Calibration.Coverage?

    /// Orders the reasons, the worst first.
    public init(
        reasons: [Reason],
        server: [Reason] = [],
        calibration: Calibration.Coverage? = nil
    ) {
        self.reasons =
            reasons.filter { $0.state == .invalid } + reasons.filter { $0.state != .invalid }
        self.server = server
        self.calibration = calibration
    }

    /// The state of the worst reason.
    public var state: State { reasons.map(\.state).max() ?? .valid }
}
