// Several targets of one load: what falls to each, in the closed and in the open model, and the
// results of each beside those of all.

import Foundation
import SSEBombReport
import Testing

@testable import ssebomb

@Suite("Targets")
struct TargetTests {
    private func part(_ run: LoadRun, _ name: String) throws -> JSONValue {
        let found = run.result["classes"].array?.first { $0["name"].text == name }
        return try #require(found, "no class \(name)")
    }

    private func started(_ part: JSONValue) -> Int? { part["counts"]["requests"]["started"].int }

    @Test("streams and requests are shared by weight, and each server gets what is its own")
    func closed() async throws {
        let (heavy, light) = (try await Mock(), try await Mock())
        let run = try await LoadRun.run(
            ["-c", "8", "-n", "80", "--weights", "3,1"] + Mock.chatBody + [heavy.chat, light.chat]
        )
        #expect(run.outcome.status == 0, "\(run.outcome.stderr)")
        #expect(run.started == 80 && run.completed == 80)
        let (one, other) = (
            try part(run, "127.0.0.1:\(heavy.port)"), try part(run, "127.0.0.1:\(light.port)")
        )
        #expect(one["plan"]["streams"].int == 6 && other["plan"]["streams"].int == 2)
        #expect(started(one) == 60 && started(other) == 20)
        #expect(one["metrics"]["ttft"]["count"].int == 60)
        #expect(other["metrics"]["gap"]["count"].int == 20 * 9)
        #expect(run.result["plan"]["streams"].int == 8)
        #expect(run.count(of: "gap") == 80 * 9)
        #expect(run.outcome.stdout.contains("Class 127.0.0.1:\(light.port)"))
        let truths = (try await heavy.stop(), try await light.stop())
        #expect(truths.0["counts"]["requests"].int == 60)
        #expect(truths.1["counts"]["requests"].int == 20)
    }

    @Test(
        "arrivals are one schedule: the same ones go to the same target for any number of loops",
        arguments: ["constant", "poisson"]
    )
    func open(law: String) async throws {
        var seen: [[Int?]] = []
        for threads in ["1", "2"] {
            let (one, other) = (try await Mock(), try await Mock())
            let run = try await LoadRun.run(
                ["-R", "400", "-n", "120", "--arrivals", law, "-t", threads, "--weights", "2,1"]
                    + Mock.chatBody + [one.chat, other.chat]
            )
            #expect(run.started == 120 && run.completed == 120)
            // The law is that of all arrivals together.
            #expect(run.result["arrivals"]["due"].int == 120)
            #expect(run.result["arrivals"]["ks"].exists == (law == "poisson"))
            // What is asked of one target is its share.
            for (target, rate) in [(one, 800.0 / 3), (other, 400.0 / 3)] {
                let own = try part(run, "127.0.0.1:\(target.port)")
                for place in ["plan", "arrivals"] {
                    let asked = try #require(own[place]["rate"].double)
                    #expect(abs(asked - rate) < 1e-9 * rate)
                }
                #expect(run.outcome.stdout.contains("\(Units.rate(rate))/s asked"))
            }
            #expect(run.result["plan"]["rate"].double == 400)
            let parts = [
                started(try part(run, "127.0.0.1:\(one.port)")),
                started(try part(run, "127.0.0.1:\(other.port)")),
            ]
            #expect(parts.compactMap { $0 }.reduce(0, +) == 120)
            // Two thirds of 120 draws: 80 with a standard deviation of 5.2.
            #expect((60...100).contains(parts[0] ?? 0))
            seen.append(parts)
        }
        #expect(seen[0] == seen[1])
    }

