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

    /// Pages for a task or for users of another tool, and the flags of that tool.
    private static let pages: [(name: String, others: Set<String>, least: Int)] = [
        ("COMING-FROM-K6.md", ["rps"], 40),
        (
            "COMING-FROM-VLLM-BENCH.md",
            [
                "base-url", "host", "port", "endpoint", "backend", "endpoint-type", "num-prompts",
                "request-rate", "max-concurrency", "burstiness", "ramp-up-strategy",
                "ramp-up-start-rps", "ramp-up-end-rps", "dataset-name", "random-input-len",
                "random-output-len", "random-range-ratio", "random-prefix-len", "dataset-path",
                "top-p", "extra-body", "ignore-eos", "goodput", "percentile-metrics",
                "metric-percentiles", "save-result", "result-filename", "save-detailed", "metadata",
                "ready-check-timeout-sec", "num-warmups", "profile", "lora-modules",
            ], 15
        ),
        (
            "COMING-FROM-WRK.md",
            ["latency", "latency-correction", "disable-keepalive", "unix-socket"], 20
        ),
        (
            "GATE-A-MERGE.md",
            ["retry", "retry-delay", "retry-all-errors"], 8
        ),
        ("FAST-ENOUGH.md", [], 8),
    ]

    @Test("each flag that a page for a task names exists", arguments: pages.map(\.name))
    func flags(_ name: String) async throws {
        let page = try #require(Self.pages.first { $0.name == name })
        let text = try Self.document(name)
        var known = Set(OptionTable.run().names)
        for command in ["serve", "probe", "report", "merge", "compare"] {
            let help = try await Binary.run([command, "--experimental-dump-help"])
            known.formUnion(OptionTable(Data(help.stdout.utf8)).names)
        }
        let named = Set(text.matches(of: /(?:^|[^\w-])--([a-z][a-z0-9-]*)/).map { String($0.1) })
        #expect(named.subtracting(page.others).count > page.least, "\(named.count)")
        let unknown = named.subtracting(known).subtracting(page.others)
        #expect(unknown.isEmpty, "\(unknown)")
    }

    @Test("each link between documents leads to a file and a heading")
    func links() throws {
        let place = URL(fileURLWithPath: "\(Tool.root)/docs")
        let names = try FileManager.default.contentsOfDirectory(atPath: place.path)
            .filter { $0.hasSuffix(".md") }
        var count = 0
        for name in names {
            for link in try Self.document(name).matches(of: /\]\(([^)\s]+)\)/) {
                let target = String(link.1)
                if target.hasPrefix("http") { continue }
                let parts = target.split(
                    separator: "#",
                    maxSplits: 1,
                    omittingEmptySubsequences: false
                )
                let path = parts[0].isEmpty ? name : String(parts[0])
                let file = place.appending(path: path)
                #expect(FileManager.default.fileExists(atPath: file.path), "\(name): \(target)")
                guard parts.count == 2, path.hasSuffix(".md") else { continue }
                let headings = try String(contentsOf: file, encoding: .utf8)
                    .split(separator: "\n").filter { $0.hasPrefix("#") }.map(Self.anchor)
                #expect(headings.contains(String(parts[1])), "\(name): \(target)")
                count += 1
            }
        }
        #expect(count > 50)
    }

    /// A heading's anchor as GitHub and GitLab make it.
    private static func anchor(_ heading: Substring) -> String {
        heading.drop { $0 == "#" || $0 == " " }.lowercased()
            .filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" || $0 == " " }
            .replacing(" ", with: "-")
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
