// Finds out which byte strings have to be hidden when a header or a query is secret: the value, its
// words, what it says when decoded, and how all of that looks in base64; and the texts of a body.
// Must not know the text in which they are searched.

import SSEBombCore

/// Gathers the patterns of a `Redaction`.
struct SecretCollector {
    /// Everything to hide of headers and queries, as it is.
    private(set) var found: Set<[UInt8]> = []
    /// How these, and `words`, look in base64.
    private(set) var encoded: Set<[UInt8]> = []
    /// What to hide of bodies; a text that was cut keeps less than `shortestText` bytes of it.
    private(set) var texts: Set<[UInt8]> = []
    /// Words of bodies that look like a secret: servers echo single fields.
    private(set) var words: Set<[UInt8]> = []
    /// Parts of the model's name, which the plan tells.
    private(set) var models: Set<[UInt8]> = []
    /// What is in `found` and `words`, in hexadecimal.
    private(set) var hexadecimal: Set<[UInt8]> = []
    /// The same as `texts` in base64, which tells no text from the body around it: of all of that.
    private(set) var encodedTexts: Set<[UInt8]> = []

    private static let shortest = 8
    private static let shortestCredential = 4
    /// Fewer characters of base64 would be found in ordinary words.
    private static let shortestEncoded = 6

    /// Shorter texts are words of any answer.
    static let shortestText = 12
    /// Texts are hidden in pieces of this size, so that of a part of one hardly more is seen.
    private static let piece = 24
    /// Bounds the work on each text that is shown: 64 KiB of a body.
    private static let mostBytes = 64 << 10
    private static let mostPieces = mostBytes / piece
    private static let mostWords = 256

    /// Adds a header's value: as a whole, and the parts of `Bearer TOKEN`, `a=1; b=2`. Of a
    /// template, what stands between its places is the same in every request.
    mutating func add(header field: HeaderField) {
        for part in Self.betweenPlaces(field.value) {
            add(HeaderField(name: field.name, value: String(part)))
        }
    }

    /// The text without `{{name}}`; all of it where there is none.
    private static func betweenPlaces(_ text: some StringProtocol) -> [String] {
        var parts = [String(text)]
        for name in TemplateName.allCases {
            parts = parts.flatMap { part in
                part.split(separator: "{{\(name.rawValue)}}").map(String.init)
            }
        }
        return parts
    }

    private mutating func add(_ field: HeaderField) {
        let shortest = Self.shortestLength(ofFieldNamed: field.name)
        add(Array(field.value.utf8), shortest: shortest, isDecoded: false)
        add(partsOf: Array(field.value.utf8), shortest: shortest)
        let words = field.value.utf8.split { " \t;,\"".utf8.contains($0) }
        for word in words where !Self.isScheme(word) {
            add(Array(word), shortest: shortest, isDecoded: false)
            // "name=value", but not the padding of base64.
            guard let equals = word.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(decoding: word[..<equals], as: UTF8.self)
            let bound = min(shortest, Self.shortestLength(ofFieldNamed: name))
            add(Array(word[word.index(after: equals)...]), shortest: bound, isDecoded: false)
        }
    }

    /// Adds the values of a URL's query, percent-encoded as they stand there.
    mutating func add(query: Substring) {
        for part in Self.betweenPlaces(query) { add(pairs: part[...]) }
    }

