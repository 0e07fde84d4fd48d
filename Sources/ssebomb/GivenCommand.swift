// The command line as results keep it, so that a run can be repeated: the flags as they were given,
// without what may be a secret. Must not know where it is shown.

import SSEBombReport

/// Writes a command line down.
enum GivenCommand {
    /// Flags whose value is a text of the user's.
    private static let texts: Set<String> = ["body", "prompt", "system"]

    /// The words of a command line that the parser has accepted, each flag by its shortest name.
    ///
    /// - Parameter redaction: what nothing may show, however it got into a label or a file's name.
    static func words(
        _ arguments: [String],
        _ table: OptionTable,
        _ redaction: Redaction
    ) -> [String] {
        var words: [String] = []
        for given in table.given(arguments) {
            switch given {
            case .word(let word): words.append(shown(url: word))
            case .option(let name, let value):
                guard let option = table.option(named: name) else { continue }
                words.append(option.aliases.min { $0.count < $1.count } ?? "--\(name)")
                if let value { words.append(kept(value, of: name)) }
            }
        }
        return ["ssebomb"] + words.map { redaction.apply(to: $0) }
    }

    /// A flag's value as results may keep it.
    private static func kept(_ value: String, of name: String) -> String {
        if texts.contains(name) { return Redaction.mask }
        guard name == "param" else { return visible(value, of: name) }
        guard let equals = value.firstIndex(of: "=") else { return Redaction.mask }
        return "\(value[...equals])\(Redaction.mask)"
    }

    /// A flag's value as the user may see it again: without credentials.
    static func visible(_ value: String, of name: String) -> String {
        switch name {
        case "from-curl": return value.hasPrefix("@") ? value : Redaction.mask
        case "header":
            guard let colon = value.firstIndex(of: ":"), Redaction.isSecret(value[..<colon]) else {
                return value
            }
            return "\(value[..<colon]): \(Redaction.mask)"
        case "otlp": return shown(url: value)
        default: return value
        }
    }

    /// A URL with masks for what may be a secret.
    static func shown(url: String) -> String {
        (try? TargetURL(url))?.masked ?? Redaction.mask
    }
}
