// Words as a command line that a POSIX shell takes apart into the same words. Must not know what
// they say.

/// Writes command lines.
enum ShellCommand {
    /// The words in one line; what no terminal should print stands escaped.
    static func text(_ words: [String]) -> String {
        words.map { quoted(PrintableText.line($0)) }.joined(separator: " ")
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
