// What must not leave the process: header values, query values and everything derived from them,
// and the texts of a body. A server may echo any of it, in any notation, in an error body, an event
// name or a finish reason, so every text that came over the wire passes here before it is shown or
// written. Must not know reports or files.

public import SSEBombCore

/// Removes a plan's secrets from text that others wrote.
///
/// Secret are the values of all headers but a few that can't hold one (`publicHeaders`), the
/// words in them, what they are when base64- or percent-decoded, and the values of the URL's query.
/// Values under 8 bytes are left alone, since ordinary text would be full of them; in fields whose
/// name speaks of credentials the bound is 4. Of what the bodies of all requests have in common the
/// first 64 KiB of text are secret: the strings of JSON but the model, from 12 bytes on.
public struct Redaction: Sendable {
    /// What stands in the place of a secret.
    public static let mask = EchoSearch.mask
    /// Headers whose values are no secret, in lower case.
    static let publicHeaders: Set<String> = [
        "accept", "accept-encoding", "accept-language", "cache-control", "connection",
        "content-length", "content-type", "expect", "host", "user-agent",
    ]

    /// A secret; a cut text may end inside it: `shortestTail` matching bytes at its end or more are
    /// removed, too.
    private struct Pattern {
        var bytes: [UInt8]
        var shortestTail: Int
        /// Servers shorten texts: as much of its beginning is removed, too, wherever it stands.
        var isText: Bool
        /// Writers of base64 break their lines (RFC 2045, 6.8: at 76 characters).
        var isBase64 = false
    }

    private let patterns: [Pattern]
    private let firstBytes: [UInt8: [Pattern]]

    /// Whether the value of a header with this name is kept from view.
    public static func isSecret(_ name: some StringProtocol) -> Bool {
        !publicHeaders.contains(name.lowercased())
    }

    /// Collects the secrets of a request.
    public init(_ request: RequestSpecification) { self.init([request]) }

    /// Collects the secrets of all requests of a run: a server may echo those of another class.
    public init(_ result: RunResult) {
        let plans = result.classes.isEmpty ? [result.plan] : result.classes.map(\.result.plan)
        let parts = [result] + result.classes.map(\.result)
        self.init(plans.map(\.request), bodies: parts.flatMap(\.errors).map(\.requestBody))
    }

    /// Collects the secrets of several requests, and of bodies that single ones had.
    public init(_ requests: [RequestSpecification], bodies: [[UInt8]] = []) {
        var secrets = SecretCollector()
        for request in requests {
            for field in request.headers where Self.isSecret(field.name) {
                secrets.add(header: field)
            }
            if let query = request.target.firstIndex(of: "?") {
                secrets.add(query: request.target[request.target.index(after: query)...])
            }
            if let body = request.body { secrets.add(body: body) }
            if let body = request.commonBody { secrets.add(body: body) }
            for text in request.commonTexts { secrets.add(text: text) }
        }
        for body in bodies { secrets.add(body: body) }
        func pattern(_ tail: Int, isText: Bool = false, isBase64: Bool = false)
            -> ([UInt8]) -> Pattern
        {
            { Pattern(bytes: $0, shortestTail: tail, isText: isText, isBase64: isBase64) }
        }
        let text = SecretCollector.shortestText
        var all = secrets.found.map(pattern(4))
        all += secrets.words.subtracting(secrets.models).map(pattern(4))
        all += secrets.hexadecimal.map(pattern(8))
        all += secrets.encoded.map(pattern(4, isBase64: true))
        all += secrets.texts.map(pattern(text, isText: true))
        all += secrets.encodedTexts.map(pattern(text, isText: true, isBase64: true))
        patterns = all
        firstBytes = Dictionary(grouping: patterns) { $0.bytes[0] }
    }

