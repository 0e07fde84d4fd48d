// Users that do more than wait for the end: who leaves early, reads slowly, stays subscribed. The
// real binary throughout.

import Foundation
import Testing

@Suite("Behaviour of users")
struct BehaviourTests {
    @Test("subscriptions that began in the ramp are said to be held")
    func heldSubscriptions() async throws {
        let mock = try await Mock(["--itl", "50ms", "--tokens", "100000"])
        let directory = try TemporaryDirectory()
        let text = """
            duration = "2s"
            [[class]]
            name = "idle"
            url = "\(mock.events)"
            eventsource = true
            streams = 5
            ramp = "300ms"
            [[class]]
            name = "burst"
            url = "\(mock.events)"
            streams = 3
            max-events = 5

            """
        let file = try directory.write("s.toml", Array(text.utf8))
        let run = try await LoadRun.run(["--scenario", file])
        let words = run.outcome.stdout.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
        // Of all, and of the class.
        let said = words.components(separatedBy: "ended by the server, 5 held on average")
        #expect(said.count == 3, "\(run.outcome.stdout)")
    }

    @Test("streams that are given up after some tokens are cancelled, not failed")
    func cancelByTokens() async throws {
        let mock = try await Mock(["--tokens", "50", "--itl", "5ms"])
        let run = try await LoadRun.run(
            Mock.chatBody + ["-c", "4", "-n", "12", "--cancel-after", "5 tokens", mock.chat]
        )
        #expect(run.requests("cancelled") == 12)
        #expect(run.failures == [:])
        #expect(run.outcome.status == 0)
        #expect(run.count(of: "ttft") == 12)
        #expect(run.count(of: "gap") == 48)
        for metric in ["e2e", "e2e_sched", "tpot", "last_token", "max_gap"] {
            #expect(!run.result["metrics"][metric].exists, "\(metric)")
        }
        #expect(!run.result["metrics"]["gap"]["unfinished"].exists)
        #expect(run.opened == 12, "closing the connection is how HTTP/1.1 gives a stream up")
        #expect(run.outcome.stdout.contains("12 = 0 completed + 0 failed + 12 cancelled + 0 cut"))
        #expect(run.outcome.stdout.contains("leave after 5 tokens"))
        let plan = run.result["plan"]
        #expect(plan["cancel_after"].text == "5 tokens")
        #expect(plan["cancel_share"].double == 1)
        let intervals = run.result["intervals"].array ?? []
        #expect(intervals.reduce(0) { $0 + ($1["requests"]["cancelled"].int ?? 0) } == 12)
    }

    @Test("a share of the streams leaves, the same ones whatever the number of threads")
    func cancelShare() async throws {
        let mock = try await Mock(["--tokens", "20", "--itl", "1ms"])
        var cancelled: [Int?] = []
        for threads in ["1", "2"] {
            let run = try await LoadRun.run(
                Mock.chatBody + [
                    "-c", "40", "-n", "40", "-t", threads, "--cancel-after", "uniform:2,10 tokens",
                    "--cancel-share", "25%", mock.chat,
                ]
            )
            let leaves = try #require(run.requests("cancelled"))
            #expect((1...25).contains(leaves))
            #expect(run.completed == 40 - leaves)
            #expect(run.count(of: "e2e") == run.completed)
            cancelled.append(leaves)
        }
        #expect(cancelled[0] == cancelled[1])
    }

