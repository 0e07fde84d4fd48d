// Repeats and comparisons end to end: real runs against the mock, their files compared by the real
// binary.

import Foundation
import Testing

@Suite("Comparison")
struct CompareTests {
    // With --allow-invalid throughout: a machine that is busy with other tests makes runs invalid,
    // and what becomes of those a unit test shows.

    /// Three runs against a mock with this time to the first token; returns the files' common name.
    private static func repeats(
        _ directory: TemporaryDirectory,
        _ name: String,
        ttft: String,
        streams: String = "10"
    ) async throws -> (outcome: Outcome, files: String) {
        let mock = try await Mock(["--ttft", ttft, "--itl", "5ms"])
        let outcome = try await Binary.run(
            Mock.chatBody
                + [
                    "--repeat", "3", "-c", streams, "-n", "70", "-t", "1", "--no-progress", "-o",
                    directory.file("\(name).json"), mock.chat,
                ]
        )
        let files = (1...3).map { directory.file("\(name)-\($0).json") }
        return (outcome, files.joined(separator: ","))
    }

    @Test("repeats leave a file and a line each, and the spread between them") func repeats()
        async throws
    {
        let directory = try TemporaryDirectory()
        let (outcome, _) = try await Self.repeats(directory, "base", ttft: "5ms")
        #expect(outcome.status == 0, "\(outcome.stderr)")
        #expect(directory.names.sorted() == ["base-1.json", "base-2.json", "base-3.json"])
        let lines = outcome.stdout.split(separator: "\n")
        #expect(lines.prefix(3).map { $0.prefix(3) } == ["1/3", "2/3", "3/3"])
        #expect(outcome.stdout.contains("Between 3 runs"))
        let results = try (1...3).map {
            try JSONValue(parsing: directory.text("base-\($0).json"))
        }
        #expect(results.map { $0["counts"]["requests"]["completed"].int } == [70, 70, 70])
        // Fresh connections, and a seed of its own, for each.
        #expect(results.allSatisfy { $0["counts"]["connections"]["opened"].int == 10 })
        #expect(results.map { $0["plan"]["seed"].int } == [1, 2, 3])
        #expect(Set(results.map { $0["run"]["id"].text }).count == 3)
        #expect(results[1]["run"]["labels"]["repeat"].text == "2/3")
    }

    @Test("a slower server is a regression, a faster one is not") func worse() async throws {
        let directory = try TemporaryDirectory()
        // Far apart, and all at once: the tests beside these make runs of some ms differ manifold.
        let (_, base) = try await Self.repeats(directory, "base", ttft: "300ms", streams: "70")
        let (_, new) = try await Self.repeats(directory, "new", ttft: "3s", streams: "70")
        let worse = try await Binary.run([
            "compare", "--allow-invalid", "--format", "json", base, new,
        ])
        #expect(worse.status == 98, "\(worse.stderr)")
        let document = try JSONValue(parsing: worse.stdout)
        #expect(document["method"].text == "runs" && document["outcome"].text == "regression")
        let ttft = document["rows"].array?.first { $0["figure"].text == "ttft.p50" }
        #expect(ttft?["finding"].text == "worse")
        #expect((ttft?["low"].double ?? 0) > 1, "more than twice as long")
        let better = try await Binary.run([
            "compare", "--allow-invalid", "--fail-if", "ttft.p50 > +10%", new, base,
        ])
        #expect(better.status == 0, "\(better.stdout)")
        #expect(better.stdout.contains("✓ passed ttft.p50>+10%"))
        #expect(better.stdout.contains("NEW is better in"))
        let unjudged = try await Binary.run([
            "compare", "--allow-invalid", "--fail-if", "ttft.p99 > +10%", base, new,
        ])
        #expect(unjudged.status == 96)
        #expect(unjudged.stdout.contains("needs 662 samples"))
        let markdown = try await Binary.run([
            "compare", "--allow-invalid", "--format", "markdown", base, new,
        ])
        #expect(markdown.status == 98 && markdown.stdout.hasPrefix("### NEW is worse in"))
    }

    @Test("what can't be compared is refused in one sentence") func refusals() async throws {
        let directory = try TemporaryDirectory()
        let (_, base) = try await Self.repeats(directory, "base", ttft: "2ms")
        let (_, other) = try await Self.repeats(directory, "other", ttft: "2ms", streams: "7")
        let whole = directory.text("base-1.json")
        let damaged = try directory.write("damaged.json", Array(whole.utf8.prefix(whole.count / 2)))
        let one = String(base.split(separator: ",")[0])
        for (arguments, part) in [
            (
                [base, other],
                "unlike (streams: 10 and 7): repeat one of them, or say --allow-unlike"
            ),
            ([one, one], "are the same run"),
            ([one, damaged], "isn't JSON, or was cut"),
            ([one, "/no/such/file"], "can't read /no/such/file"),
            ([one], "NEW"),
            (["--fail-if", "ttft>5%", one, other], "'ttft' isn't one of"),
            (
                ["--fail-if", "requests.rate > -50%", one, other],
                "write 'requests.rate > +50%' where more fails, 'requests.rate < -50%' where less"
            ),
            (["--margin", "5", one, other], "such as 2%"),
            (["--margin", "0x5%", one, other], "such as 2%"),
            (["--fail-if", "ttft.p0x32>5%", one, other], "'ttft.p0x32' isn't one of"),
        ] {
            let outcome = try await Binary.run(["compare"] + arguments)
            #expect(outcome.status == 64, "\(arguments)")
            #expect(outcome.stdout.isEmpty && outcome.stderr.contains(part), "\(outcome.stderr)")
            #expect(outcome.stderr.split(separator: "\n").count == 1)
        }
        let allowed = try await Binary.run([
            "compare", "--allow-invalid", "--allow-unlike", base, other,
        ])
        #expect([0, 98].contains(allowed.status))
        #expect(allowed.stdout.contains("the plans of"))
    }

    @Test(
        "repeats are refused where a run has something that only one can have",
        arguments: [
            (["--format", "json"], "-o FILE"), (["-o", "-"], "-o FILE"),
            (["--event-log", "/tmp/events.ndjson"], "--event-log is of one run"),
            (["-o", "/no/such/directory/r.json"], "/no/such/directory/r"),
        ]
    )
    func repeatRefusals(flags: [String], part: String) async throws {
        let outcome = try await Binary.run(["--repeat", "2"] + flags + ["http://127.0.0.1:1/"])
        #expect(outcome.status == 64 && outcome.stderr.contains(part), "\(outcome.stderr)")
    }
}
