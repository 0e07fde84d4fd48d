// A text with places that each request fills in: `{{index}}` and the like, found once. Knows what a
// place is called and how text is spelled where it stands, not what is filled in.

/// Why a text can't be a template.
public struct TemplateFault: Error, Equatable, Sendable {
    /// What is wrong, and what would be right.
    public var problem: String
    /// Bytes from the start of the text.
    public var offset: Int
}

/// The names that templates know.
public enum TemplateName: String, CaseIterable, Sendable {
    /// Number of the request in the run, from 0.
    case index
    /// The run's seed.
    case seed
    /// A UUID of the request's own, the same wherever it stands in one request.
    case uuid
    /// The request's prompt.
    case prompt
    /// The request's limit of tokens.
    case maxTokens = "max_tokens"

    /// All of them as they are written.
    public static var list: String {
        allCases.map { "{{\($0.rawValue)}}" }.joined(separator: ", ")
    }
}

/// A text with places.
public struct RequestPattern: Sendable {
    /// What a text is, which decides how places in it are filled.
    public enum Kind: Sendable {
        /// JSON: escaped inside strings, in quotes elsewhere.
        case json
        /// A body of another type.
        case plain
        /// Path and query.
        case target
        /// Header fields.
        case header
    }

    enum Piece {
        case literal(Range<Int>)
        case name(TemplateName, TextNotation)
        /// What makes a prompt unique, in the place of the prompt's own beginning.
        case unique
        /// Length of the body.
        case bodyLength
        /// What was said before this turn of a session: JSON of whole messages, each with a comma.
        case conversation
    }

    private(set) var text: [UInt8] = []
    private(set) var pieces: [Piece] = []

    /// An empty pattern, to be appended to.
    public init() {}

    /// Whether requests differ in what this pattern makes.
    public var varies: Bool {
        pieces.contains {
            switch $0 {
            case .literal, .name(.seed, _), .bodyLength: false
            case .name, .unique, .conversation: true
            }
        }
    }

    /// Whether `name` stands in it.
    public func has(_ name: TemplateName) -> Bool {
        pieces.contains {
            guard case .name(let found, _) = $0 else { return false }
            return found == name
        }
    }

    /// The text with a 0 at every place, in quotes where a value stands that is a text: it is JSON
    /// where every filled-in text is.
    public var sample: [UInt8] {
        var filled: [UInt8] = []
        for piece in pieces {
            switch piece {
            case .literal(let range): filled += text[range]
            case .name(.prompt, .jsonValue), .name(.uuid, .jsonValue): filled += "\"0\"".utf8
            case .conversation: break
            case .name, .unique, .bodyLength: filled += "0".utf8
            }
        }
        return filled
    }

    /// Whether what makes prompts unique has a place of its own in it.
    var hasUnique: Bool {
        pieces.contains {
            guard case .unique = $0 else { return false }
            return true
        }
    }

    /// Whether it is that of a session's turns.
    public var hasConversation: Bool {
        pieces.contains {
            guard case .conversation = $0 else { return false }
            return true
        }
    }

    // MARK: Building

    /// Appends bytes that never change.
    public mutating func append(literal bytes: some Collection<UInt8>) {
        guard !bytes.isEmpty else { return }
        let start = text.count
        text += bytes
        if case .literal(let last) = pieces.last, last.upperBound == start {
            pieces[pieces.count - 1] = .literal(last.lowerBound..<text.count)
        } else {
            pieces.append(.literal(start..<text.count))
        }
    }

    /// Appends a place inside a JSON string.
    public mutating func append(insideString name: TemplateName) {
        pieces.append(.name(name, .insideString))
    }

    /// Appends the place of a number.
    public mutating func append(number name: TemplateName) {
        pieces.append(.name(name, .plain))
    }

    /// Appends the place of what makes a prompt unique, inside a JSON string.
    public mutating func appendUnique() { pieces.append(.unique) }

    /// Appends the place of the messages before a session's turn, in front of another message.
    public mutating func appendConversation() { pieces.append(.conversation) }

