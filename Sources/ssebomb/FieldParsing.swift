// The notation of `--field`, and of paths into JSON wherever a flag takes one. Pure functions;
// knows no event.

import SSEBombCore

/// Reads `WHAT=PATH`.
enum FieldParsing {
    /// "content=choices.0.delta.content", "usage.completion=.usage.out".
    static func field(_ text: String) throws(ValueError) -> FieldPaths.Field {
        let names = FieldPaths.Kind.allCases.map(\.rawValue)
        let halves = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard halves.count == 2 else {
            throw ValueError("write WHAT=PATH, such as content=delta.text")
        }
        guard let kind = FieldPaths.Kind(rawValue: String(halves[0])) else {
            let last = names.last ?? ""
            throw ValueError(
                "'\(halves[0])' isn't known: use "
                    + names.dropLast().joined(separator: ", ") + " or \(last)"
            )
        }
        let remedy = "write a path into the event's JSON such as delta.text or choices[0].text"
        return FieldPaths.Field(kind: kind, path: try JSONPathParsing.path(halves[1], remedy))
    }
}

/// Reads paths into JSON.
enum JSONPathParsing {
    /// "meta.sent", "stamps.0", "stamps[0]"; "." is the whole text.
    ///
    /// - Parameter remedy: what to say of a text that is no path.
    static func path(_ text: Substring, _ remedy: String) throws(ValueError) -> JSONPath {
        let steps = try steps(text, remedy)
        guard steps.count <= JSONPath.mostSteps else {
            throw ValueError("a path has at most \(JSONPath.mostSteps) steps")
        }
        return JSONPath(steps: steps)
    }

    private static func steps(
        _ path: Substring,
        _ remedy: String
    ) throws(ValueError) -> [JSONPath.Step] {
        if path == "." { return [] }
        var steps: [JSONPath.Step] = []
        // A dot in front, as jq writes it, is allowed.
        let parts = (path.first == "." ? path.dropFirst() : path)
            .split(separator: ".", omittingEmptySubsequences: false)
        for part in parts {
            let key = part.prefix { $0 != "[" }
            guard !part.isEmpty, key.utf8.allSatisfy(isPlain) else { throw ValueError(remedy) }
            if !key.isEmpty {
                steps.append(JSONPath.Step(key: Array(key.utf8), index: index(key)))
            }
            var rest = part[key.endIndex...]
            while !rest.isEmpty {
                guard rest.first == "[", let end = rest.firstIndex(of: "]"),
                    let number = index(rest[rest.index(after: rest.startIndex)..<end])
                else { throw ValueError(remedy) }
                steps.append(JSONPath.Step(key: nil, index: number))
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

extension StreamOptions {
    /// What `--field` and `--end` say together; nil without them.
    func fieldPaths() throws(SetupError) -> FieldPaths? {
        guard !field.isEmpty else {
            guard end == nil else {
                throw SetupError(
                    .usage,
                    "--end is for an API that --field describes: give that, or --until instead"
                )
            }
            return nil
        }
        guard api == nil else {
            throw SetupError(
                .usage,
                "--api and --field both say how events are read: keep one of them"
            )
        }
        guard field.count <= FieldPaths.mostFields else {
            throw SetupError(
                .usage,
                "--field is given \(field.count) times: at most \(FieldPaths.mostFields)"
            )
        }
        let tokens: [FieldPaths.Kind] = [.content, .reasoning, .tool]
        guard field.contains(where: { tokens.contains($0.kind) }) else {
            throw SetupError(
                .usage,
                "--field names no place of tokens: add one such as --field content=delta.text"
            )
        }
        guard end != "" else {
            throw SetupError(.usage, "--end is empty: give the data of the last event")
        }
        return FieldPaths(fields: field, end: end.map { Array($0.utf8) })
    }
}
