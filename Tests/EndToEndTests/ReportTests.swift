// Stored results through the real binary: drawn again to the letter, exported, merged, and refused;
// and what is left when an output can't be written.

import Foundation
import Glibc
import Testing

@Suite("Reports of stored results")
struct ReportTests {
    /// A run's result in a directory of its own, and the text that it printed.
    private static func stored(
        _ arguments: [String] = []
    ) async throws -> (directory: TemporaryDirectory, text: String) {
        let mock = try await Mock()
        let run = try await LoadRun.run(
            Mock.chatBody + arguments + ["-c", "4", "-n", "40", mock.chat]
        )
        let directory = try TemporaryDirectory()
        try directory.write("r.json", Array(run.resultText.utf8))
        return (directory, run.outcome.stdout)
    }

    @Test("report prints what the run printed")
    func same() async throws {
        let (directory, text) = try await Self.stored(["--threshold", "ttft:p50<9s"])
        let outcome = try await Binary.run(["report", directory.file("r.json")])
        #expect(outcome.status == 0)
        #expect(outcome.stdout == text)
        let piped = try await Binary.run(["report", "-"], stdin: directory.text("r.json"))
        #expect(piped.stdout == text)
        let again = try await Binary.run(["report", "--format", "json", directory.file("r.json")])
        #expect(again.stdout == directory.text("r.json"))
    }

    /// Each kind of load, and what asks for it.
    private static let loads: [(name: String, arguments: [String])] = [
        (
            "streams",
            [
                "-c", "4", "-d", "1500ms", "--ramp", "500ms", "--threshold", "ttft:p50<9s",
                "--label", "build=<b>1</b>", "-H", "Accept: text/event-stream", "--api",
                "openai-chat", "--slo", "e2e<1s", "--until", "it's",
            ]
        ),
        ("rate", ["-R", "80", "-d", "1s", "--arrivals", "gamma:2"]),
        ("stages", ["--stage", "1s:4", "--stage", "0s:2", "--stage", "1s:2"]),
        ("sessions", ["-c", "3", "-n", "6", "--turns", "2", "--think", "20ms"]),
        (
            "trace",
            [
                "--trace", Tool.fixture("traces/mooncake.jsonl"), "--speed", "2",
                "--trace-window", "..900ms",
            ]
        ),
    ]

