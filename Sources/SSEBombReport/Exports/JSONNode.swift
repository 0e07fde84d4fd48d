// JSON documents of other tools, as a tree that is built and then encoded. Knows no format.

import FoundationEssentials

/// A value of a JSON document. Members whose value is nil are left out: absent is not measured.
indirect enum JSONNode: Encodable, Sendable, ExpressibleByStringLiteral,
    ExpressibleByBooleanLiteral
{
    case object([String: JSONNode?])
    case list([JSONNode])
    case text(String)
    /// What isn't finite becomes null: JSON has no infinities.
    case number(Double)
    case whole(UInt64)
    case flag(Bool)

    init(stringLiteral value: String) { self = .text(value) }
    init(booleanLiteral value: Bool) { self = .flag(value) }

    /// Nanoseconds as milliseconds.
    static func milliseconds(_ nanoseconds: Double) -> JSONNode { .number(nanoseconds / 1e6) }
    /// Nanoseconds as milliseconds.
    static func milliseconds(_ nanoseconds: Int64) -> JSONNode {
        .milliseconds(Double(nanoseconds))
    }

    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { return nil }
    }

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .object(let members):
            var container = encoder.container(keyedBy: Key.self)
            for case (let name, let value?) in members {
                try container.encode(value, forKey: Key(name))
            }
        case .list(let elements):
            var container = encoder.unkeyedContainer()
            for element in elements { try container.encode(element) }
        case .text(let text): try Self.put(text, encoder)
        case .number(let number):
            var container = encoder.singleValueContainer()
            if number.isFinite { try container.encode(number) } else { try container.encodeNil() }
        case .whole(let number): try Self.put(number, encoder)
        case .flag(let flag): try Self.put(flag, encoder)
        }
    }

    private static func put(_ value: some Encodable, _ encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }

    /// The document as UTF-8, keys sorted, with a line end behind it.
    func encoded() throws(OutputError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return try Array(encoder.encode(self)) + [UInt8(ascii: "\n")]
        } catch {
            throw OutputError(sentence: "can't write the export as JSON: \(error)")
        }
    }
}
