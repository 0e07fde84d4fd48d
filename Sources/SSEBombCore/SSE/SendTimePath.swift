// Where an event's data says when it was sent (`--sent-at`): the plan's own form, as the user named
// it. Knows neither JSON text nor clocks; SendTimeReader reads events by it.

/// The place of the send time in an event's data, and its unit.
public struct SendTimePath: Sendable, Equatable {
    /// The unit of the number.
    public enum Unit: String, Sendable, CaseIterable {
        /// Nanoseconds.
        case ns
        /// Microseconds.
        case us
        /// Milliseconds.
        case ms
        /// Seconds.
        case s

        /// How many powers of ten it is above the nanosecond.
        var exponent: Int {
            switch self {
            case .ns: 0
            case .us: 3
            case .ms: 6
            case .s: 9
            }
        }
    }

    /// Where the number stands; of no steps where the data itself is the time.
    public var path: JSONPath
    /// Of the number at its end.
    public var unit: Unit

    /// A number at `path`.
    public init(path: JSONPath, unit: Unit) {
        self.path = path
        self.unit = unit
    }

    /// The path in the notation of `--sent-at`, its unit included.
    public var text: String { "\(path.text):\(unit.rawValue)" }
}
