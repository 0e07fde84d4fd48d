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
        /// The code of a gate that has too few samples to be judged.
        static let tooFewSamples = "too_few_samples"

        /// Stable word for scripts, e.g. `loop_busy`.
        public let code: String
        /// What this reason makes of the run.
        public let state: State
        /// For people: figure, bound and remedy; of a merged result those of the part that is
        /// worst off.
        public let finding: String
        /// The figure, in the unit that the bound has: nanoseconds, a share or a count.
        public let value: Double
        /// The bound that it crossed.
        public let bound: Double
        /// Of a merged result: how many of its parts have the reason. nil in the result of one run.
        public let parts: Parts?

        /// Some of the parts of a merged result.
        public struct Parts: Sendable, Equatable {
            /// How many.
            public var count: Int
            /// Of how many.
            public var all: Int
        }

        /// Makes a reason.
        public init(
            code: String,
            state: State,
            sentence: String,
            value: Double,
            bound: Double,
            parts: Parts? = nil
        ) {
            self.code = code
            self.state = state
            finding = sentence
            self.value = value
            self.bound = bound
            self.parts = parts
        }

        /// The finding, behind how many parts have such a one.
        public var sentence: String {
            guard let parts, parts.all > 1 else { return finding }
            let worst = parts.count > 1 ? ", the worst" : ""
            return "In \(parts.count) of \(parts.all) parts\(worst): \(finding)"
        }
    }

    /// Worst first; empty when there is nothing to say.
    public let reasons: [Reason]

    /// Whether something speaks against the figures: that a gate had too few samples to be judged
    /// doesn't, and has an exit status of its own.
    public var isDoubted: Bool { reasons.contains { $0.code != Reason.tooFewSamples } }

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
