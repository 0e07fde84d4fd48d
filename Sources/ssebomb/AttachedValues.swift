// `-c400` and `-d30s`, as wrk, curl and h2load take them: the parser knows only `-c 400`.

/// Values written right behind their short flag.
enum AttachedValues {
    /// Short flags that take a value.
    private static let flags: Set<Character> = ["c", "R", "d", "n", "t", "X", "H", "o"]

    /// The arguments with such values as arguments of their own. What follows `--`, or is itself
    /// the value of a short flag, stays as it is.
    static func split(_ arguments: [String]) -> [String] {
        var result: [String] = []
        var isValue = false
        var isOver = false
        for argument in arguments {
            let name = argument.dropFirst().first
            let isShort =
                argument.first == "-" && name.map { flags.contains($0) } == true && !isOver
            if isValue || !isShort {
                isOver = isOver || (!isValue && argument == "--")
                isValue = false
                result.append(argument)
            } else if argument.count == 2 {
                isValue = true
                result.append(argument)
            } else {
                result.append(String(argument.prefix(2)))
                result.append(String(argument.dropFirst(2)))
            }
        }
        return result
    }
}