    mutating func appendBodyLength() { pieces.append(.bodyLength) }

    /// Appends a text in which `{{name}}` is a place for each name of `TemplateName`, and `{{{{`
    /// stands for `{{`.
    ///
    /// - Throws: where another `{{word}}` stands.
    public mutating func append(
        template bytes: some Collection<UInt8>,
        as kind: Kind
    ) throws(TemplateFault) {
        let bytes = Array(bytes)
        var quotes = QuoteState()
        var start = 0
        for mark in TemplateScan.marks(in: bytes) {
            append(literal: bytes[start..<mark.range.lowerBound])
            if kind == .json { quotes.pass(bytes[start..<mark.range.lowerBound]) }
            start = mark.range.upperBound
            switch mark.content {
            case .escape: append(literal: "{{".utf8)
            case .name(let name):
                let notation: TextNotation =
                    switch kind {
                    case .json: quotes.isInside ? .insideString : .jsonValue
                    case .plain: .plain
                    case .target: .target
                    case .header: .header
                    }
                pieces.append(.name(name, notation))
            case .unknown(let word):
                throw TemplateFault(
                    problem: "{{\(word)}} is none of \(TemplateName.list): correct it, or write "
                        + "{{{{\(word)}} to send it as it stands",
                    offset: mark.range.lowerBound
                )
            }
        }
        append(literal: bytes[start...])
    }
}

/// Whether a place in a JSON text is inside a string.
private struct QuoteState {
    private(set) var isInside = false
    private var isEscaped = false

    mutating func pass(_ bytes: ArraySlice<UInt8>) {
        for byte in bytes {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = isInside
            } else if byte == UInt8(ascii: "\"") {
                isInside.toggle()
            }
        }
    }
}

/// Finds what templates are about in a text.
public enum TemplateScan {
    struct Mark {
        enum Content: Equatable {
            case name(TemplateName)
            /// Looks like a name and is none.
            case unknown(String)
            /// `{{{{`.
            case escape
        }
        var range: Range<Int>
        var content: Content
    }

    /// Whether one of the names stands in the text: then it is a template.
    public static func holdsName(_ bytes: some Collection<UInt8>) -> Bool {
        marks(in: Array(bytes)).contains {
            guard case .name = $0.content else { return false }
            return true
        }
    }

    /// The first `{{word}}` that is no name; nil where there is none.
    public static func unknownWord(_ bytes: some Collection<UInt8>) -> String? {
        for case .unknown(let word) in marks(in: Array(bytes)).lazy.map(\.content) { return word }
        return nil
    }

    /// Everything in order. A word is made of letters and underscores; two braces around anything
    /// else are just braces, as nested JSON has them.
    static func marks(in bytes: [UInt8]) -> [Mark] {
        let brace = UInt8(ascii: "{")
        var found: [Mark] = []
        var index = 0
        while index + 1 < bytes.count {
            guard bytes[index] == brace, bytes[index + 1] == brace else {
                index += 1
                continue
            }
            let start = index
            if index + 3 < bytes.count, bytes[index + 2] == brace, bytes[index + 3] == brace {
                found.append(Mark(range: start..<start + 4, content: .escape))
                index += 4
                continue
            }
            index += 2
            // Of three braces the first is the text's own: {"a":{{{index}}... has none, but a
            // value such as {{{index}}} does.
            if index < bytes.count, bytes[index] == brace {
                index = start + 1
                continue
            }
            var end = index
            while end < bytes.count, isWordByte(bytes[end]) { end += 1 }
            let isClosed =
                end + 1 < bytes.count && bytes[end] == UInt8(ascii: "}")
                && bytes[end + 1] == UInt8(ascii: "}")
            guard end > index, isClosed else { continue }
            let word = String(decoding: bytes[index..<end], as: UTF8.self)
            found.append(
                Mark(
                    range: start..<end + 2,
                    content: TemplateName(rawValue: word).map { .name($0) } ?? .unknown(word)
                )
            )
            index = end + 2
        }
        return found
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
