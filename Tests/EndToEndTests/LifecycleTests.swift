// From the start of a request to the next on the same connection: reuse, stale connections,
// framing, ends of streams, counts of requests, back-off. The real binary against scripted servers.

import Foundation
import Testing

@Suite("The life of streams")
struct LifecycleTests {
    /// Three events in chunks, then the next request on the same connection.
    private static let kept: [ServerAction] = [
        .readRequest, .send(Wire.stream(Wire.events(3))), .again,
    ]

    /// All completed, none failed.
    private func expectCompleted(
        _ count: Int,
        _ run: LoadRun,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(run.completed == count, sourceLocation: sourceLocation)
        #expect(run.started == count, sourceLocation: sourceLocation)
        #expect(run.failures == [:], sourceLocation: sourceLocation)
        #expect(run.outcome.status == 0, "\(run.outcome.stderr)", sourceLocation: sourceLocation)
    }

    // MARK: Reuse

    @Test("a connection carries one request after the other")
    func keepAlive() async throws {
        let server = try ScriptedServer(Self.kept)
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "5", server.url])
        expectCompleted(5, run)
        #expect(run.opened == 1)
        #expect(run.reused == 4)
        #expect(run.events == 15)
        #expect(run.requests("retried_stale") == 0)
        #expect(run.count(of: "connect") == 1)
        #expect(run.count(of: "ttft_fresh") == 1)
        #expect(server.requests.count == 5)
        #expect(server.requests.allSatisfy { !$0.lowercased().contains("connection: close") })
    }

    @Test("--no-keepalive opens a connection for every request and asks the server to close it")
    func noKeepAlive() async throws {
        let server = try ScriptedServer(Self.kept)
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "5", "--no-keepalive", server.url])
        expectCompleted(5, run)
        #expect(run.opened == 5)
        #expect(run.reused == 0)
        #expect(run.count(of: "ttft_fresh") == 5)
        #expect(server.requests.allSatisfy { $0.contains("\r\nConnection: close\r\n") })
    }

    @Test("--reuse N gives a connection N requests")
    func reuse() async throws {
        let server = try ScriptedServer(Self.kept)
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "5", "--reuse", "2", server.url])
        expectCompleted(5, run)
        #expect(run.opened == 3)
        #expect(run.reused == 2)
    }

    @Test(
        "a server that says it will close gets no second request",
        arguments: [
            Wire.head("200 OK", [Wire.eventStream, Wire.chunkedCoding, "Connection: close"]),
            Wire.head().replacingOccurrences(of: "HTTP/1.1", with: "HTTP/1.0")
                .replacingOccurrences(
                    of: "\(Wire.chunkedCoding)\r\n",
                    with: "Content-Length: 9\r\n"
                ),
        ]
    )
    func serverCloses(_ head: String) async throws {
        let isChunked = head.contains(Wire.chunkedCoding)
        let event = "data: x\n\n"
        let body = isChunked ? Wire.chunk(event) + Wire.lastChunk : event
        let server = try ScriptedServer([.readRequest, .send(head + body), .hold])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "3", server.url])
        expectCompleted(3, run)
        #expect(run.opened == 3)
        #expect(run.reused == 0)
    }

    @Test("bytes behind the message end the connection's use")
    func bytesBehind() async throws {
        let answer = Wire.stream(Wire.events(2)) + "HTTP/1.1 200 OK\r\n"
        let server = try ScriptedServer([.readRequest, .send(answer), .hold])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "3", server.url])
        expectCompleted(3, run)
        #expect(run.opened == 3)
        #expect(run.reused == 0)
        #expect(run.requests("retried_stale") == 0)
    }

    @Test("bytes that come while the connection is idle end its use")
    func bytesWhileIdle() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.stream(Wire.events(2))), .wait(milliseconds: 30),
            .send("HTTP/1.1 200 OK\r\n"), .hold,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "2", "--think", "400ms", server.url])
        expectCompleted(2, run)
        #expect(run.opened == 2)
        #expect(run.reused == 0)
    }

    // MARK: Stale connections

    @Test(
        "a kept connection closed without a byte of response is retried once on a fresh one",
        arguments: [[.readRequest, .close], [.readRequest, .reset]] as [[ServerAction]]
    )
    func stale(_ end: [ServerAction]) async throws {
        let answer = ServerAction.send(Wire.stream(Wire.events(3)))
        let server = try ScriptedServer([.readRequest, answer] + end)
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "4", server.url])
        expectCompleted(4, run)
        #expect(run.requests("retried_stale") == 3)
        #expect(run.opened == 4)
        #expect(run.events == 12)
        #expect(run.count(of: "e2e") == 4)
        #expect(server.requests.count == 7)
    }

    @Test("a retried request whose fresh connection closes too has failed")
    func staleTwice() async throws {
        let answer = ServerAction.send(Wire.stream(Wire.events(1)))
        let server = try ScriptedServer { number in
            number == 0 ? [.readRequest, answer, .readRequest, .close] : [.readRequest, .close]
        }
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "2", server.url])
        #expect(run.completed == 1)
        #expect(run.failures == ["closed_early": 1])
        #expect(run.requests("retried_stale") == 1)
        #expect(server.requests.count == 3)
    }

    @Test("a kept connection that breaks after the first byte of the response is not retried")
    func brokenLater() async throws {
        let answer = ServerAction.send(Wire.stream(Wire.events(1)))
        let server = try ScriptedServer([
            .readRequest, answer, .readRequest, .send("H"), .wait(milliseconds: 20), .close,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "2", server.url])
        #expect(run.completed == 1)
        #expect(run.failures == ["closed_early": 1])
        #expect(run.requests("retried_stale") == 0)
    }

    @Test("a connection that the server closes while it is idle is no failure")
    func closedWhileIdle() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.stream(Wire.events(1))), .wait(milliseconds: 20), .close,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "2", "--think", "400ms", server.url])
        expectCompleted(2, run)
        #expect(run.opened == 2)
        #expect(run.requests("retried_stale") == 0)
    }

    // MARK: Number of requests and time

    @Test("-n starts exactly so many requests, whatever the streams and threads")
    func exactNumber() async throws {
        let server = try ScriptedServer(Self.kept)
        defer { server.stop() }
        let run = try await LoadRun.run(["-c", "5", "-n", "37", "-t", "2", server.url])
        expectCompleted(37, run)
        #expect(server.requests.count == 37)
        // A stream that finds all requests taken opens none.
        #expect((1...5).contains(server.accepted))
        #expect(run.opened == server.accepted)
        #expect(run.events == 111)
    }

    @Test("-n smaller than -c needs no more streams, and says so")
    func fewerRequests() async throws {
        let server = try ScriptedServer(Self.kept)
        defer { server.stop() }
        let run = try await LoadRun.run(["-c", "50", "-n", "3", server.url])
        expectCompleted(3, run)
        #expect(server.accepted == 3)
        #expect(run.outcome.stderr.contains("-n 3"))
    }

    @Test("--think pauses a stream between its requests")
    func think() async throws {
        let server = try ScriptedServer(Self.kept)
        defer { server.stop() }
        let begun = ContinuousClock.now
        let run = try await LoadRun.run(["-n", "4", "--think", "100ms", server.url])
        #expect(ContinuousClock.now - begun >= .milliseconds(300))
        expectCompleted(4, run)
        #expect(run.opened == 1)
    }

    @Test("a refusing target is tried ever more rarely")
    func backOff() async throws {
        let port = try ClosedPort()
        defer { port.release() }
        let run = try await LoadRun.run(
            ["-c", "4", "-d", "2s", "http://127.0.0.1:\(port.number)/"]
        )
        let started = try #require(run.started)
        // Waits of at least 50, 100, 200, 400 and 800 ms fit into 2 s; the next doesn't.
        #expect(started <= 4 * 6, "\(started) attempts")
        #expect(started >= 4 * 3, "\(started) attempts")
        #expect((run.result["counts"]["requests"]["backoff_s"].double ?? 0) > 1)
        #expect(run.outcome.status == 69)
    }

    @Test("a server that comes to itself is used again")
    func recovery() async throws {
        let server = try ScriptedServer { number in
            number == 0
                ? [.readRequest, .send(Wire.whole("503 Busy", fields: ["Connection: close"], "x"))]
                : Self.kept
        }
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "4", server.url])
        #expect(run.completed == 3)
        #expect(run.failures == ["http_status": 1])
        #expect(run.statuses == ["200": 3, "503": 1])
        #expect(run.outcome.status == 0)
    }

    @Test("an error with a complete body leaves its connection usable")
    func errorKeepsConnection() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.whole("429 Too Many Requests", "slow down")),
            .readRequest, .send(Wire.stream(Wire.events(1))), .again,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "4", server.url])
        #expect(run.completed == 2)
        #expect(run.failures == ["http_status": 2])
        #expect(run.opened == 1)
        #expect(run.reused == 3)
    }
}

