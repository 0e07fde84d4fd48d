// The documents that list flags and keys, held against the flags that `run` really has. Reads files
// and the parser's own description; nothing is sent.

import Foundation
import Testing

@testable import ssebomb

@Suite("Documents of flags and keys")
struct DocumentTests {
    private static func document(_ name: String) throws -> String {
        try String(contentsOfFile: "\(Tool.root)/docs/\(name)", encoding: .utf8)
    }

    /// The cells of each row of tables.
    private static func rows(_ text: String) -> [[String]] {
        text.split(separator: "\n").filter { $0.hasPrefix("| ") }.map { line in
            line.split(separator: " | ").map { $0.trimmingCharacters(in: ["|", " "]) }
        }
    }

    // MARK: COMING-FROM-K6.md

    @Test("each capability of k6 has one row, with an answer")
    func parity() throws {
        let rows = Self.rows(try Self.document("COMING-FROM-K6.md"))
        let ids =
            (1...30).map { "A\($0)" } + (1...13).map { "B\($0)" } + (1...17).map { "L\($0)" }
        for id in ids {
            let own = rows.filter { $0.first == id }
            #expect(own.count == 1, "\(id): \(own.count) rows")
            #expect(own.allSatisfy { $0.count == 3 && !$0[2].isEmpty }, "\(id) has no answer")
        }
    }

    @Test("each flag that the page for users of k6 names exists")
    func flags() async throws {
        let text = try Self.document("COMING-FROM-K6.md")
        var known = Set(OptionTable.run().names)
        for command in ["serve", "probe", "report", "merge"] {
            let help = try await Binary.run([command, "--experimental-dump-help"])
            known.formUnion(OptionTable(Data(help.stdout.utf8)).names)
        }
        let ofK6: Set = ["rps"]
        let named = Set(text.matches(of: /(?:^|[^\w-])--([a-z][a-z0-9-]*)/).map { String($0.1) })
        #expect(named.count > 40)
        let unknown = named.subtracting(known).subtracting(ofK6)
        #expect(unknown.isEmpty, "\(unknown)")
    }

    @Test("each command of the page for users of k6 is accepted")
    func commands() async throws {
        let directory = try TemporaryDirectory()
        let dataset = try directory.write(
            "sharegpt.json",
            Array(try String(contentsOfFile: Tool.fixture("sharegpt.json"), encoding: .utf8).utf8)
        )
        let text = try Self.document("COMING-FROM-K6.md")
            .replacing("\\\n", with: " ")
            .replacing("ShareGPT_V3_unfiltered_cleaned_split.json", with: dataset)
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("    ssebomb -") }
        #expect(lines.count > 7)
        for line in lines {
            let cut = try ShellWords(Array(line.utf8), origin: "the page") { _ in nil }
            var words = Array(cut.words.map(\.text).dropFirst())
            if words.last == "URL" {
                words[words.count - 1] = "http://127.0.0.1:9/v1/chat/completions"
            }
            let outcome = try await Binary.run(["--dry-run"] + words)
            #expect(outcome.status == 0, "\(line): \(outcome.stderr)")
        }
    }

    // MARK: SCENARIO.md

    /// Key, example and place of each row.
    private static func keys() throws -> [(key: String, example: String, place: String)] {
        let text = try document("SCENARIO.md")
        return rows(text).filter { $0.count == 3 && $0[0].hasPrefix("`") }.map {
            let ticks = CharacterSet(charactersIn: "`")
            return (
                $0[0].trimmingCharacters(in: ticks), $0[1].trimmingCharacters(in: ticks), $0[2]
            )
        }
    }

    @Test("each key that a scenario can have has one row")
    func scenarioKeys() throws {
        let documented = try Self.keys().map(\.key)
        let all = OptionTable.run().names.filter { !["scenario", "dry-run"].contains($0) }
        #expect(documented.sorted() == (all + ["name", "url"]).sorted())
    }

    @Test("each key's example is accepted where its row says, and refused elsewhere")
    func scenarioExamples() throws {
        let directory = try TemporaryDirectory()
        let table = OptionTable.run()
        for (key, example, place) in try Self.keys() {
            #expect(example.hasPrefix("\(key) = "), "\(key)")
            let url = key == "url" ? "" : "url = \"http://127.0.0.1:9/x\"\n"
            let inClass = try directory.write(
                "class.toml",
                Array("[[class]]\n\(url)\(example)\n".utf8)
            )
            let above = try directory.write(
                "above.toml",
                Array("\(example)\n[[class]]\nurl = \"http://127.0.0.1:9/x\"\n".utf8)
            )
            func arguments(_ path: String) -> [String]? {
                guard let file = try? ScenarioFile(reading: path, table: table) else { return nil }
                let words = file.runArguments + file.classes[0].arguments
                return (try? file.command(words, nil)) == nil ? nil : words
            }
            let places = [arguments(above) != nil, arguments(inClass) != nil]
            switch place {
            case "run": #expect(places == [true, false], "\(key)")
            case "class", "both": #expect(places == [true, true], "\(key)")
            case "a class alone": #expect(places == [false, true], "\(key)")
            default: Issue.record("\(key): \(place)")
            }
        }
    }
}
