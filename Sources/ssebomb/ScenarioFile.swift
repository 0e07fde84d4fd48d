// A scenario: several classes of load in one run, as a TOML file. A key is a flag of `run` without
// its dashes: whatever a flag can say a scenario can, in the same words and with the same errors.

import SSEBombCore
import TOMLKit

/// A scenario as it was read: for the run and for each class the flags that say the same.
struct ScenarioFile {
    /// One class of load.
    struct Class {
        var name: String
        /// Line of its heading, from 1.
        var line: Int
        /// Flags and URLs.
        var arguments: [String]
    }

    let path: String
    /// Flags that concern the whole run.
    private(set) var runArguments: [String] = []
    private(set) var classes: [Class] = []
    private let lines: ScenarioLines
    private let table: OptionTable

    /// Flags that concern all classes: they share loops, windows and clock.
    private static let ofRun: Set<String> = [
        "duration", "warmup", "drain", "threads", "cpus", "priority", "seed", "clock",
        "rank", "ranks", "sent-at",
    ]
    private static let sectionsOfRun: Set<String> = ["Output", "Exports", "Judgement"]
    private static let onCommandLineOnly: Set<String> = ["scenario", "dry-run"]
    /// What a class may be judged by itself.
    private static let judgedByClass: Set<String> = ["threshold", "slo"]

    /// Whether the flag can't differ from class to class.
    static func isOfRun(_ option: OptionTable.Option) -> Bool {
        if judgedByClass.contains(option.name) { return false }
        return ofRun.contains(option.name) || sectionsOfRun.contains(option.section)
    }

