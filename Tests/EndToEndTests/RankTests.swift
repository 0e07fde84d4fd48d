// One load of several processes: what they send together, and when, is what one process sends; and
// their results merge into its result.

import Foundation
import Testing

@Suite("Processes that share a load")
struct RankTests {
    private static let stream: [ServerAction] = [
        .readRequest, .send(Wire.stream(Wire.delta("a") + Wire.done)), .again,
    ]
    private static let ranks = 3
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// What servers got, by target and body, and when each request was due, by its number.
    private struct Load: Equatable {
        var sent: [String]
        var due: [[Int]]
    }

    /// The load of the given processes, each with `arguments` and its own flags.
    private func load(
        _ arguments: [String],
        targets: Int,
        processes: [[String]]
    ) async throws -> (load: Load, runs: [LoadRun]) {
        let servers = try (0..<targets).map { _ in try ScriptedServer(Self.stream) }
        defer { for server in servers { server.stop() } }
        var load = Load(sent: [], due: [])
        var runs: [LoadRun] = []
        for (number, own) in processes.enumerated() {
            let log = directory.file("requests-\(number)")
            let run = try await LoadRun.run(
                arguments + own + ["--per-request", log]
                    + servers.map { $0.url + "/v1/chat/completions" }
            )
            #expect(run.failures == [:] && run.outcome.status == 0, "\(run.outcome.stderr)")
            for line in directory.text("requests-\(number)").split(separator: "\n") {
                let request = try JSONValue(parsing: String(line))
                let members = ["number", "turn", "sched_ns"].map { request[$0].int ?? -1 }
                load.due.append(members)
            }
            runs.append(run)
        }
        for (number, server) in servers.enumerated() {
            load.sent += server.requests.map {
                "\(number) " + ($0.components(separatedBy: "\r\n\r\n").last ?? "")
            }
        }
        load.sent.sort()
        load.due.sort { $0.lexicographicallyPrecedes($1) }
        return (load, runs)
    }

    private static let body =
        #"{"i":{{index}},"u":"{{uuid}}","p":"{{prompt}}","m":{{max_tokens}}}"#
    private static let prompts = ["--synthetic", "uniform:3,9:uniform:2,5", "--unique"]

    static let loads: [(flags: [String], targets: Int, isOpen: Bool)] = [
        (["-R", "400", "-n", "40", "--body", body], 1, true),
        (["-R", "400", "-n", "40", "--arrivals", "gamma:2", "--body", body], 1, true),
        (["-R", "400", "-n", "40", "--body", body], 2, true),
        (["--trace", Tool.fixture("traces/mooncake.jsonl"), "--speed", "20"], 1, true),
        (["--stage", "200ms:200/s", "--stage", "200ms:50/s", "--body", body], 1, true),
        (["-c", "7", "-n", "40", "--body", body], 1, false),
        (["-c", "8", "-n", "40", "--body", body], 2, false),
        (["-c", "3", "-n", "10", "--turns", "uniform:1,3", "--model", "m"], 1, false),
        (["--session-rate", "100", "-n", "10", "--turns", "2", "--model", "m"], 1, true),
    ]

    @Test("together they send what one process sends, when it does", arguments: loads)
    func sameLoad(flags: [String], targets: Int, isOpen: Bool) async throws {
        let hasTrace = flags.contains("--trace")
        let arguments = ["--seed", "5"] + flags + (hasTrace ? ["--model", "m"] : Self.prompts)
        var (alone, _) = try await load(arguments, targets: targets, processes: [[]])
        // Threads change nothing.
        let others = (0..<Self.ranks).map {
            ["--rank", "\($0)", "--ranks", "\(Self.ranks)", "-t", "\($0 % 2 + 1)"]
        }
        var (together, runs) = try await load(arguments, targets: targets, processes: others)
        if !isOpen || flags.contains("--turns") {
            // When a turn, or a request of a slot, begins is the server's affair.
            for index in alone.due.indices where !isOpen || alone.due[index][1] > 1 {
                alone.due[index][2] = 0
            }
            for index in together.due.indices where !isOpen || together.due[index][1] > 1 {
                together.due[index][2] = 0
            }
        }
        #expect(together.sent == alone.sent)
        #expect(together.due == alone.due)
        #expect(Set(alone.sent).count == alone.sent.count, "every request differs")
        for (rank, run) in runs.enumerated() {
            #expect(run.result["plan"]["rank"].int == rank)
            #expect(run.result["plan"]["ranks"].int == Self.ranks)
            #expect(run.outcome.stdout.contains("rank \(rank) of \(Self.ranks): "))
        }
    }