    private mutating func add(pairs query: Substring) {
        for item in query.utf8.split(separator: UInt8(ascii: "&")) {
            guard let equals = item.firstIndex(of: UInt8(ascii: "=")) else {
                add(Array(item), shortest: Self.shortest, isDecoded: false)
                continue
            }
            let name = String(decoding: item[..<equals], as: UTF8.self)
            let value = Array(item[item.index(after: equals)...])
            let shortest = Self.shortestLength(ofFieldNamed: name)
            add(value, shortest: shortest, isDecoded: false)
            // As a form's field, in which "+" is a space (URL standard, 5.1).
            let spaced = value.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }
            let plain = percentDecoded(spaced) ?? spaced
            if plain != value { add(plain, shortest: shortest, isDecoded: true) }
            add(partsOf: percentDecoded(value) ?? value, shortest: shortest)
            add(partsOf: plain, shortest: shortest)
        }
    }

    /// Adds the strings of a JSON body but names and the model, which the plan tells; any other
    /// body whole. Of a template, what stands between its places.
    mutating func add(body: [UInt8]) {
        let start = body.prefix(Self.mostBytes)
        if let text = String(validating: start, as: UTF8.self) {
            for part in Self.betweenPlaces(text) { addEncoded(Array(part.utf8)) }
        } else {
            addEncoded(Array(start))
        }
        guard let first = body.first(where: { !" \t\r\n".utf8.contains($0) }) else { return }
        guard "{[".utf8.contains(first) else {
            let text = String(decoding: start, as: UTF8.self)
            // A form, as far as it looks like one.
            if text.contains("="), !text.contains(where: \.isWhitespace) {
                for part in Self.betweenPlaces(text) { add(pairs: part[...]) }
            }
            return add(text: text)
        }
        var name: [UInt8] = []
        var index = 0
        while texts.count < Self.mostPieces,
            let start = body[index...].firstIndex(of: UInt8(ascii: "\""))
        {
            var end = start + 1
            while end < body.count, body[end] != UInt8(ascii: "\"") {
                end += body[end] == UInt8(ascii: "\\") ? 2 : 1
            }
            end = min(end, body.count)
            let inside = body[(start + 1)..<end].prefix(Self.mostBytes)
            index = min(end + 1, body.count)
            let next = body[index...].first { !" \t\r\n".utf8.contains($0) }
            if next == UInt8(ascii: ":") {
                name = Array(inside)
                add(wordsOf: name, isName: true)
                continue
            }
            if name.elementsEqual("model".utf8) {
                models.formUnion(Self.parts(of: Array(inside)).map { Array($0) })
            } else {
                add(text: Self.unescaped(inside))
            }
            name = []
        }
    }

    /// Adds a text of a body: what stands between the places of a template.
    mutating func add(text: String) {
        for part in Self.betweenPlaces(text) {
            add(wordsOf: Array(part.utf8.prefix(Self.mostBytes)))
        }
        for part in Self.betweenPlaces(text) where part.utf8.count >= Self.shortestText {
            addEncoded(Array(part.utf8))
            let scalars = Array(part.unicodeScalars)
            // In equal pieces, so that the last isn't a word.
            let count = (scalars.count + Self.piece - 1) / Self.piece
            for number in 0..<min(count, Self.mostPieces) where texts.count < Self.mostPieces {
                let range = scalars.count * number / count..<scalars.count * (number + 1) / count
                var piece = String.UnicodeScalarView()
                piece.append(contentsOf: scalars[range])
                texts.insert(Array(String(piece).utf8))
                // As writers of JSON that is ASCII alone give it back.
                if !piece.allSatisfy(\.isASCII) { texts.insert(Self.inASCII(piece)) }
            }
        }
    }

    /// Adds base64 of a text, in pieces.
    private mutating func addEncoded(_ text: [UInt8]) {
        var rest = text.prefix(Self.mostBytes)
        // Six forms of each piece; bounded over all texts together.
        while rest.count >= Self.shortestText, encodedTexts.count < 12 * Self.mostPieces {
            // The last one takes what alone would be too short.
            let isLast = rest.count < Self.piece + Self.shortestText
            let piece = Array(isLast ? rest : rest.prefix(Self.piece))
            encodedTexts.formUnion(Base64Forms.all(of: piece))
            rest = rest.dropFirst(piece.count)
        }
    }

    private static func inASCII(_ text: String.UnicodeScalarView) -> [UInt8] {
        var result: [UInt8] = []
        for scalar in text {
            guard !scalar.isASCII else {
                result.append(UInt8(truncatingIfNeeded: scalar.value))
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                result += "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8
            }
        }
        return result
    }

    /// What a JSON string says (RFC 8259, 7); what is no escape stays.
    private static func unescaped(_ text: ArraySlice<UInt8>) -> String {
        let short: [UInt8: UInt8] = [
            UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
            UInt8(ascii: "b"): 0x08, UInt8(ascii: "f"): 0x0C,
        ]
        var units: [UInt16] = []
        var plain: [UInt8] = []
        func flushed() -> [UInt16] { Array(String(decoding: plain, as: UTF8.self).utf16) }
        var index = text.startIndex
        while index < text.endIndex {
            guard text[index] == UInt8(ascii: "\\"), index + 1 < text.endIndex else {
                plain.append(text[index])
                index += 1
                continue
            }
            let kind = text[index + 1]
            if kind == UInt8(ascii: "u"), index + 6 <= text.endIndex,
                let unit = UInt16(
                    String(decoding: text[(index + 2)..<(index + 6)], as: UTF8.self),
                    radix: 16
                )
            {
                units += flushed() + [unit]
                plain = []
                index += 6
            } else {
                plain.append(short[kind] ?? kind)
                index += 2
            }
        }
        return String(decoding: units + flushed(), as: UTF16.self)
    }

    /// Adds what punctuation divides a header's or a query's value into, as servers read them:
    /// all parts where the name speaks of credentials, else those that look like one.
    private mutating func add(partsOf value: [UInt8], shortest: Int) {
        let isCredential = shortest < Self.shortest
        for part in Self.parts(of: value) where part.count >= Self.shortest {
            guard isCredential || Self.looksSecret(part) else { continue }
            add(Array(part), shortest: Self.shortest, isDecoded: true)
        }
    }

    /// - Parameter isName: of a member, which are often joined words.
    private mutating func add(wordsOf text: [UInt8], isName: Bool = false) {
        for part in Self.parts(of: text) where words.count < Self.mostWords {
            let isSecret = isName ? Self.hasDigits(part) : Self.looksSecret(part)
            if isSecret, words.insert(Array(part)).inserted { addForms(of: Array(part)) }
        }
    }

    /// Runs of letters, digits and what keys and base64 are made of; then what is between the
    /// latter.
    private static func parts(of text: [UInt8]) -> [ArraySlice<UInt8>] {
        text.split { !isWord($0) && !"-_.~+/=".utf8.contains($0) }
            .flatMap { [$0] + $0.split { "+/=".utf8.contains($0) } }
    }

    /// No word of a language, nor a name of an API (`invalid_request_error`): letters and digits,
    /// or a long one with capitals inside or joined by "-".
    private static func looksSecret(_ word: ArraySlice<UInt8>) -> Bool {
        let rest = word.dropFirst()
        return hasDigits(word)
            || word.count >= shortestText && word.contains(where: isLetter)
                && rest.contains { (65...90).contains($0) || $0 == 0x2D }
    }

    private static func hasDigits(_ word: ArraySlice<UInt8>) -> Bool {
        word.count >= shortest && word.contains(where: isLetter)
            && word.contains { (48...57).contains($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (97...122).contains(byte | 0x20) }

    private static func isWord(_ byte: UInt8) -> Bool {
        isLetter(byte) || (48...57).contains(byte) || byte >= 0x80
    }

    private static func shortestLength(ofFieldNamed name: String) -> Int {
        let name = name.lowercased()
        let words = ["auth", "cookie", "key", "token", "secret", "passw", "session", "sig", "cred"]
        return words.contains { name.contains($0) } ? shortestCredential : shortest
    }

    /// The public part of an Authorization value (RFC 9110, 11.1).
    private static func isScheme(_ word: Substring.UTF8View) -> Bool {
        let schemes = ["bearer", "basic", "digest", "negotiate", "token", "apikey"]
        return schemes.contains(String(decoding: word, as: UTF8.self).lowercased())
    }

    /// Adds how a secret looks in base64 and in hexadecimal.
    private mutating func addForms(of secret: [UInt8]) {
        for form in Base64Forms.all(of: secret) where form.count >= Self.shortestEncoded {
            encoded.insert(form)
        }
        guard secret.count >= Self.shortest else { return }
        let digits = secret.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        hexadecimal.insert(Array(digits.utf8))
        hexadecimal.insert(Array(digits.uppercased().utf8))
    }

    private mutating func add(_ secret: [UInt8], shortest: Int, isDecoded: Bool) {
        guard secret.count >= shortest else { return }
        if found.insert(secret).inserted { addForms(of: secret) }
        guard !isDecoded else { return }
        if let plain = percentDecoded(secret) {
            add(plain, shortest: shortest, isDecoded: true)
        }
        if let plain = Base64Forms.decoded(secret) {
            add(plain, shortest: shortest, isDecoded: true)
            // Basic credentials are "user:password" (RFC 7617, 2).
            if let colon = plain.firstIndex(of: UInt8(ascii: ":")) {
                add(Array(plain[(colon + 1)...]), shortest: shortest, isDecoded: true)
                add(Array(plain[..<colon]), shortest: Self.shortest, isDecoded: true)
            }
        }
    }

    /// Nil where nothing is encoded.
    private func percentDecoded(_ text: [UInt8]) -> [UInt8]? {
        text.contains(UInt8(ascii: "%")) ? PercentEncoding.decoded(text) : nil
    }
}

/// How a byte string looks inside base64 of a longer one.
private enum Base64Forms {
    private static let standard = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )

    /// The characters that depend on nothing but `bytes`, for each of the three positions at which
    /// it can start in a group of three, in both alphabets (RFC 4648, 4 and 5).
    static func all(of bytes: [UInt8]) -> [[UInt8]] {
        (0..<3).flatMap { offset -> [[UInt8]] in
            var bits: UInt32 = 0
            var bitCount = 0
            var text: [UInt8] = []
            for byte in [UInt8](repeating: 0, count: offset) + bytes {
                bits = (bits << 8 | UInt32(byte)) & 0xffff
                bitCount += 8
                while bitCount >= 6 {
                    bitCount -= 6
                    text.append(standard[Int(bits >> UInt32(bitCount)) & 63])
                }
            }
            // Bits of a neighbour stand in the character that the offset ends in; what is left
            // over at the end was never appended.
            let form = Array(text.dropFirst(offset == 0 ? 0 : offset + 1))
            return [form, form.map(urlSafe)]
        }
    }

    private static func urlSafe(_ character: UInt8) -> UInt8 {
        switch character {
        case UInt8(ascii: "+"): UInt8(ascii: "-")
        case UInt8(ascii: "/"): UInt8(ascii: "_")
        default: character
        }
    }

    /// What base64 of either alphabet, padded or not, stands for; nil where it isn't base64.
    static func decoded(_ text: [UInt8]) -> [UInt8]? {
        var bits: UInt32 = 0
        var bitCount = 0
        var result: [UInt8] = []
        var characters = text[...]
        while characters.last == UInt8(ascii: "="), text.count - characters.count < 2 {
            characters = characters.dropLast()
        }
        guard characters.count >= 4, characters.count % 4 != 1 else { return nil }
        for character in characters {
            guard
                let value = standard.firstIndex(where: {
                    $0 == character || urlSafe($0) == character
                })
            else { return nil }
            bits = (bits << 6 | UInt32(value)) & 0xffff
            bitCount += 6
            guard bitCount >= 8 else { continue }
            bitCount -= 8
            result.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
        }
        return result
    }
}