    /// Reads the file at `path`; every error names it, and the line.
    init(reading path: String, table: OptionTable) throws(SetupError) {
        self.path = path
        self.table = table
        let bytes = try FileInput.read(path, for: "--scenario")
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SetupError(.usage, "--scenario: \(path) isn't UTF-8 text: correct its encoding")
        }
        lines = ScenarioLines(text)
        let document: TOMLTable
        do {
            document = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            let line = error.source.begin.line
            throw SetupError(.usage, "\(path), line \(line): not TOML: \(error.description)")
        } catch {
            throw SetupError(.usage, "\(path): not TOML: \(error)")
        }
        try read(document)
    }

    private mutating func read(_ document: TOMLTable) throws(SetupError) {
        var defaults: [String] = []
        for key in document.keys where key != "class" {
            guard let value = document[key] else { continue }
            let place = lines.line(of: key, in: nil)
            if key == "url" || key == "name" {
                throw fault(place, "'\(key)' belongs to a class: put it under a [[class]]")
            }
            let flags = try arguments(key, value, place)
            if let option = table.option(named: key), Self.isOfRun(option) || key == "threshold" {
                runArguments += flags
            } else {
                defaults += flags
            }
        }
        guard let list = document["class"] else {
            throw fault(1, "no [[class]]: a scenario has at least one, with its url")
        }
        guard let array = list.array else {
            throw fault(lines.line(of: "class", in: nil), "'class' must be written as [[class]]")
        }
        guard !array.isEmpty else {
            throw fault(
                lines.line(of: "class", in: nil),
                "'class' is empty: a scenario has at least one [[class]], with its url"
            )
        }
        for (index, value) in array.enumerated() {
            guard let members = value.table else {
                throw fault(
                    lines.line(of: "class", in: nil),
                    "'class' must be written as [[class]]"
                )
            }
            classes.append(try readClass(members, index, defaults))
        }
        try checkNames()
    }

    private func readClass(
        _ members: TOMLTable,
        _ index: Int,
        _ defaults: [String]
    ) throws(SetupError) -> Class {
        let heading = lines.line(ofClass: index)
        var own = Class(name: "class \(index + 1)", line: heading, arguments: defaults)
        for key in members.keys {
            guard let value = members[key] else { continue }
            let place = lines.line(of: key, in: index)
            switch key {
            case "name":
                guard let name = value.string, !name.isEmpty, name.utf8.count <= 64 else {
                    throw fault(place, "'name' must be a text of 1 to 64 bytes")
                }
                own.name = name
            case "url":
                own.arguments += try urls(value, place)
            default:
                if let option = table.option(named: key), Self.isOfRun(option) {
                    throw fault(
                        place,
                        "'\(key)' concerns the whole run: put it above the first [[class]]"
                    )
                }
                own.arguments += try arguments(key, value, place)
            }
        }
        return own
    }

    /// A URL or several.
    private func urls(
        _ value: any TOMLValueConvertible,
        _ line: Int
    ) throws(SetupError) -> [String] {
        let list = value.array.map { $0.map(\.string) } ?? [value.string]
        let urls = list.compactMap { $0 }
        // What begins with "-" would be a flag among the arguments that a class becomes.
        guard !urls.isEmpty, urls.count == list.count, !urls.contains(where: { $0.hasPrefix("-") })
        else { throw fault(line, "'url' must be a URL, or a list of URLs") }
        return urls
    }

    private func checkNames() throws(SetupError) {
        var seen: Set<String> = []
        for own in classes where !seen.insert(own.name).inserted {
            throw fault(own.line, "the name '\(own.name)' is taken: give each class its own")
        }
        if classes.count > ClassLoad.most {
            throw fault(
                classes[ClassLoad.most].line,
                "more than \(ClassLoad.most) classes: run several processes"
            )
        }
    }

    // MARK: Values

    /// The flag that says what `key` with `value` says.
    private func arguments(
        _ key: String,
        _ value: any TOMLValueConvertible,
        _ line: Int
    ) throws(SetupError) -> [String] {
        if Self.onCommandLineOnly.contains(key) {
            throw fault(line, "'\(key)' isn't a key: it stands on the command line alone")
        }
        guard let option = table.option(named: key) else {
            if let option = table.option(givenBy: "-\(key)") {
                throw fault(line, "'\(key)' isn't a key: did you mean '\(option.name)'?")
            }
            let names = table.names.filter { !Self.onCommandLineOnly.contains($0) }
            let near = Self.nearest(key, among: names).map { ": did you mean '\($0)'?" }
            throw fault(line, "'\(key)' isn't a key\(near ?? "; keys are the flags of 'run'")")
        }
        let flag = option.aliases.first { $0.hasPrefix("--") } ?? option.aliases[0]
        guard option.takesValue else {
            guard let isOn = value.bool else {
                throw fault(line, "'\(key)' must be true or false")
            }
            return isOn ? [flag] : []
        }
        if let array = value.array {
            guard option.isRepeatable else {
                throw fault(line, "'\(key)' takes one value, not a list")
            }
            var all: [String] = []
            for element in array {
                all += [flag, try text(of: element, key, option, line)]
            }
            return all
        }
        return [flag, try text(of: value, key, option, line)]
    }

    private func text(
        of value: any TOMLValueConvertible,
        _ key: String,
        _ option: OptionTable.Option,
        _ line: Int
    ) throws(SetupError) -> String {
        if let text = value.string {
            return resolved(text, option)
        }
        if let number = value.int { return "\(number)" }
        if let number = value.double, number.isFinite { return "\(number)" }
        throw fault(line, "'\(key)' must be a text or a number")
    }

    /// A value with the file that it names, if any, looked for beside the scenario. What a curl
    /// command in it names stays as the command has it.
    private func resolved(_ text: String, _ option: OptionTable.Option) -> String {
        switch option.valueName {
        case "FILE": beside(text)
        case "COMMAND" where text.hasPrefix("@"), "FIELD" where text.hasPrefix("@"):
            "@" + beside(String(text.dropFirst()))
        case "LAW" where text.hasPrefix("trace:"): "trace:" + beside(String(text.dropFirst(6)))
        case "[METRIC=]FILE":
            switch text.firstIndex(of: "=") {
            case let sign?: text[...sign] + beside(String(text[text.index(after: sign)...]))
            case nil: beside(text)
            }
        default: text
        }
    }

    private func beside(_ file: String) -> String {
        guard file != "-", !file.hasPrefix("/"), let slash = path.lastIndex(of: "/") else {
            return file
        }
        return String(path[...slash]) + file
    }

    // MARK: Errors

    /// An error in `line`.
    func fault(_ line: Int, _ words: String) -> SetupError {
        SetupError(.usage, "\(path), line \(line): \(words)")
    }

    /// The line that an error of the parser or of a check speaks of, by the flag it names: one of
    /// `own`, or above all classes.
    func line(of message: String, in own: Class?) -> Int {
        guard let own else { return line(of: message, among: lines.top) ?? 1 }
        guard let index = classes.firstIndex(where: { $0.name == own.name }) else {
            return own.line
        }
        // What stands above the classes is every class's default.
        return line(of: message, among: lines.keys(in: index))
            ?? line(of: message, among: lines.top) ?? own.line
    }

    private func line(of message: String, among keys: [ScenarioLines.Key]) -> Int? {
        let words = message.split { !$0.isLetter && !$0.isNumber && $0 != "-" }.map(String.init)
        return keys.first { key in
            if key.name == "url" { return words.contains("URL") || words.contains("url") }
            let aliases = table.option(named: key.name)?.aliases ?? []
            return words.contains { aliases.contains($0) }
        }?.line
    }

    /// The name that one wrong, missing or swapped letter makes of `word`.
    private static func nearest(_ word: String, among names: [String]) -> String? {
        let dashed = word.split(separator: "_").joined(separator: "-")
        return names.map { (name: $0, distance: distance(dashed, $0)) }
            .filter { $0.distance <= 2 }
            .min { $0.distance < $1.distance }?.name
    }

    /// Levenshtein's distance.
    private static func distance(_ first: String, _ second: String) -> Int {
        let (one, other) = (Array(first.utf8.prefix(64)), Array(second.utf8))
        var row = Array(0...other.count)
        for (index, byte) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for place in other.indices {
                let change = diagonal + (byte == other[place] ? 0 : 1)
                diagonal = row[place + 1]
                row[place + 1] = min(change, row[place] + 1, row[place + 1] + 1)
            }
        }
        return row[other.count]
    }
}
