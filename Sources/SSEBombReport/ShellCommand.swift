// Words as a command line that a POSIX shell takes apart into the same words. Must not know what
// they say.

/// Writes command lines.
enum ShellCommand {
    /// The words in one line, with nothing in it that a terminal would obey.
    static func text(_ words: [String]) -> String {
        words.map { PrintableText.line($0) == $0 ? quoted($0) : escaped($0) }
            .joined(separator: " ")
    }

    /// As one word in dollar-single-quotes (POSIX.1-2024, 2.2.4; bash, zsh and ksh have long had
    /// them). In octal, whose three digits end by themselves.
    private static func escaped(_ word: String) -> String {
        var text = ""
        for scalar in word.unicodeScalars {
            let piece = String(scalar)
            switch piece {
            case "'", "\\": text += "\\" + piece
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case _ where PrintableText.line(piece) == piece: text += piece
            default:
                for byte in piece.utf8 {
                    let digits = String(byte, radix: 8)
                    text += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
                }
            }
        }
        return "$'\(text)'"
    }

    /// As one word of a POSIX shell.
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"):
                    true
                default: "-_./:=,@%+".utf8.contains(byte)
                }
            }
        return isPlain
            ? word
            : "'"
                + word.split(separator: "'", omittingEmptySubsequences: false)
                .joined(separator: #"'\''"#) + "'"
    }
}
