// What is left when an output can't be written, for the page and every export alike: the report,
// the files that were there before, and a sentence for each that is missing.

import Foundation
import Testing

/// The flags that write a finished run in some format.
enum Exports {
    static let names = [
        "html", "csv", "markdown", "hlog", "hgrm", "openmetrics", "vllm-json", "aiperf-json",
        "k6-json", "llmd", "junit",
    ]

    /// Each into a file of its name.
    static func all(in directory: TemporaryDirectory) -> [String] {
        names.flatMap { ["--\($0)", directory.file($0)] }
    }
}

@Suite("Outputs that can't be written")
struct OutputFailureTests {
    /// Through a shell, which closes or limits what the program gets; all output is one text.
    private static func shell(
        _ before: String,
        _ arguments: [String],
        _ redirection: String
    ) async throws -> Outcome {
        let words = ([Binary.path] + arguments)
            .map { "'" + $0.replacingOccurrences(of: "'", with: "'\\''") + "'" }
        // Through a pipe, which no limit on files concerns.
        let script =
            "( \(before) \(words.joined(separator: " ")) \(redirection); echo \"status $?\" ) | cat"
        return try await Tool.run("/bin/sh", ["-c", script])
    }

    private static func expectReport(_ text: String, _ sourceLocation: SourceLocation) {
        #expect(text.contains("verdict  "), sourceLocation: sourceLocation)
        #expect(text.contains("\n  ttft "), sourceLocation: sourceLocation)
        #expect(text.hasSuffix("status 1\n"), "\(text.suffix(300))", sourceLocation: sourceLocation)
    }