    @Test("a stream that is given up after a time counts its waits, and nothing as late")
    func cancelByTime() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.head() + Wire.chunk(Wire.events(2))), .drain,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(
            ["-n", "3", "--api", "raw", "--cancel-after", "200ms", server.url]
        )
        #expect(run.requests("cancelled") == 3)
        #expect(run.count(of: "ttft") == 3)
        let gap = run.result["metrics"]["gap"]
        #expect(gap["unfinished"]["count"].int == 3, "the third event never came")
        let age = try #require(gap["unfinished"]["greatest_age"].int)
        #expect((100_000_000..<5_000_000_000).contains(age))
        #expect(!run.result["metrics"]["e2e"].exists)
    }

    @Test("whoever leaves before the first token has waited for it")
    func cancelBeforeToken() async throws {
        let server = try ScriptedServer([.readRequest, .drain])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "2", "--cancel-after", "150ms", server.url])
        #expect(run.requests("cancelled") == 2)
        #expect(run.requests("backoff_s") == 0)
        #expect(run.failures == [:])
        #expect(run.outcome.stdout.contains("never"), "the report tells of the waits")
    }

    @Test("a stream that ends before its user would leave is completed")
    func completesFirst() async throws {
        let mock = try await Mock()
        let run = try await LoadRun.run(
            Mock.chatBody + ["-n", "4", "--cancel-after", "500 tokens", mock.chat]
        )
        #expect(run.completed == 4)
        #expect(run.requests("cancelled") == 0)
    }

    @Test("classes of a scenario have users of their own")
    func classes() async throws {
        let mock = try await Mock(["--tokens", "20"])
        let directory = try TemporaryDirectory()
        let body = #"{\"model\":\"m\",\"stream\":true,\"messages\":[]}"#
        let file = try directory.write(
            "mixed.toml",
            Array(
                """
                [[class]]
                name = "leave"
                url = "\(mock.chat)"
                body = "\(body)"
                requests = 4
                cancel-after = "3 tokens"
                [[class]]
                name = "slow"
                from-curl = "curl '\(mock.chat)' --json '\(body)'"
                requests = 2
                read-rate = "16k/s"
                [[class]]
                name = "stay"
                url = "\(mock.events)"
                requests = 1
                eventsource = true

                """.utf8
            )
        )
        let run = try await LoadRun.run(["--scenario", file])
        #expect(run.outcome.status == 0, "\(run.outcome.stderr)")
        let counts = (run.result["classes"].array ?? []).map { $0["counts"] }
        try #require(counts.count == 3)
        #expect(counts.map { $0["requests"]["cancelled"].int } == [4, 0, 0])
        #expect(counts.map { $0["requests"]["completed"].int } == [0, 2, 1])
        #expect(counts.map { $0["requests"]["slow_readers"].int } == [nil, 2, nil])
        #expect(counts.map { $0["subscriptions"]["accepted"].int } == [nil, nil, 1])
        #expect(run.requests("slow_readers") == 2)
        #expect(run.count(of: "ttft") == 5)
    }

    // MARK: Slow readers

    @Test("slow readers take their time, and no latency has them in it")
    func slowReaders() async throws {
        let mock = try await Mock(["--tokens", "20"])
        let run = try await LoadRun.run(
            Mock.chatBody + [
                "-c", "20", "-n", "20", "--read-rate", "4k/s", "--slow-share", "50%", mock.chat,
            ]
        )
        let slow = try #require(run.requests("slow_readers"))
        #expect((1...19).contains(slow))
        #expect(run.completed == 20)
        #expect(run.failures == [:])
        #expect(run.statuses == ["200": 20])
        #expect(run.result["counts"]["finish_reasons"].counts == ["stop": 20])
        #expect(run.result["counts"]["token_events"].int == 400)
        for metric in ["ttft", "e2e", "headers", "send_lag", "connect"] {
            #expect(run.count(of: metric) == 20 - slow, "\(metric)")
        }
        #expect(run.count(of: "gap") == 19 * (20 - slow))
        // Some 4.4 KB at 4 KiB/s, of which the first 100 ms may be caught up.
        let length = try #require(run.result["run"]["measured_s"].double)
        #expect(length > 0.8)
        let longest = try #require(run.result["metrics"]["e2e"]["max"].int)
        #expect(Double(longest) < length * 1e9 / 2, "the others are as quick as ever")
        #expect(run.result["client"]["clock"].text == "kernel")
        #expect(run.result["plan"]["read_rate"].double == 4_096)
        #expect(run.outcome.stdout.contains("of the started, at 4,096 bytes/s: in no latency"))
    }

    @Test(
        "a slow reader takes what its rate allows, however much there is",
        arguments: [false, true]
    )
    func slowRate(isTLS: Bool) async throws {
        let serving = isTLS ? try await Certificates.serving("good") : []
        let mock = try await Mock(["--tokens", "2000", "--itl", "0", "--ttft", "0"] + serving)
        let run = try await LoadRun.run(
            Mock.chatBody + [
                "-c", "1", "-d", "1s", "--drain", "0", "-k", "--read-rate", "64k/s", mock.chat,
            ]
        )
        #expect(run.requests("cut") == 1)
        #expect(run.requests("slow_readers") == 1)
        let received = try #require(run.result["counts"]["bytes"]["received"].int)
        let length = try #require(run.result["run"]["measured_s"].double)
        let allowed = Int(length * 65_536) + 65_536 / 10 + 65_536 / 20
        // A handshake is read at once.
        #expect(received <= allowed + (isTLS ? 8_192 : 0))
        #expect(received > 16_384, "but it reads")
        #expect(!run.result["metrics"]["ttft"].exists)
    }

    @Test("what a slow reader leaves unread waits at the server")
    func backPressure() async throws {
        // More than both kernels hold of it: a server that could send all would close in order.
        let events = String(
            repeating: "data: \(String(repeating: "x", count: 1_000))\n\n",
            count: 100
        )
        let parts = Array(repeating: ServerAction.send(Wire.chunk(events)), count: 200)
        let server = try ScriptedServer(
            [.readRequest, .send(Wire.head())] + parts + [.send(Wire.lastChunk), .readRequest]
        )
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-c", "1", "-d", "1s", "--drain", "0", "--read-rate", "64k/s", server.url,
        ])
        #expect(run.requests("cut") == 1)
        #expect(run.failures == [:])
        let received = try #require(run.result["counts"]["bytes"]["received"].int)
        #expect((16_384..<200_000).contains(received))
    }

    // MARK: Subscriptions

    private static let subscribed = Wire.head() + Wire.chunk("retry: 50\nid: a1\ndata: x\n\n")

    @Test("a subscription that ends is taken up again where it ended")
    func eventSource() async throws {
        let server = try ScriptedServer { number in
            switch number {
            case 0: [.readRequest, .send(Self.subscribed + Wire.lastChunk), .close]
            case 1: [.readRequest, .send(Wire.stream("data: y\n\nid: b\0\ndata: z\n\n")), .close]
            case 2: [.readRequest, .send(Wire.head() + Wire.chunk("id\ndata\n\n")), .reset]
            default: [.readRequest, .send(Wire.head("204 No Content", [])), .close]
            }
        }
        defer { server.stop() }
        let run = try await LoadRun.run(["--eventsource", "--api", "raw", "-d", "30s", server.url])
        let ids = server.requests.map { request in
            request.split(separator: "\r\n").first { $0.hasPrefix("Last-Event-ID:") }
        }
        #expect(ids == [nil, "Last-Event-ID: a1", "Last-Event-ID: a1", nil])
        #expect(server.requests.allSatisfy { $0.hasSuffix("\r\n\r\n") })
        #expect(run.started == 4)
        #expect(run.completed == 3)
        #expect(run.failures == ["reset": 1])
        #expect(run.count(of: "e2e") == 2, "a 204 is an end, and no stream")
        #expect(
            run.result["counts"]["subscriptions"].counts == [
                "accepted": 3, "reconnects": 2, "ended": 1,
            ]
        )
        #expect(run.count(of: "reconnect") == 2)
        let least = try #require(run.result["metrics"]["reconnect"]["min"].int)
        #expect(least >= 50_000_000)
        #expect(run.outcome.stdout.contains("3 accepted, 2 of them reconnects, 1 ended"))
        #expect(run.requests("backoff_s") == 0)
    }

    @Test(
        "a response that is no subscription ends it for good",
        arguments: [
            ("503 Service Unavailable", "text/event-stream", "http_status"),
            ("206 Partial Content", "text/event-stream", "http_status"),
            ("200 OK", "text/plain", "sse_protocol"),
        ]
    )
    func eventSourceEnds(status: String, type: String, kind: String) async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.whole(status, type: type, "data: x\n\n")), .close,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(["--eventsource", "-d", "30s", server.url])
        #expect(run.failures == [kind: 1])
        #expect(server.requests.count == 1)
        let counts = run.result["counts"]["subscriptions"].counts
        #expect(counts == ["accepted": 0, "reconnects": 0, "ended": 1])
        #expect(run.outcome.status == 69)
    }

    @Test(
        "subscribers of the warm-up are held through the window, beside arrivals, and cut with it"
    )
    func heldSubscribers() async throws {
        let mock = try await Mock(["--itl", "20ms", "--tokens", "1000000"])
        let short = try await Mock(["--tokens", "3"])
        let directory = try TemporaryDirectory()
        let file = try directory.write(
            "load.toml",
            Array(
                """
                duration = 2
                warmup = 0.5
                [[class]]
                name = "stay"
                url = "\(mock.events)"
                streams = 5
                eventsource = true
                [[class]]
                name = "bursts"
                url = "\(short.events)"
                rate = 20
                arrivals = "gamma:2"

                """.utf8
            )
        )
        let run = try await LoadRun.run(["--scenario", file])
        let length = try #require(run.result["run"]["length_s"].double)
        #expect(length < 30, "the drain of 30 s waited for subscribers")
        let counts = (run.result["classes"].array ?? []).map { $0["counts"] }
        try #require(counts.count == 2)
        #expect(counts[0]["requests"]["started"].int == 0)
        #expect(counts[0]["requests"]["outside_window"].int == 5)
        #expect(counts[0]["failures"].counts == [:])
        #expect((counts[0]["events"].int ?? 0) > 5)
        let arrived = try #require(counts[1]["requests"]["completed"].int)
        #expect(arrived > 0 && arrived == counts[1]["requests"]["started"].int)
        let codes = (run.result["verdict"]["reasons"].array ?? []).map { $0["code"].text }
        #expect(!codes.contains("nothing_measured"))
        #expect(!run.outcome.stdout.contains("No request was due"))
    }

    @Test("subscribers without an event are held, and those without a server wait for it")
    func eventSourceWaits() async throws {
        let server = try ScriptedServer { number in
            number < 3
                ? [.readRequest, .send(Wire.head()), .wait(milliseconds: 500), .reset]
                : [.readRequest, .send(Wire.head()), .hold]
        }
        defer { server.stop() }
        // The first time is 3 s at least, which is longer than the run.
        let run = try await LoadRun.run([
            "--eventsource", "-c", "3", "-d", "2s", "--drain", "0", server.url,
        ])
        #expect(run.started == 3)
        #expect(run.failures == ["reset": 3])
        #expect(run.outcome.status == 0, "a server that accepted them is no server that is away")
        let waits = run.result["metrics"]["reconnect"]["unfinished"]
        #expect(waits["count"].int == 3)
        let codes = (run.result["verdict"]["reasons"].array ?? []).map { $0["code"].text }
        #expect(!codes.contains("streams_held") && !codes.contains("back_off"))
    }
}
