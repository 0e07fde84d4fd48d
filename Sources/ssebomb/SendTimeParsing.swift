// The notation of `--sent-at`: steps into a JSON text, and the unit of the number at their end.
// Pure functions; knows no event.

import SSEBombCore

/// Reads `PATH[:UNIT]`.
enum SendTimeParsing {
    private static let remedy =
        "write a path into the event's JSON such as sent_at, meta.sent:ms or stamps[0]:us, with "
        + "ns (default), us, ms or s as unit"

    /// "meta.sent:ms", "stamps.0", "stamps[0]:us"; "." is the data itself.
    static func path(_ text: String) throws(ValueError) -> SendTimePath {
        var path = text[...]
        var unit = SendTimePath.Unit.ns
        if let colon = text.lastIndex(of: ":") {
            let name = String(text[text.index(after: colon)...])
            guard let known = SendTimePath.Unit(rawValue: name) else {
                throw ValueError("'\(name)' isn't a unit: use ns, us, ms or s")
            }
            unit = known
            path = text[..<colon]
        }
        let steps = try steps(path)
        guard steps.count <= SendTimePath.mostSteps else {
            throw ValueError("a path has at most \(SendTimePath.mostSteps) steps")
        }
        return SendTimePath(steps: steps, unit: unit)
    }

    private static func steps(_ path: Substring) throws(ValueError) -> [SendTimePath.Step] {
        if path == "." { return [] }
        var steps: [SendTimePath.Step] = []
        // A dot in front, as jq writes it, is allowed.
        let parts = (path.first == "." ? path.dropFirst() : path)
            .split(separator: ".", omittingEmptySubsequences: false)
        for part in parts {
            let key = part.prefix { $0 != "[" }
            guard !part.isEmpty, key.utf8.allSatisfy(isPlain) else { throw ValueError(remedy) }
            if !key.isEmpty {
                steps.append(SendTimePath.Step(key: Array(key.utf8), index: index(key)))
            }
            var rest = part[key.endIndex...]
            while !rest.isEmpty {
                guard rest.first == "[", let end = rest.firstIndex(of: "]"),
                    let number = index(rest[rest.index(after: rest.startIndex)..<end])
                else { throw ValueError(remedy) }
                steps.append(SendTimePath.Step(key: nil, index: number))
                rest = rest[rest.index(after: end)...]
            }
        }
        return steps
    }

    /// Bytes that a key can be compared with as they are spelled in JSON (RFC 8259, section 7).
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && !"\"\\]:".utf8.contains(byte)
    }

    private static func index(_ text: Substring) -> Int? {
        guard text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") })
        else { return nil }
        return Int(text)
    }
}
