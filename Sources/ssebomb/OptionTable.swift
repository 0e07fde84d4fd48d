// What flags `run` has, as the parser itself describes them, so that scenario files and the command
// line can't know different ones.

import ArgumentParser
import FoundationEssentials

/// The flags of `run`.
struct OptionTable {
    /// One flag.
    struct Option {
        /// Its long name; a flag without one has its short name.
        var name: String
        var aliases: [String]
        var takesValue: Bool
        var isRepeatable: Bool
        var valueName: String
        /// Heading of its group in the help.
        var section: String
    }

    private var byAlias: [String: Option] = [:]

    /// All of `run`'s flags but help and version.
    static func run() -> OptionTable { ofRun }

    private static let ofRun = OptionTable(Data(RunCommand._dumpHelp().utf8))

    /// - Parameter description: what the parser prints for `--experimental-dump-help`.
    init(_ description: Data) {
        // Made by the parser this program is linked with: anything else is a fault of the program.
        guard let document = try? JSONDecoder().decode(Document.self, from: description) else {
            fatalError("the argument parser describes its flags in an unknown form")
        }
        for argument in document.command.arguments where argument.kind != "positional" {
            let aliases = (argument.names ?? []).map(\.text)
            let long = (argument.names ?? []).first { $0.kind == "long" }?.name
            guard let name = long ?? aliases.first?.filter({ $0 != "-" }),
                !["help", "version"].contains(name)
            else { continue }
            let option = Option(
                name: name,
                aliases: aliases,
                takesValue: argument.kind == "option",
                isRepeatable: argument.isRepeating,
                valueName: argument.valueName ?? "",
                section: argument.sectionTitle ?? ""
            )
            for alias in aliases { byAlias[alias] = option }
        }
    }

    /// The flag of this long name, without dashes.
    func option(named name: String) -> Option? {
        byAlias.values.first { $0.name == name }
    }

    /// The flag that this word gives, whether with `=` and a value or without.
    func option(givenBy word: String) -> Option? {
        byAlias[word] ?? word.firstIndex(of: "=").flatMap { byAlias[String(word[..<$0])] }
    }

    var names: [String] { Set(byAlias.values.map(\.name)).sorted() }

    /// A flag as it was given, or a word that belongs to none.
    enum Given: Equatable {
        case option(name: String, value: String?)
        case word(String)
    }

    /// Takes a command line apart that the parser has accepted.
    func given(_ arguments: [String]) -> [Given] {
        var found: [Given] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" { return found + rest.map { .word($0) } }
            let halves = argument.split(
                separator: "=",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            if let option = byAlias[argument] {
                let value = option.takesValue ? rest.popFirst() : nil
                found.append(.option(name: option.name, value: value))
            } else if halves.count == 2, let option = byAlias[String(halves[0])] {
                found.append(.option(name: option.name, value: String(halves[1])))
            } else if let combined = combined(argument) {
                for option in combined {
                    let value = option.takesValue ? rest.popFirst() : nil
                    found.append(.option(name: option.name, value: value))
                }
            } else {
                found.append(.word(argument))
            }
        }
        return found
    }

    /// The flags of `-kq`; nil where it is no such word.
    private func combined(_ word: String) -> [Option]? {
        guard word.count > 2, word.first == "-", word.dropFirst().first != "-" else { return nil }
        let options = word.dropFirst().map { byAlias["-\($0)"] }
        return options.contains { $0 == nil } ? nil : options.compactMap { $0 }
    }

    // MARK: The parser's description

    private struct Document: Decodable {
        struct Command: Decodable { var arguments: [Argument] }
        struct Argument: Decodable {
            struct Name: Decodable {
                var kind: String
                var name: String
                var text: String { kind == "long" ? "--\(name)" : "-\(name)" }
            }
            var kind: String
            var names: [Name]?
            var isRepeating: Bool
            var valueName: String?
            var sectionTitle: String?
        }
        var command: Command
    }
}