@Suite("Awkward servers")
struct AwkwardServerTests {
    private static func chunk(_ count: Int?, text: String) -> String {
        let usage = count.map { #","usage":{"completion_tokens":\#($0)}"# } ?? ""
        return "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":"
            + "{\"content\":\"\(text)\"}}]\(usage)}\n\n"
    }

    @Test("a running count that moves without text belongs to the next token")
    func countsWithoutText() async throws {
        // 6 tokens in 3 events of text; the counts move on events without text as well.
        let counts = [(1, "a"), (2, ""), (3, "b"), (3, ""), (5, ""), (6, "c")]
        let body = counts.map { Self.chunk($0.0, text: $0.1) }.joined() + "data: [DONE]\n\n"
        let server = try ScriptedServer([.readRequest, .send(Wire.stream(body)), .again])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "1", "--api", "openai-chat", server.url])
        #expect(run.completed == 1)
        #expect(run.count(of: "gap") == 2)
        // Two tokens came with the second text, three with the third.
        #expect(run.count(of: "itl") == 5)
        #expect(run.result["metrics"]["itl"]["basis"].text == "usage")
        #expect(run.result["counts"]["tokens"]["completion"].int == 6)
    }

    @Test("token counts beyond all reason are left out, and the run goes on")
    func hugeCounts() async throws {
        let body =
            Self.chunk(nil, text: "a")
            + "data: {\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":"
            + "{\"prompt_tokens\":999999999999999999,\"completion_tokens\":999999999999999999}}\n\n"
            + "data: [DONE]\n\n"
        let server = try ScriptedServer([.readRequest, .send(Wire.stream(body)), .again])
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-c", "4", "-n", "40", "--api", "openai-chat", server.url,
        ])
        #expect(run.completed == 40)
        #expect(run.result["counts"]["tokens"]["completion"].int == 40)
        #expect(!run.result["counts"]["tokens"]["prompt"].exists)
    }

    @Test("an answer that begins before the request is sent doesn't stop the sending")
    func earlyAnswer() async throws {
        let directory = try TemporaryDirectory()
        let size = 8 << 20
        let body = try directory.write("body", [UInt8](repeating: 0x78, count: size))
        let server = try ScriptedServer([
            .readBytes(100), .send(Wire.head()), .readBytes(size - 10_000),
            .send(Wire.chunk(Wire.events(2)) + Wire.lastChunk), .drain,
        ])
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-n", "1", "--timeout", "10s", "--api", "raw", "--post", body,
            "-H", "Content-Type: text/plain", server.url,
        ])
        #expect(run.failures == [:])
        #expect(run.completed == 1)
    }

    @Test("an event stream without any event is no success where no API was named")
    func emptyStream() async throws {
        let server = try ScriptedServer([.readRequest, .send(Wire.head() + Wire.lastChunk), .again])
        defer { server.stop() }
        let unnamed = try await LoadRun.run(["-n", "1", server.url])
        #expect(unnamed.failures == ["closed_early": 1])
        let raw = try await LoadRun.run(["-n", "1", "--api", "raw", server.url])
        #expect(raw.completed == 1)
    }

    @Test("--max-events holds its streams: the next one starts when the last one has ended")
    func maxEventsHold() async throws {
        let mock = try await Mock(["--ttft", "10ms", "--itl", "10ms", "--tokens", "1M"])
        let run = try await LoadRun.run([
            "-c", "5", "-d", "2s", "--drain", "1s", "--max-events", "5", mock.events,
        ])
        _ = try await mock.stop()
        #expect(run.failures == [:])
        // 50 ms a stream: a slot that idled for the rest of the body would do a handful.
        #expect((run.completed ?? 0) > 100)
        let held = try #require(run.result["intervals"][0]["in_flight"].double)
        #expect(held > 4)
    }
}
