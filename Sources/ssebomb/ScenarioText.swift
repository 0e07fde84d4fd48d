// A command line as the scenario that says the same (`--dry-run`): the way from a load of one class
// to one of several.

import SSEBombCore
import SSEBombReport

/// Writes scenarios.
enum ScenarioText {
    /// Flags that say nothing of the load.
    private static let leftOut: Set<String> = ["dry-run", "scenario"]

    /// The scenario of a command line that the parser has accepted.
    static func text(of arguments: [String], _ table: OptionTable) -> String {
        var run: [(key: String, values: [String?])] = []
        var own: [(key: String, values: [String?])] = []
        var urls: [String] = []
        for given in table.given(arguments) {
            switch given {
            case .word(let word): urls.append(word)
            case .option(let name, let value):
                guard !leftOut.contains(name), let option = table.option(named: name) else {
                    continue
                }
                if ScenarioFile.isOfRun(option) {
                    add(name, value, option, to: &run)
                } else {
                    add(name, value, option, to: &own)
                }
            }
        }
        var lines = run.map(line)
        if !lines.isEmpty { lines.append("") }
        lines.append("[[class]]")
        let shown = urls.map { quoted(GivenCommand.shown(url: $0)) }
        if shown.count == 1 { lines.append("url = \(shown[0])") }
        if shown.count > 1 { lines.append("url = [\(shown.joined(separator: ", "))]") }
        lines += own.map(line)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func add(
        _ name: String,
        _ value: String?,
        _ option: OptionTable.Option,
        to list: inout [(key: String, values: [String?])]
    ) {
        let shown = value.map { GivenCommand.visible($0, of: name) }
        guard let known = list.firstIndex(where: { $0.key == name }) else {
            return list.append((name, [shown]))
        }
        if option.isRepeatable {
            list[known].values.append(shown)
        } else {
            // The last one counts, as on the command line.
            list[known].values = [shown]
        }
    }

    private static func line(_ entry: (key: String, values: [String?])) -> String {
        let values = entry.values.compactMap { value in value.map { quoted($0) } }
        switch values.count {
        case 0: return "\(entry.key) = true"
        case 1: return "\(entry.key) = \(values[0])"
        default: return "\(entry.key) = [\(values.joined(separator: ", "))]"
        }
    }

    /// A TOML basic string (TOML 1.0, "String").
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case "\r": quoted += "\\r"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