    /// `bytes` with every secret replaced by the mask.
    func apply(to bytes: [UInt8]) -> [UInt8] {
        guard !patterns.isEmpty else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        var lastEnd = -1
        while index < bytes.count {
            if let end = longestMatch(in: bytes, at: index, isBehindOne: index == lastEnd) {
                result += Self.mask.utf8
                index = end
                lastEnd = end
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }

    /// `text` with every secret replaced by the mask.
    public func apply(to text: String) -> String {
        String(decoding: apply(to: Array(text.utf8)), as: UTF8.self)
    }

    /// - Parameter isBehindOne: whether another match ends at `start`.
    private func longestMatch(in bytes: [UInt8], at start: Int, isBehindOne: Bool) -> Int? {
        var longest: Int?
        // What begins an escape can be any byte.
        let isEscape = "%\\&+".utf8.contains(bytes[start])
        for pattern in isEscape ? patterns : firstBytes[bytes[start]] ?? [] {
            guard let end = match(pattern, in: bytes, at: start, isBehindOne) else { continue }
            longest = max(longest ?? 0, end)
        }
        return longest
    }

    /// Where the pattern that begins at `start` ends, each of its bytes in whatever notation.
    private func match(
        _ pattern: Pattern,
        in bytes: [UInt8],
        at start: Int,
        _ isBehindOne: Bool
    ) -> Int? {
        var index = start
        for (matched, expected) in pattern.bytes.enumerated() {
            let isTail = matched >= pattern.shortestTail
            if pattern.isBase64, matched > 0 { index = Notation.endOfBreak(in: bytes, at: index) }
            // What a cut text ends in is the next piece, however little of it.
            guard index < bytes.count else {
                return isTail || (isBehindOne && pattern.isText) ? index : nil
            }
            guard let next = Notation.end(of: expected, in: bytes, at: index) else {
                if pattern.isText { return isTail ? index : nil }
                return isTail && Notation.isCutEscape(bytes[index...]) ? bytes.count : nil
            }
            index = next
        }
        return index
    }
}

extension Redaction {
    /// A request's URL without the values of its query: `https://host/v1/chat?key=***`.
    ///
    /// A query item without "=" is hidden whole, since it can be a bare key.
    static func url(of request: RequestSpecification) -> String {
        "\(request.scheme)://\(request.authority)\(target(request.target))"
    }

    private static func target(_ target: String) -> String {
        guard let mark = target.firstIndex(of: "?") else { return target }
        let items = target[target.index(after: mark)...].split(
            separator: "&",
            omittingEmptySubsequences: false
        )
        let hidden = items.map { item -> String in
            guard let equals = item.firstIndex(of: "=") else { return item.isEmpty ? "" : mask }
            return item[..<equals] + "=" + mask
        }
        return target[...mark] + hidden.joined(separator: "&")
    }
}

/// The ways in which one byte can be written.
private enum Notation {
    /// Where `byte` ends that starts at `index`: as itself, `%41`, `\u0041`, `\x41`, `\/`, or as
    /// an HTML entity. Nil where another byte stands there.
    static func end(of byte: UInt8, in bytes: [UInt8], at index: Int) -> Int? {
        switch bytes[index] {
        case UInt8(ascii: "%"):
            if let end = endOfPercent(of: byte, in: bytes, at: index) { return end }
        case UInt8(ascii: "\\"):
            if let end = endOfEscape(of: byte, in: bytes, at: index) { return end }
        case UInt8(ascii: "&"):
            if let end = endOfEntity(of: byte, in: bytes, at: index) { return end }
        case UInt8(ascii: "+"):
            // Form encoding writes a space so.
            if byte == UInt8(ascii: " ") { return index + 1 }
        default: break
        }
        return bytes[index] == byte ? index + 1 : nil
    }

    /// Where a line break ends that starts at `index`, escaped or as it is; `index` without one.
    static func endOfBreak(in bytes: [UInt8], at index: Int) -> Int {
        var index = index
        while index < bytes.count {
            switch bytes[index] {
            case 0x0A, 0x0D, UInt8(ascii: " "): index += 1
            case UInt8(ascii: "\\"):
                // JSON inside a JSON string has several.
                guard let letter = bytes[index...].firstIndex(where: { $0 != UInt8(ascii: "\\") }),
                    "nr".utf8.contains(bytes[letter])
                else { return index }
                index = letter + 1
            default: return index
            }
        }
        return index
    }

    /// Whether the text ends in what may have become an escape.
    static func isCutEscape(_ rest: ArraySlice<UInt8>) -> Bool {
        guard let first = rest.first, rest.count < 6 else { return false }
        let isWhole = first == UInt8(ascii: "%") && rest.count >= 3
        return "%\\&".utf8.contains(first) && !isWhole
    }

    /// Percent-encoded, and that again: `%2F`, `%252F`.
    private static func endOfPercent(of byte: UInt8, in bytes: [UInt8], at index: Int) -> Int? {
        var digits = index + 1
        for _ in 0..<4 {
            if hexadecimal(bytes, digits, digits: 2) == byte { return digits + 2 }
            guard hexadecimal(bytes, digits, digits: 2) == UInt8(ascii: "%") else { return nil }
            digits += 2
        }
        return nil
    }

    private static func endOfEscape(of byte: UInt8, in bytes: [UInt8], at index: Int) -> Int? {
        var index = index
        if byte != UInt8(ascii: "\\") {
            // JSON inside a JSON string has several; the last is the escape's.
            let deepest = min(index + 8, bytes.count - 1)
            while index < deepest, bytes[index + 1] == UInt8(ascii: "\\") { index += 1 }
        }
        guard index + 1 < bytes.count else { return nil }
        switch bytes[index + 1] {
        case UInt8(ascii: "u"):
            return hexadecimal(bytes, index + 2, digits: 4) == byte ? index + 6 : nil
        case UInt8(ascii: "x"):
            return hexadecimal(bytes, index + 2, digits: 2) == byte ? index + 4 : nil
        case UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "\""), UInt8(ascii: "'"):
            return bytes[index + 1] == byte ? index + 2 : nil
        case UInt8(ascii: "n"): return byte == 0x0A ? index + 2 : nil
        case UInt8(ascii: "r"): return byte == 0x0D ? index + 2 : nil
        case UInt8(ascii: "t"): return byte == 0x09 ? index + 2 : nil
        default: return nil
        }
    }

    private static let entities: [(text: [UInt8], byte: UInt8)] = [
        ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"),
        ("&sol;", "/"), ("&plus;", "+"), ("&equals;", "="), ("&colon;", ":"),
    ].map { (Array($0.0.utf8), UInt8(ascii: $0.1)) }

    private static func endOfEntity(of byte: UInt8, in bytes: [UInt8], at index: Int) -> Int? {
        for entity in entities where entity.byte == byte {
            if bytes[index...].starts(with: entity.text) { return index + entity.text.count }
        }
        // By its number, decimal or hexadecimal (HTML standard, 13.2.5.75).
        guard bytes[index...].starts(with: "&#".utf8),
            let end = bytes[index...].prefix(12).firstIndex(of: UInt8(ascii: ";"))
        else { return nil }
        let number = String(decoding: bytes[(index + 2)..<end], as: UTF8.self)
        let isHexadecimal = number.first == "x" || number.first == "X"
        let code = isHexadecimal ? UInt32(number.dropFirst(), radix: 16) : UInt32(number)
        return code == UInt32(byte) ? end + 1 : nil
    }

    /// The byte written as `digits` hexadecimal digits; nil where they aren't or exceed a byte.
    private static func hexadecimal(_ bytes: [UInt8], _ start: Int, digits: Int) -> UInt8? {
        guard start + digits <= bytes.count else { return nil }
        let text = String(decoding: bytes[start..<start + digits], as: UTF8.self)
        guard text.utf8.count == digits, text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }) else {
            return nil
        }
        return UInt8(text, radix: 16)
    }
}
