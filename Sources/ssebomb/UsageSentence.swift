// What is said of a command line that the parser refuses: its own sentences, without the values
// that an ordinary slip makes secrets of, such as curl's `-d BODY` or a URL in the place of a
// forgotten value. Must not know what flags mean, but for `-d`.

/// Sentences of the argument parser as they may be shown.
enum UsageSentence {
    private static let unknown = "Unknown option '"
    private static let invalid = "The value '"
    private static let malformed = "Invalid option: "

    /// `message` without what may be a secret.
    static func safe(_ message: String) -> String {
        // The second guess at a word of short flags repeats all of it.
        let end = message.firstRange(of: "\n   or: ")?.lowerBound ?? message.endIndex
        let first = message[..<end]
        if first.hasPrefix(unknown) {
            let rest = first.dropFirst(unknown.count)
            let hint = rest.ranges(of: "'. Did you mean '").last
            let name = hint.map { rest[..<$0.lowerBound] } ?? rest.dropLast()
            return "\(unknown)\(shown(flag: name))" + (hint.map { rest[$0.lowerBound...] } ?? "'")
        }
        if first.hasPrefix(malformed) {
            return "\(malformed)'\(shown(flag: first.dropFirst(malformed.count)))'"
        }
        if let refused = first.firstRange(of: "' does not take any value, but '") {
            return "\(first[..<refused.lowerBound])' takes no value: leave it out"
        }
        if first.hasPrefix(invalid), let middle = first.ranges(of: "' is invalid for '").last {
            let value = first[..<middle.lowerBound].dropFirst(invalid.count)
            return refusal(of: value, first[middle.upperBound...]) ?? String(first)
        }
        return String(first)
    }

    /// The sentence without `value`; nil where that is harmless. `rest` is the flag's name with its
    /// placeholder, an apostrophe and the reason.
    private static func refusal(of value: Substring, _ rest: Substring) -> String? {
        let isDuration = rest.hasPrefix("-d ")
        if isDuration ? isTime(value) : isNotation(value, most: rest.hasPrefix("--") ? 64 : 12) {
            return nil
        }
        // A reason names the part of the value that is wrong, some of them without its blanks.
        let bare = value.filter { $0 != " " }
        let reason = rest.split(separator: "'", omittingEmptySubsequences: false)
            .map { piece in
                let isPart = value.contains(piece) || bare.contains(piece)
                return isPart && !isNotation(piece, most: 12) ? "***" : piece
            }
            .joined(separator: "'")
        let remedy = isDuration ? "; a body goes to --body or --post" : ""
        return "The value is invalid for '\(reason)\(remedy)"
    }

    /// Numbers, times, names and lists of them. A short flag may be that of another tool, whose
    /// values are others: there only what is too short for a token.
    private static func isNotation(_ text: Substring, most: Int) -> Bool {
        text.utf8.count <= most && !text.contains("://")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: ".,:/%+-<>=_".utf8.contains(byte)
                }
            }
    }

    /// Digits and the letters of units: no body.
    private static func isTime(_ text: Substring) -> Bool {
        text.utf8.count <= 12 && text.allSatisfy { "0123456789.-dhmnsu".contains($0) }
    }

    /// The name of a flag, of a word that may hold more.
    private static func shown(flag word: Substring) -> String {
        let isLong = word.hasPrefix("--")
        let name = word.prefix { $0 == "-" || $0.isASCII && ($0.isLetter || $0.isNumber) }
            .prefix(isLong ? 32 : 2)
        return name.count < word.count ? "\(name)…" : String(name)
    }
}