    @Test("a rank is held against its own streams, and results that don't belong together refused")
    func apart() async throws {
        let mock = try await Mock(["--tokens", "1000", "--itl", "20ms"])
        var texts: [String] = []
        for rank in 0..<2 {
            let run = try await LoadRun.run(
                ["--stage", "500ms:12", "--stage", "2s:12", "--drain", "0"] + Mock.chatBody
                    + ["--rank", "\(rank)", "--ranks", "3", mock.chat]
            )
            let reasons = run.result["verdict"]["reasons"].array ?? []
            #expect(!reasons.contains { $0["code"].text == "streams_held" })
            texts.append(run.resultText.unsealed)
        }
        let cases = [
            (texts[1], 64, "of 3 ranks 2 is missing, and so is their share"),
            (texts[1].replacing("\"rank\" : 1", with: "\"rank\" : 0"), 64, "are both rank 0 of 3"),
            (
                texts[1].replacing("\"ranks\" : 3", with: "\"ranks\" : 2"), 64,
                "is of a load of 3 ranks"
            ),
            (texts[1].replacing("\"seed\" : 1", with: "\"seed\" : 2"), 64, "unlike seeds"),
            (
                texts[1].replacing("\"request_digest\" : \"", with: "\"request_digest\" : \"0")
                    .replacing(/(request_digest" : "[0-9a-f]{8})[0-9a-f]/) { $0.output.1 },
                64, "asked for different work"
            ),
        ]
        for (text, status, words) in cases {
            let files = try [texts[0], text].enumerated().map { index, text in
                try directory.write("apart-\(index)", Array(text.utf8))
            }
            let outcome = try await Binary.run(["merge"] + files)
            #expect(Int(outcome.status) == status && outcome.stderr.contains(words), "\(words)")
            #expect(status == 0 || outcome.stdout.isEmpty)
        }
        let files = try texts.enumerated().map { index, text in
            try directory.write("some-\(index)", Array(text.utf8))
        }
        let some = try await Binary.run(["merge", "--allow-missing"] + files)
        #expect(some.status == 0 && some.stderr.contains("of 3 ranks 2 is missing"))
        #expect(some.stdout.contains("2 results, 2 of 3 ranks, "))
    }

    @Test("their results merge into the whole that was asked for, in any order")
    func merge() async throws {
        let loads: [[String]] = [
            ["-R", "100", "-d", "1s"], ["-c", "7", "-n", "40"], ["--stage", "1s:100/s"],
        ]
        for flags in loads {
            let arguments = flags + ["--body", "{}"]
            let (_, whole) = try await load(arguments, targets: 1, processes: [[]])
            let (_, runs) = try await load(
                arguments,
                targets: 1,
                processes: (0..<3).map { ["--rank", "\($0)", "--ranks", "3"] }
            )
            let files = try runs.enumerated().map { index, run in
                try directory.write("part-\(index)", Array(run.resultText.utf8))
            }
            var texts: [String] = []
            for order in [[0, 1, 2], [2, 0, 1]] {
                let two = directory.file("two")
                let all = directory.file("all")
                for words in [
                    ["--allow-missing", files[order[0]], files[order[1]], "-o", two],
                    [two, files[order[2]], "-o", all],
                ] {
                    let outcome = try await Binary.run(["merge"] + words)
                    #expect(outcome.status == 0, "\(outcome.stderr)")
                }
                texts.append(directory.text("all"))
            }
            #expect(texts[0] == texts[1])
            let merged = try JSONValue(parsing: texts[0])["plan"]
            let asked = whole[0].result["plan"]
            for member in ["rate", "requests"] {
                #expect(merged[member].double == asked[member].double, "\(flags) \(member)")
            }
            if flags[0] == "-c" { #expect(merged["streams"].int == 7) }
            #expect(!merged["rank"].exists && !merged["ranks"].exists)
            let stages = try JSONValue(parsing: texts[0])["stages"]
            #expect(stages[0]["target"].double == whole[0].result["stages"][0]["target"].double)
        }
    }

    static let refused: [(flags: [String], part: String)] = [
        (["--rank", "0"], "--rank needs --ranks"),
        (["--ranks", "2"], "say which of the 2 processes this is"),
        (["--rank", "2", "--ranks", "2"], "they go from 0 to 1"),
        (["--rank", "0", "--ranks", "1001"], "over the limit of 1000"),
        (["--rank", "0", "--ranks", "0"], "--ranks"),
        (["--rank", "-1", "--ranks", "2"], "--rank"),
        (["-c", "2", "--rank", "0", "--ranks", "3"], "don't reach for 3 ranks"),
        (["-c", "9", "-n", "2", "--rank", "0", "--ranks", "3"], "doesn't reach for 3 ranks"),
        (["-R", "9", "-n", "2", "--rank", "0", "--ranks", "3"], "doesn't reach for 3 ranks"),
    ]

    @Test("ranks that don't exist are refused in a sentence", arguments: refused)
    func refusal(flags: [String], part: String) async throws {
        let outcome = try await Binary.run(flags + ["http://127.0.0.1:1/"])
        #expect(outcome.status == 64 && outcome.stderr.contains(part), "\(outcome.stderr)")
    }

    @Test("a scenario's ranks are those of the run, and share every class")
    func scenario() async throws {
        let server = try ScriptedServer(Self.stream)
        defer { server.stop() }
        var sent = 0
        for rank in 0..<2 {
            let text = """
                rank = \(rank)
                ranks = 2
                [[class]]
                url = "\(server.url)/v1/chat/completions"
                body = "{\\"c\\":{{index}}}"
                streams = 3
                requests = 7
                [[class]]
                url = "\(server.url)/v1/chat/completions"
                body = "{\\"o\\":{{index}}}"
                rate = 200
                requests = 5

                """
            let file = try directory.write("s.toml", Array(text.utf8))
            let run = try await LoadRun.run(["--scenario", file])
            sent += run.completed ?? 0
            let classes = run.result["classes"].array ?? []
            #expect(classes.map { $0["plan"]["requests"].int } == (rank == 0 ? [4, 3] : [3, 2]))
            #expect(classes[0]["plan"]["streams"].int == 2 - rank)
        }
        #expect(sent == 12)
        let bodies = Set(server.requests.map { $0.components(separatedBy: "\r\n\r\n").last ?? "" })
        let expected = (0..<7).map { #"{"c":\#($0)}"# } + (0..<5).map { #"{"o":\#($0)}"# }
        #expect(bodies == Set(expected))
    }
}