    @Test("report draws the page of the run to the letter, single streams included")
    func page() async throws {
        let mock = try await Mock()
        let directory = try TemporaryDirectory()
        for (name, arguments) in Self.loads + [("classes", ["-c", "4", "-n", "40"])] {
            let (now, later) = (directory.file("\(name)-now"), directory.file("\(name)-later"))
            // A session's turns are made of a prompt, not of a whole body.
            let body = name == "sessions" ? ["--model", "m", "--prompt", "hi"] : Mock.chatBody
            let targets =
                name == "classes" ? [mock.chat, "\(mock.url)/v1/completions"] : [mock.chat]
            let run = try await LoadRun.run(arguments + ["--html", now] + body + targets)
            #expect(run.outcome.status == 0, "\(name): \(run.outcome.stderr)")
            let stored = try directory.write("\(name)-result", Array(run.resultText.utf8))
            let again = try await Binary.run(["report", stored, "--html", later])
            #expect(again.status == 0, "\(name): \(again.stderr)")
            #expect(again.stdout == run.outcome.stdout, "\(name)")
            let page = directory.text("\(name)-now")
            #expect(
                page.contains("<figure id=\"streams\"") && page.hasSuffix("</html>\n"),
                "\(name)"
            )
            #expect(directory.text("\(name)-later") == page, "\(name)")
        }
    }

    @Test("an export on standard output stands there in place of the text, and alone")
    func onOutput() async throws {
        let (directory, _) = try await Self.stored()
        let file = directory.file("r.json")
        let csv = try await Binary.run(["report", file, "--csv", "-"])
        #expect(csv.stdout.hasPrefix("name,statistic,value,unit,class\n"))
        let markdown = try await Binary.run(["report", file, "--format", "markdown"])
        #expect(markdown.stdout.hasPrefix("## ssebomb"))
        for both in [
            ["--csv", "-", "--junit", "-"], ["--format", "json", "--csv", "-"],
            ["--csv", directory.file("x"), "--junit", directory.file("x")],
        ] {
            let refused = try await Binary.run(["report", file] + both)
            #expect(refused.status == 64, "\(both)")
            #expect(refused.stdout.isEmpty && !refused.stderr.isEmpty)
        }
        #expect(directory.names == ["r.json"])
    }

    @Test("a file that isn't a sound result is one sentence, and nothing is written")
    func refused() async throws {
        let (directory, _) = try await Self.stored()
        let whole = directory.text("r.json")
        let unsealed = whole.unsealed
        let cases = [
            whole.replacingOccurrences(of: "\"cut\" : 0", with: "\"cut\" : 1"),
            String(whole.prefix(whole.count / 2)), "", "{}",
            unsealed.replacingOccurrences(
                of: "\"schema_version\" : 1",
                with: "\"schema_version\" : 9"
            ),
            unsealed.replacingOccurrences(of: "\"name\" : \"ssebomb\"", with: "\"name\" : \"oha\""),
            unsealed.replacingOccurrences(
                of: "\"histogram\" : \"HIST",
                with: "\"histogram\" : \"H"
            ),
        ]
        for text in cases {
            let bad = try directory.write("bad.json", Array(text.utf8))
            for arguments in [
                ["report", bad, "--csv", directory.file("x.csv")],
                ["report", bad, "--html", directory.file("x.html")],
                ["merge", directory.file("r.json"), bad, "-o", directory.file("x.json")],
                ["compare", directory.file("r.json"), bad],
            ] {
                let outcome = try await Binary.run(arguments)
                #expect(outcome.status == 64)
                #expect(outcome.stdout.isEmpty)
                #expect(outcome.stderr.split(separator: "\n").count == 1, "\(outcome.stderr)")
                #expect(outcome.stderr.contains("bad.json"))
                #expect(directory.names == ["bad.json", "r.json"])
            }
        }
        let missing = try await Binary.run(["report", directory.file("none.json")])
        #expect(missing.status == 64 && missing.stderr.contains("none.json"))
    }

    @Test("merge adds two runs, gates the sum and refuses the same run twice")
    func merge() async throws {
        let (one, _) = try await Self.stored()
        let (two, _) = try await Self.stored()
        let file = one.file("all.json")
        let pair = ["merge", one.file("r.json"), two.file("r.json")]
        // The two mocks listen on different ports.
        let unlike = try await Binary.run(pair + ["-o", file])
        #expect(unlike.status == 64 && unlike.stderr.contains("plan.url"))
        #expect(!one.names.contains("all.json"))
        let outcome = try await Binary.run(
            pair + [
                "--allow-unlike", "-o", file, "--threshold", "failures:count<1", "--junit",
                one.file("junit"),
            ]
        )
        #expect(outcome.status == 0, "\(outcome.stderr)")
        #expect(outcome.stdout.contains("merged from       2 results"))
        let merged = try JSONValue(parsing: one.text("all.json"))
        #expect(merged["counts"]["requests"]["completed"].int == 80)
        #expect(merged["metrics"]["ttft"]["count"].int == 80)
        #expect(merged["run"]["merged"]["parts"].array?.count == 2)
        #expect(one.text("junit").contains("tests=\"1\""))
        let twice = try await Binary.run(["merge", file, two.file("r.json")])
        #expect(twice.status == 64 && twice.stderr.contains("count twice"))
        let missed = try await Binary.run(
            pair + ["--allow-unlike", "--threshold", "ttft:p50<1ns"]
        )
        #expect(missed.status == 99, "\(missed.stderr)")
        let single = try await Binary.run(["merge", file])
        #expect(single.status == 64)
    }

    @Test("a job's summary gets the Markdown once, and never more than 1 MiB")
    func summary() async throws {
        let (directory, _) = try await Self.stored()
        let summary = try directory.write("summary", Array("before\n".utf8))
        let place = ["GITHUB_STEP_SUMMARY": summary]
        let file = directory.file("r.json")
        _ = try await Binary.run(["report", file], environment: place)
        let text = directory.text("summary")
        #expect(text.hasPrefix("before\n## ssebomb"))
        #expect(text.components(separatedBy: "## ssebomb").count == 2)
        // A heading glued to somebody's last line is none.
        try directory.write("summary", Array("no line end".utf8))
        _ = try await Binary.run(["report", file], environment: place)
        #expect(directory.text("summary").hasPrefix("no line end\n## ssebomb"))
        try directory.write("summary", [UInt8](repeating: 0x78, count: 1 << 20))
        let full = try await Binary.run(["report", file], environment: place)
        #expect(full.status == 0 && full.stderr.contains("1 MiB"))
        #expect(directory.text("summary").utf8.count == 1 << 20)
    }

    @Test("an export that can't be written costs status 1, and neither the report nor the others")
    func unwritable() async throws {
        let (directory, text) = try await Self.stored()
        let file = directory.file("r.json")
        let outcome = try await Binary.run([
            "report", file, "--csv", "/dev/full", "--junit", directory.file("junit"),
        ])
        #expect(outcome.status == 1)
        #expect(outcome.stderr.contains("/dev/full") && outcome.stderr.contains("--csv"))
        #expect(outcome.stdout == text)
        #expect(directory.names == ["junit", "r.json"])
        let nowhere = try await Binary.run(["report", file, "--csv", "/no/such/place/x"])
        #expect(nowhere.status == 64 && nowhere.stdout.isEmpty)
    }

    @Test(
        "what standard output can't take goes to standard error as text",
        arguments: [">&-", ">/dev/full"],
        [[], ["--format", "json"], ["--csv", "-"], ["--format", "markdown"]]
    )
    func lostOutput(_ redirection: String, _ format: [String]) async throws {
        let (directory, _) = try await Self.stored()
        let arguments = (["report", directory.file("r.json")] + format)
            .map { "'\($0)'" }.joined(separator: " ")
        let outcome = try await Tool.run(
            "/bin/sh",
            ["-c", "'\(Binary.path)' \(arguments) \(redirection)"]
        )
        #expect(outcome.status == 1)
        #expect(outcome.stderr.contains("verdict") && outcome.stderr.contains("ttft"))
        #expect(outcome.stderr.contains("can't write"))
    }

    @Test("no output takes the place of a result that is read, whatever name it has")
    func overwritten() async throws {
        let (directory, _) = try await Self.stored()
        let (text, path) = (directory.text("r.json"), directory.file("r.json"))
        let twin = text.unsealed.replacingOccurrences(of: "\"id\" : \"", with: "\"id\" : \"f")
        let other = try directory.write("other.json", Array(twin.utf8))
        let (symbolic, hard) = (directory.file("symbolic"), directory.file("hard"))
        try FileManager.default.createSymbolicLink(atPath: symbolic, withDestinationPath: path)
        try FileManager.default.linkItem(atPath: path, toPath: hard)
        for name in [path, "\(directory.path)/./r.json", symbolic, hard] {
            for arguments in [
                ["report", path, "--csv", name], ["report", path, "--hgrm", "gap=\(name)"],
                ["merge", other, path, "-o", name], ["merge", other, path, "--html", name],
            ] {
                let outcome = try await Binary.run(arguments)
                #expect(outcome.status == 64 && outcome.stdout.isEmpty, "\(arguments)")
                #expect(outcome.stderr.contains("would overwrite \(path)"), "\(outcome.stderr)")
                #expect(outcome.stderr.split(separator: "\n").count == 1)
            }
            for arguments in [
                "report - --csv '\(name)'", "merge '\(other)' - -o '\(name)'",
                "report - --hgrm 'gap=\(name)'",
            ] {
                let line = "'\(Binary.path)' \(arguments) <'\(path)'"
                let outcome = try await Tool.run("/bin/sh", ["-c", line])
                #expect(outcome.status == 64 && outcome.stdout.isEmpty, "\(arguments)")
                #expect(outcome.stderr.contains("would overwrite standard input"))
            }
            for arguments in [["report", path], ["merge", other, path]] {
                let outcome = try await Binary.run(
                    arguments,
                    environment: ["GITHUB_STEP_SUMMARY": name]
                )
                #expect(outcome.status == 64 && outcome.stdout.isEmpty, "\(arguments)")
                #expect(outcome.stderr.contains("GITHUB_STEP_SUMMARY names \(path), which is read"))
            }
        }
        #expect(directory.text("r.json") == text)
    }
}
