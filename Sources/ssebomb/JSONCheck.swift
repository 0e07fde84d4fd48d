// Says whether a request body is JSON (RFC 8259), and where it isn't. Checked before the load,
// since a server would only answer "400" ten thousand times. Keeps nothing but the top level's
// members.

/// What stands at the top level of a JSON object: enough to warn about what an API will miss.
struct JSONOutline: Equatable {
    /// Raw text of each member's value, by name; empty unless the document is an object.
    var members: [String: String] = [:]
    /// Whether the document is an object.
    var isObject = false
}

/// The place where a document stops being JSON.
struct JSONFault: Error, Equatable {
    /// What was expected there.
    var problem: String
    /// Counted from 1; columns count bytes.
    var line: Int
    var column: Int
}

/// A checker over one document.
struct JSONCheck {
    /// Deeper documents are refused: parsers on the other side have such limits, too.
    static let deepestNesting = 512

    private let bytes: [UInt8]
    private var index = 0
    private var outline = JSONOutline()

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Checks a whole document.
    static func outline(of bytes: [UInt8]) throws(JSONFault) -> JSONOutline {
        var check = JSONCheck(bytes)
        check.skipSpace()
        try check.value(depth: 0)
        check.skipSpace()
        if check.index < bytes.count { throw check.fault("nothing more behind the document") }
        return check.outline
    }

    private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

    private func fault(_ expected: String) -> JSONFault {
        let before = bytes[..<Swift.min(index, bytes.count)]
        let line = before.count { $0 == 0x0A } + 1
        let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let problem = index >= bytes.count ? "it ends too early" : "expected \(expected)"
        return JSONFault(problem: problem, line: line, column: before.count - lineStart + 1)
    }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            index += 1
        }
    }

    private mutating func value(depth: Int) throws(JSONFault) {
        guard depth <= Self.deepestNesting else { throw fault("less nesting") }
        switch current {
        case UInt8(ascii: "{"): try object(depth: depth)
        case UInt8(ascii: "["): try array(depth: depth)
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: try number()
        }
    }

    private mutating func object(depth: Int) throws(JSONFault) {
        if depth == 0 { outline.isObject = true }
        index += 1
        skipSpace()
        if current == UInt8(ascii: "}") {
            index += 1
            return
        }
        while true {
            guard current == UInt8(ascii: "\"") else { throw fault("a member name in quotes") }
            let name = try string()
            skipSpace()
            try take(":", "':' behind the member name")
            skipSpace()
            let start = index
            try value(depth: depth + 1)
            if depth == 0 {
                outline.members[name] = String(decoding: bytes[start..<index], as: UTF8.self)
            }
            skipSpace()
            if current == UInt8(ascii: "}") { break }
            try take(",", "',' or '}'")
            skipSpace()
        }
        index += 1
    }

    private mutating func array(depth: Int) throws(JSONFault) {
        index += 1
        skipSpace()
        if current == UInt8(ascii: "]") {
            index += 1
            return
        }
        while true {
            try value(depth: depth + 1)
            skipSpace()
            if current == UInt8(ascii: "]") { break }
            try take(",", "',' or ']'")
            skipSpace()
        }
        index += 1
    }

    private mutating func take(_ byte: Unicode.Scalar, _ name: String) throws(JSONFault) {
        guard current == UInt8(ascii: byte) else { throw fault(name) }
        index += 1
    }

    private mutating func word(_ text: StaticString) throws(JSONFault) {
        for offset in 0..<text.utf8CodeUnitCount {
            guard current == text.utf8Start[offset] else { throw fault("'\(text)'") }
            index += 1
        }
    }

    /// Returns the raw text between the quotes: escapes in a member name stay as written.
    private mutating func string() throws(JSONFault) -> String {
        index += 1
        let start = index
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                let text = bytes[start..<index]
                guard let valid = String(validating: text, as: UTF8.self) else {
                    index = start
                    throw fault("UTF-8 in the string")
                }
                index += 1
                return valid
            case UInt8(ascii: "\\"):
                index += 1
                try escape()
            case ..<0x20: throw fault("control characters in strings as \\u escapes")
            default: index += 1
            }
        }
        throw fault("a closing quote")
    }

    private mutating func escape() throws(JSONFault) {
        guard let byte = current, "\"\\/bfnrtu".utf8.contains(byte) else {
            throw fault("one of \"\\/bfnrtu behind the backslash")
        }
        index += 1
        guard byte == UInt8(ascii: "u") else { return }
        for _ in 0..<4 {
            guard let digit = current, isHexDigit(digit) else { throw fault("four hex digits") }
            index += 1
        }
    }

    private func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    private mutating func number() throws(JSONFault) {
        if current == UInt8(ascii: "-") { index += 1 }
        if current == UInt8(ascii: "0") {
            index += 1
        } else {
            try digits("a value")
        }
        if current == UInt8(ascii: ".") {
            index += 1
            try digits("a digit behind the point")
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            index += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { index += 1 }
            try digits("a digit in the exponent")
        }
    }

    private mutating func digits(_ expected: String) throws(JSONFault) {
        let start = index
        while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
            index += 1
        }
        guard index > start else { throw fault(expected) }
    }
}
