// Where an event's data says when it was sent (`--sent-at`): the plan's own form, as the user named
// it. Knows neither JSON text nor clocks; SendTimeReader reads events by it.

/// The place of the send time in an event's data, and its unit.
public struct SendTimePath: Sendable, Equatable {
    /// One step from a value to a part of it.
    public struct Step: Sendable, Equatable {
        /// The object's member, as its key is spelled in the JSON text; nil where only an array's
        /// element is meant.
        public var key: [UInt8]?
        /// The array's element, from 0; nil where only an object's member is meant.
        public var index: Int?

        /// A step that fits an object by `key`, an array by `index`.
        public init(key: [UInt8]?, index: Int?) {
            self.key = key
            self.index = index
        }
    }

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

    /// More steps than any event has levels; below what `JSONScanner` reads.
    public static let mostSteps = 32

    /// From the outermost value on; empty where the data itself is the time.
    public var steps: [Step]
    /// Of the number at its end.
    public var unit: Unit

    /// A path of at most `mostSteps` steps.
    public init(steps: [Step], unit: Unit) {
        precondition(steps.count <= Self.mostSteps)
        self.steps = steps
        self.unit = unit
    }

    /// The path in the notation of `--sent-at`, its unit included.
    public var text: String {
        var text = ""
        for step in steps {
            if let key = step.key {
                text += (text.isEmpty ? "" : ".") + String(decoding: key, as: UTF8.self)
            } else if let index = step.index {
                text += "[\(index)]"
            }
        }
        return (text.isEmpty ? "." : text) + ":\(unit.rawValue)"
    }
}
