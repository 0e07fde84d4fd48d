// A place in a JSON text, as the user names it: steps from value to value. Knows no JSON text;
// JSONPathReader walks by it.

/// Steps from a JSON text's outermost value to a part of it.
public struct JSONPath: Sendable, Equatable {
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

    /// More steps than any event has levels; below what `JSONScanner` reads.
    public static let mostSteps = 32

    /// From the outermost value on; empty where that is meant itself.
    public var steps: [Step]

    /// A path of at most `mostSteps` steps.
    public init(steps: [Step]) {
        precondition(steps.count <= Self.mostSteps)
        self.steps = steps
    }

    /// The path in the notation of the command line.
    public var text: String {
        var text = ""
        for step in steps {
            if let key = step.key {
                text += (text.isEmpty ? "" : ".") + String(decoding: key, as: UTF8.self)
            } else if let index = step.index {
                text += "[\(index)]"
            }
        }
        return text.isEmpty ? "." : text
    }
}
