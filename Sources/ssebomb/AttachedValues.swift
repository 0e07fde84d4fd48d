// `-c400`, `-d30s` and `-kHname:value`, as wrk, curl and h2load take them: the parser knows only
// `-c 400`. And values that begin with "-", which it would take for flags: it knows `--rate=-3`.

/// Values written right behind their short flag, and such as look like flags.
enum AttachedValues {
    /// Short flags that take a value.
    private static let flags: Set<Character> = ["c", "R", "d", "n", "t", "X", "H", "o"]
    /// Short flags that take none: others may follow in the same word.
    private static let switches: Set<Character> = ["k", "q", "4", "6", "h"]

    /// The arguments as the parser takes them. What follows `--` stays as it is.
    ///
    /// - Parameter table: the flags that take a value; asked for only where a value could look like
    ///   a flag.
    static func split(
        _ arguments: [String],
        _ table: @autoclosure () -> OptionTable = .run()
    ) -> [String] {
        var result: [String] = []
        // The flag just before, if it has no value yet.
        var flag: String?
        for (index, argument) in arguments.enumerated() {
            guard argument.count > 1, argument.first == "-" else {
                flag = nil
                result.append(argument)
                continue
            }
            if let given = flag, !isPlain(argument), table().option(givenBy: argument) == nil,
                let option = table().option(givenBy: given), option.takesValue
            {
                result[result.count - 1] = "--\(option.name)=\(argument)"
                flag = nil
            } else if argument.last == "=", argument.hasPrefix("--"),
                table().option(givenBy: argument)?.takesValue == true
            {
                // The parser would take the next argument for the value.
                result += [String(argument.dropLast()), ""]
                flag = nil
            } else if argument == "--" {
                return result + arguments[index...]
            } else if let (head, rest) = halves(of: argument) {
                if flags.contains(head.last ?? "-") {
                    result += [head, rest]
                } else {
                    // In the letters behind an unknown flag the parser would look for more flags,
                    // and speak of them. A flag of another command may have this word for a value.
                    let isFree = flag.map { table().option(givenBy: $0)?.takesValue == false }
                    result.append(isFree ?? true ? head : argument)
                }
                flag = nil
            } else {
                result.append(argument)
                flag = argument.contains("=") ? nil : argument
            }
        }
        return result
    }

    /// A word of short flags up to its first that isn't a switch, and what is written behind that;
    /// nil where nothing is.
    private static func halves(of word: String) -> (String, String)? {
        guard let end = word.dropFirst().firstIndex(where: { !switches.contains($0) }),
            word[end] != "-", word.index(after: end) < word.endIndex
        else { return nil }
        return (String(word[...end]), String(word[word.index(after: end)...]))
    }

    /// Whether a word is `-k`, `--quiet` or `--drain=0` to the eye: the parser takes it for a flag,
    /// or for the value of one that takes any text. The table costs milliseconds.
    private static func isPlain(_ word: String) -> Bool {
        let name = word.utf8.dropFirst()
        guard name.first == UInt8(ascii: "-") else {
            // "-3" is a number, but "-4" may be both.
            return name.count == 1 && name.allSatisfy { $0 > UInt8(ascii: "9") }
        }
        let letters = name.dropFirst().prefix { $0 != UInt8(ascii: "=") }
        return !letters.isEmpty
            && letters.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