    @Test(
        "no two requests are alike, whichever target they go to",
        arguments: [
            ["-n", "40", "--model", "m", "--unique", "--synthetic", "20:5"],
            ["-n", "40", "--body", #"{"u":"{{uuid}}"}"#], ["-n", "40", "--body", "{{index}}"],
            ["-d", "300ms", "--model", "m", "--unique", "--prompt", "hi"],
            ["-n", "12", "--turns", "2", "--model", "m", "--unique", "--prompt", "hi"],
            ["-n", "40", "--bodies", "ROWS"],
            ["-n", "40", "--bodies", "ROWS", "--order", "shuffle"],
        ]
    )
    func distinct(flags: [String]) async throws {
        let stream: [ServerAction] = [
            .readRequest, .send(Wire.stream(Wire.delta("a") + Wire.done)), .again,
        ]
        let servers = [try ScriptedServer(stream), try ScriptedServer(stream)]
        defer { for server in servers { server.stop() } }
        let directory = try TemporaryDirectory()
        let lines = (0..<40).map { #"{"row":\#($0)}"# }
        let rows = try directory.write("rows", Array(lines.joined(separator: "\n").utf8))
        let urls = servers.map { "\($0.url)/v1/chat/completions" }
        var arguments = ["-c", "4"] + flags.map { $0 == "ROWS" ? rows : $0 }
        if flags.contains("--turns") {
            let text = """
                [[class]]
                url = ["\(urls[0])", "\(urls[1])"]
                streams = 4
                requests = 12
                turns = "2"
                model = "m"
                unique = true
                prompt = "hi"

                """
            arguments = ["--scenario", try directory.write("s.toml", Array(text.utf8))]
        } else {
            arguments += urls
        }
        let run = try await LoadRun.run(arguments)
        let bodies = servers.map { server in
            server.requests.map { $0.components(separatedBy: "\r\n\r\n").last ?? "" }
        }
        #expect(run.failures == [:] && bodies.allSatisfy { !$0.isEmpty })
        #expect(Set(bodies.joined()).count == bodies[0].count + bodies[1].count)
        if flags.contains("ROWS") { #expect(bodies.joined().sorted() == lines.sorted()) }
    }

    @Test("the plan of several targets is that of all, and each has its part")
    func plan() async throws {
        let servers = [try await Mock(), try await Mock()]
        let run = try await LoadRun.run(
            ["-c", "4", "-n", "8", "--connect-rate", "100/s"] + Mock.chatBody + servers.map(\.chat)
        )
        let plan = run.result["plan"]
        #expect(plan["connect_rate"].double == 100 && plan["requests"].int == 8)
        #expect(plan["addresses"].array?.map(\.text) == servers.map { "127.0.0.1:\($0.port)" })
        for own in run.result["classes"].array ?? [] {
            #expect(own["plan"]["connect_rate"].double == 50)
        }
        #expect(run.outcome.stdout.contains(" 4 streams, 8 requests, connects 100/s\n"))
    }

    @Test("a target that is down has its own failures, and the others none")
    func down() async throws {
        let mock = try await Mock()
        let gone = "http://127.0.0.1:1/v1/chat/completions"
        let run = try await LoadRun.run(
            ["-c", "2", "-n", "10"] + Mock.chatBody + [mock.chat, gone]
        )
        #expect(run.outcome.status == 0)
        let (up, down) = (try part(run, "127.0.0.1:\(mock.port)"), try part(run, "127.0.0.1:1"))
        #expect(up["counts"]["requests"]["completed"].int == 5)
        #expect(up["counts"]["failures"].counts == [:])
        #expect(down["counts"]["failures"].counts == ["connect_refused": 5])
        #expect(down["errors"][0]["kind"].text == "connect_refused")
        #expect(run.failures == ["connect_refused": 5])
    }

    @Test("a list of targets has URLs and weights, comments and empty lines")
    func file() async throws {
        let mock = try await Mock()
        let directory = try TemporaryDirectory()
        let list = try directory.write(
            "urls",
            Array("# servers\n\n\(mock.chat) 1\r\n\(mock.url)/v1/completions 3\n".utf8)
        )
        let run = try await LoadRun.run(
            ["-c", "4", "-n", "8", "--urls", list, "--body", #"{"stream":true,"prompt":"x"}"#]
        )
        #expect(run.outcome.status == 0, "\(run.outcome.stderr)")
        let port = mock.port
        #expect(started(try part(run, "127.0.0.1:\(port)/v1/chat/completions")) == 2)
        #expect(started(try part(run, "127.0.0.1:\(port)/v1/completions")) == 6)
    }

    @Test(
        "what is wrong with targets is said before any load",
        arguments: [
            (["--weights", "1,2", "http://127.0.0.1:1/"], "--weights has 2 for 1 URLs"),
            (["-c", "1", "http://127.0.0.1:1/", "http://127.0.0.1:2/"], "1 streams don't reach"),
            (["http://127.0.0.1:1/", "topsecret"], "put values with spaces in quotes"),
            (
                ["--weights", "1,0", "http://127.0.0.1:1/", "http://127.0.0.1:2/"],
                "no weight above"
            ),
            (
                ["--weights", "1e308,1e308", "http://127.0.0.1:1/", "http://127.0.0.1:2/"],
                "'1e308' is no weight above 0, and 1e9 at most"
            ),
        ]
    )
    func refused(arguments: [String], sentence: String) async throws {
        let outcome = try await Binary.run(arguments)
        #expect(outcome.status == 64)
        #expect(outcome.stderr.contains(sentence), "\(outcome.stderr)")
        #expect(!outcome.stderr.contains("topsecret"))
        #expect(outcome.stderr.split(separator: "\n").count == 1)
    }

    @Test(
        "a line of a list that is no target is refused with file and line",
        arguments: [
            ("http://127.0.0.1:2/ 1e308", "its weight above 0, and 1e9 at most"),
            ("http://127.0.0.1:2/ 1 2", "behind a blank its weight"),
            ("gopher://127.0.0.1:2/", "'gopher' isn't supported"),
        ]
    )
    func badLine(line: String, sentence: String) async throws {
        let directory = try TemporaryDirectory()
        let list = try directory.write("urls", Array("http://127.0.0.1:1/\n\(line)\n".utf8))
        let outcome = try await Binary.run(["-c", "4", "--urls", list])
        #expect(outcome.status == 64)
        #expect(outcome.stderr.contains("urls, line 2: "), "\(outcome.stderr)")
        #expect(outcome.stderr.contains(sentence), "\(outcome.stderr)")
    }

    @Test("shares are whole numbers that add up, follow the weights, and leave nobody out")
    func shares() throws {
        for (total, weights) in [
            (10, [1.0, 1, 1]), (100, [3, 1]), (5, [1000, 1, 1, 1, 1]), (7, [0.1, 0.1]),
            (1_000_000, [1, 999_999]), (3, [1, 1, 1]),
        ] {
            let parts = try #require(TargetList.share(total, by: weights))
            #expect(parts.reduce(0, +) == total)
            #expect(parts.allSatisfy { $0 >= 1 })
            let sum = weights.reduce(0, +)
            for (part, weight) in zip(parts, weights) {
                let exact = Double(total) * weight / sum
                #expect(abs(Double(part) - max(1, exact)) < Double(weights.count))
            }
        }
        #expect(TargetList.share(2, by: [1, 1, 1]) == nil)
    }

    @Test("of a room too small each gets its weight's share, and what one doesn't want the others")
    func room() {
        #expect(TargetList.fit([10, 20], into: 30, by: [1, 1]) == [10, 20])
        #expect(
            TargetList.fit([10_000, 10_000, 10_000], into: 900, by: [1, 1, 1]) == [300, 300, 300]
        )
        #expect(TargetList.fit([7_500, 2_500], into: 900, by: [0.75, 0.25]) == [675, 225])
        #expect(TargetList.fit([3, 10_000, 10_000], into: 903, by: [1, 1, 1]) == [3, 450, 450])
        #expect(TargetList.fit([9, 9], into: 1, by: [1, 1]) == [1, 1])
        #expect(TargetList.fit([9], into: -5, by: [1]) == [1])
        #expect(TargetList.fit([], into: 0, by: []) == [])
    }

    @Test("streams that nobody gave a number for fit under a low limit of descriptors, together")
    func lowLimit() async throws {
        let mock = try await Mock()
        let directory = try TemporaryDirectory()
        func limited(_ words: [String]) async throws -> JSONValue {
            let outcome = try await Tool.run(
                "/bin/bash",
                [
                    "-c", "ulimit -n 256 && exec \"$@\"", "bash", Binary.path, "-q",
                    "-o", directory.file("result"), "--event-log", directory.file("events"),
                    "--per-request", directory.file("requests"),
                ] + words
            )
            try #require(outcome.status == 0, "\(outcome.stderr)")
            return try JSONValue(parsing: directory.text("result"))
        }
        let targets = try await limited(
            [
                "-R", "200", "-d", "500ms", "--weights", "3,1", "--body",
                #"{"stream":true,"prompt":"x"}"#,
            ]
                + [mock.chat, "\(mock.url)/v1/completions"]
        )
        func streams(_ result: JSONValue) -> [Int] {
            (result["classes"].array ?? []).compactMap { $0["plan"]["streams"].int }
        }
        let (heavy, light) = (streams(targets).first ?? 0, streams(targets).last ?? 0)
        #expect(heavy + light < 256 && heavy + light > 150 && abs(heavy - 3 * light) <= 3)

        let rates = (1...3).map { _ in "[[class]]\nurl = \"\(mock.events)\"\nrate = 50\n" }
        let held = "[[class]]\nurl = \"\(mock.events)\"\nstreams = 100\n"
        let file = try directory.write(
            "load.toml",
            Array(("requests = 100\nmax-events = 1\n" + rates.joined() + held).utf8)
        )
        let mixed = try await limited(["--scenario", file])
        let parts = streams(mixed)
        #expect(parts.count == 4 && parts.last == 100)
        #expect(parts.reduce(0, +) < 256 && Set(parts.dropLast()).count <= 2, "\(parts)")
        #expect((10...60).contains(parts.first ?? 0), "\(parts)")
    }
}