    @Test("standard output closed and every disk full: standard error has it all, status 1")
    func nowhere() async throws {
        let mock = try await Mock()
        let directory = try TemporaryDirectory()
        for name in Exports.names + ["result"] {
            try FileManager.default.createSymbolicLink(
                atPath: directory.file(name),
                withDestinationPath: "/dev/full"
            )
        }
        let before = directory.names
        let run = ["-n", "4", "-q", "-o", directory.file("result")] + Exports.all(in: directory)
        let outcome = try await Self.shell("", run + Mock.chatBody + [mock.chat], "2>&1 >&-")
        Self.expectReport(outcome.stdout, #_sourceLocation)
        for flag in Exports.names.map({ "--\($0)" }) + ["-o"] {
            let said = outcome.stdout.split(separator: "\n").filter {
                $0.contains("No space left on device") && $0.hasSuffix("with \(flag)")
            }
            #expect(said.count == 1, "\(flag)")
        }
        #expect(outcome.stdout.contains("can't write the report to standard output"))
        #expect(directory.names == before)
    }

    @Test("repeats that standard output can't take all run, and stand on standard error, status 1")
    func repeats() async throws {
        let mock = try await Mock()
        let directory = try TemporaryDirectory()
        let run = ["-n", "4", "-q", "--repeat", "3", "-o", directory.file("r.json")]
        let outcome = try await Self.shell("", run + Mock.chatBody + [mock.chat], "2>&1 >/dev/full")
        let lines = outcome.stdout.split(separator: "\n")
        #expect(lines.prefix(3).map { $0.prefix(3) } == ["1/3", "2/3", "3/3"], "\(outcome.stdout)")
        #expect(outcome.stdout.contains("Between 3 runs"))
        #expect(outcome.stdout.contains("can't write to standard output: No space left on device"))
        #expect(lines.last == "status 1")
        #expect(directory.names.sorted() == ["r-1.json", "r-2.json", "r-3.json"])
    }

    @Test(
        "a comparison that standard output can't take stands on standard error, status 1",
        arguments: ["2>&1 >&-", "2>&1 >/dev/full"]
    )
    func comparison(_ redirection: String) async throws {
        let mock = try await Mock()
        let stored = try TemporaryDirectory()
        let files = ["a", "b"].map { stored.file($0) }
        for file in files {
            _ = try await Binary.run(Mock.chatBody + ["-n", "4", "-q", "-o", file, mock.chat])
        }
        for format in ["text", "json", "markdown"] {
            let outcome = try await Self.shell(
                "",
                ["compare", "--allow-invalid", "--format", format] + files,
                redirection
            )
            let lines = outcome.stdout.split(separator: "\n")
            #expect(lines.first?.hasPrefix("base ") == true, "\(outcome.stdout)")
            #expect(lines.contains { $0.contains("ttft.p50") })
            #expect(lines.contains { $0.contains("can't write the comparison to standard output") })
            #expect(lines.last == "status 1", "\(format)")
        }
    }

    @Test("a file that was there stays as it was, and no half of a new one is left")
    func untouched() async throws {
        let mock = try await Mock()
        let stored = try TemporaryDirectory()
        let run = try await LoadRun.run(Mock.chatBody + ["-n", "4", mock.chat])
        let results = try ["a", "b"].map { name in
            // Two runs, by their ids.
            let text = run.resultText.unsealed.replacingOccurrences(
                of: "\"id\" : \"",
                with: "\"id\" : \"\(name)"
            )
            return try stored.write(name, Array(text.utf8))
        }
        let commands = [
            ["report", results[0]], ["merge", "-o", "merged"] + results,
            ["-n", "4", "-q", "-o", "merged"] + Mock.chatBody + [mock.chat],
        ]
        for command in commands {
            let directory = try TemporaryDirectory()
            let names = Exports.names + (command[0] == "report" ? [] : ["merged"])
            for name in names { try directory.write(name, Array("earlier".utf8)) }
            let words = command.map { $0 == "merged" ? directory.file($0) : $0 }
            let outcome = try await Self.shell(
                "ulimit -f 0;",
                words + Exports.all(in: directory),
                "2>&1"
            )
            Self.expectReport(outcome.stdout, #_sourceLocation)
            #expect(directory.names == names.sorted(), "\(command)")
            for name in names {
                #expect(directory.text(name) == "earlier", "\(name)")
                #expect(outcome.stdout.contains("can't write \(directory.file(name)): "))
            }
        }
    }

    @Test("a directory that goes away during the run costs status 1, not the report")
    func gone() async throws {
        let directory = try TemporaryDirectory()
        let place = directory.file("place")
        try FileManager.default.createDirectory(
            atPath: place,
            withIntermediateDirectories: false
        )
        // Answers once the directory is gone.
        let server = try ScriptedServer([
            .readRequest, .awaitRemoval(of: place), .send(Wire.stream(Wire.delta("a") + Wire.done)),
        ])
        defer { server.stop() }
        let flags = ["--html", "--csv", "--event-log", "--per-request"]
        let run = try Binary.start(
            ["-n", "1", "-q"] + flags.flatMap { [$0, "\(place)/\($0)"] } + Mock.chatBody
                + [server.url + "/v1/chat/completions"]
        )
        try await run.wait { _ in server.accepted > 0 }
        try FileManager.default.removeItem(atPath: place)
        let outcome = try await run.outcome()
        #expect(outcome.status == 1)
        #expect(outcome.stdout.contains("verdict  ") && outcome.stdout.contains("\n  ttft "))
        for flag in flags {
            #expect(
                outcome.stderr.contains(
                    "create its directory first, or name another with \(flag)\n"
                ),
                "\(outcome.stderr)"
            )
        }
        #expect(directory.names.isEmpty)
    }

    @Test(
        "a place that can't be written to is refused before anything is sent",
        arguments: Exports.names
    )
    func refused(_ name: String) async throws {
        let directory = try TemporaryDirectory()
        let server = try ScriptedServer([.readRequest])
        defer { server.stop() }
        for path in [directory.path, directory.file("none/x")] {
            let outcome = try await Binary.run(["-n", "1", "--\(name)", path, server.url])
            #expect(outcome.status == 64, "\(path)")
            #expect(outcome.stdout.isEmpty && outcome.stderr.contains("--\(name)"))
            #expect(outcome.stderr.split(separator: "\n").count == 1)
        }
        #expect(server.accepted == 0)
    }

    @Test("two names of one file are refused before anything is sent, and a job's summary is one")
    func twice() async throws {
        let directory = try TemporaryDirectory()
        let server = try ScriptedServer([.readRequest])
        defer { server.stop() }
        try FileManager.default.createSymbolicLink(
            atPath: directory.file("link"),
            withDestinationPath: "x"
        )
        try FileManager.default.createSymbolicLink(
            atPath: directory.file("again"),
            withDestinationPath: directory.file("link")
        )
        let (file, name) = (directory.file("x"), (directory.path as NSString).lastPathComponent)
        let spellings = [
            file, "\(directory.path)/./x", "\(directory.path)/../\(name)/x", directory.file("link"),
            directory.file("again"),
        ]
        // Before there is the file, and then.
        for isThere in [false, true] {
            if isThere { try directory.write("x", Array("earlier".utf8)) }
            for other in spellings {
                for flags in [
                    ["-o", file, "--junit", other], ["-o", other, "--per-request", file],
                    ["--hgrm", "ttft=\(file)", "--hgrm", "gap=\(other)"],
                ] {
                    let outcome = try await Binary.run(["-n", "1"] + flags + [server.url])
                    #expect(outcome.status == 64, "\(flags)")
                    #expect(outcome.stderr.contains("name the same file: use two"))
                    #expect(outcome.stderr.split(separator: "\n").count == 1)
                }
                for flags in [["-o", file], ["--event-log", file]] {
                    let outcome = try await Binary.run(
                        ["-n", "1"] + flags + [server.url],
                        environment: ["GITHUB_STEP_SUMMARY": other]
                    )
                    #expect(outcome.status == 64, "\(flags) \(other)")
                    #expect(outcome.stderr.contains("GITHUB_STEP_SUMMARY and \(flags[0]) name"))
                }
            }
        }
        #expect(server.accepted == 0 && directory.text("x") == "earlier")
        #expect(directory.names == ["again", "link", "x"])
    }

    @Test("devices are no files: each of two outputs may go there in its own spelling")
    func devices() async throws {
        let server = try ScriptedServer([.readRequest, .send(Wire.stream(Wire.events(2)))])
        defer { server.stop() }
        let outcome = try await Binary.run(
            ["-n", "1", "-q", "-o", "/dev/null", "--csv", "/dev/./null", server.url],
            environment: ["GITHUB_STEP_SUMMARY": "/dev/null"]
        )
        #expect(outcome.status == 0, "\(outcome.stderr)")
    }

    @Test("a directory that takes no file costs an output, whoever asks", arguments: Exports.names)
    func readOnly(_ name: String) async throws {
        let server = try ScriptedServer([.readRequest, .send(Wire.stream(Wire.events(2)))])
        defer { server.stop() }
        // The kernel's own file system takes no new file from anybody; root is told so late.
        let outcome = try await Binary.run(["-n", "1", "-q", "--\(name)", "/proc/x", server.url])
        #expect(outcome.status == 64 || outcome.status == 1)
        #expect(outcome.stdout.contains("verdict  ") == (outcome.status == 1))
        #expect(outcome.stderr.contains("can't write /proc/x: "), "\(outcome.stderr)")
    }
}
