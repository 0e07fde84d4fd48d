// --otlp of the real binary: what a collector gets, and what comes of one that refuses.

import Foundation
import Glibc
import Testing

@Suite("Delivery to a collector")
struct OTLPTests {
    /// A collector that answers every request with `response`.
    private func collector(_ response: String) throws -> ScriptedServer {
        try ScriptedServer([.readRequest, .send(response), .close])
    }

    private static let accepted = Wire.whole(type: "application/json", "{\"partialSuccess\":{}}")

    private func body(_ request: String?) throws -> JSONValue {
        let text = try #require(request)
        let end = try #require(text.firstRange(of: "\r\n\r\n"))
        return try JSONValue(parsing: String(text[end.upperBound...]))
    }

    @Test("a run and its stored result send the same, to /v1/metrics where the URL has no path")
    func delivered() async throws {
        let directory = try TemporaryDirectory()
        let mock = try await Mock()
        let server = try collector(Self.accepted)
        defer { server.stop() }
        let run = try await Binary.run(
            ["-n", "3", "--no-progress", "-o", directory.file("r"), "--otlp"]
                + [server.url, mock.chat] + Mock.chatBody
        )
        #expect(run.status == 0, "\(run.stderr)")
        let report = try await Binary.run([
            "report", directory.file("r"), "--otlp", "\(server.url)/other?x=1",
        ])
        #expect(report.status == 0, "\(report.stderr)")
        try #require(server.requests.count == 2)
        #expect(server.requests[0].hasPrefix("POST /v1/metrics HTTP/1.1\r\n"))
        #expect(server.requests[1].hasPrefix("POST /other?x=1 HTTP/1.1\r\n"))
        #expect(server.requests.allSatisfy { $0.contains("Content-Type: application/json\r\n") })
        #expect(server.requests.allSatisfy { $0.contains("\r\nAccept: application/json\r\n") })
        func bodyText(_ request: String) -> Substring {
            request.firstRange(of: "\r\n\r\n").map { request[$0.upperBound...] } ?? ""
        }
        #expect(bodyText(server.requests[0]) == bodyText(server.requests[1]))
        let result = try JSONValue(parsing: directory.text("r"))
        let metrics = try body(server.requests[0])["resourceMetrics"][0]["scopeMetrics"][0][
            "metrics"
        ]
        let first = metrics.array?.first { $0["name"].text == "gen_ai.server.time_to_first_token" }
        let point = try #require(first)["exponentialHistogram"]["dataPoints"][0]
        #expect(point["count"].text == "3" && result["metrics"]["ttft"]["count"].int == 3)
        #expect(point["sum"].double == (result["metrics"]["ttft"]["sum"].double ?? 0) / 1e9)
    }

    @Test("headers come from the environment and the URL, over TLS too, and are never shown")
    func secure() async throws {
        let server = try collector(Wire.whole("403 Forbidden", type: "text/plain", "no canary-key"))
        defer { server.stop() }
        let mock = try await Mock()
        let login = server.url.replacingOccurrences(of: "http://", with: "http://u:canary-pass@")
        let outcome = try await Binary.run(
            ["-n", "1", "--no-progress", "--otlp", login, mock.events],
            environment: ["OTEL_EXPORTER_OTLP_HEADERS": "x-key=canary%2Dkey, X-Other=b"]
        )
        let sent = try #require(server.requests.first)
        #expect(sent.contains("x-key: canary-key\r\n") && sent.contains("X-Other: b\r\n"))
        let basic = Data("u:canary-pass".utf8).base64EncodedString()
        #expect(sent.contains("Authorization: Basic \(basic)\r\n"))
        #expect(outcome.status == 1 && outcome.stdout.contains("ttfe"))
        #expect(outcome.stderr.contains("it answered 403: no ***"), "\(outcome.stderr)")
        #expect(!(outcome.stdout + outcome.stderr).contains("canary"))
        // The mock knows no such path, and its certificate is trusted by the environment alone.
        let tls = try await Mock(try await Certificates.serving("good"))
        let target = "https://127.0.0.1:\(tls.port)"
        for (environment, words) in [
            (["SSL_CERT_FILE": try await Certificates.file("ca.pem")], "it answered 404"),
            (
                ["OTEL_EXPORTER_OTLP_CERTIFICATE": try await Certificates.file("ca.pem")],
                "it answered 404"
            ),
            ([:], "tls_verify"),
        ] {
            let outcome = try await Binary.run(
                ["-n", "1", "--no-progress", "--otlp", target, mock.events],
                environment: environment
            )
            #expect(outcome.status == 1)
            #expect(outcome.stderr.contains(words), "\(outcome.stderr)")
        }
    }

    @Test(
        "what a collector doesn't take is one sentence and status 1, behind the report",
        arguments: [
            (Wire.whole("429 Slow", type: "text/plain", "later"), "it answered 429: later"),
            (
                Wire.whole(
                    type: "application/json",
                    #"{"partialSuccess":{"rejectedDataPoints":"7","errorMessage":"too old"}}"#
                ), "it rejected 7 data points: too old"
            ),
            ("", "closed_early: it closed the connection before its answer"),
            ("nonsense\r\n\r\n", "http_protocol"),
        ]
    )
    func refused(_ response: String, _ words: String) async throws {
        let server = try collector(response)
        defer { server.stop() }
        let mock = try await Mock()
        // No time for a second attempt.
        let outcome = try await Binary.run(
            ["-n", "1", "--no-progress", "--otlp", server.url, mock.events],
            environment: ["OTEL_EXPORTER_OTLP_TIMEOUT": "400"]
        )
        #expect(outcome.status == 1 && server.accepted == 1)
        #expect(outcome.stdout.contains("ttfe"))
        #expect(outcome.stderr.split(separator: "\n").count == 1, "\(outcome.stderr)")
        #expect(outcome.stderr.contains("can't deliver to \(server.url)/v1/metrics (--otlp): "))
        #expect(outcome.stderr.contains(words), "\(outcome.stderr)")
    }

    @Test("a collector that isn't there, and what can't be sent anywhere")
    func absent() async throws {
        let mock = try await Mock()
        let outcome = try await Binary.run(
            [
                "-n", "1", "--no-progress", "--otlp", "http://127.0.0.1:\(try Tool.freePort())",
                mock.events,
            ],
            environment: ["OTEL_EXPORTER_OTLP_TIMEOUT": "400"]
        )
        #expect(outcome.status == 1 && outcome.stderr.contains("connect_refused"))
        let server = try ScriptedServer([.readRequest])
        defer { server.stop() }
        let cases: [([String], [String: String], String)] = [
            (["--otlp", "collector:4318"], [:], "--otlp: "),
            (["--otlp", "ftp://x"], [:], "http://"),
            (["--otlp", "http://x", "--repeat", "2"], [:], "--otlp is of one run"),
            (["--otlp", "http://x"], ["OTEL_EXPORTER_OTLP_HEADERS": "x"], "NAME=VALUE"),
            (["--otlp", "http://x"], ["OTEL_EXPORTER_OTLP_HEADERS": "a=b%0D%0Ac"], "header"),
            (["--otlp", "http://x"], ["OTEL_EXPORTER_OTLP_TIMEOUT": "30s"], "milliseconds"),
            (
                ["--otlp", "https://x"],
                ["OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/such/file"], "/no/such/file"
            ),
        ]
        for (arguments, environment, words) in cases {
            let outcome = try await Binary.run(
                ["-n", "1"] + arguments + [server.url],
                environment: environment
            )
            #expect(outcome.status == 64, "\(arguments)")
            #expect(outcome.stderr.contains(words), "\(outcome.stderr)")
            #expect(outcome.stderr.split(separator: "\n").count == 1, "\(outcome.stderr)")
        }
        #expect(server.accepted == 0)
    }

    @Test("a collector that is busy, or gone for a moment, is asked again, no sooner than it says")
    func again() async throws {
        let busy = Wire.whole(
            "503 Busy",
            type: "text/plain",
            fields: ["Retry-After: 2"],
            "later"
        )
        let server = try ScriptedServer { number in
            switch number {
            case 0: [.readRequest, .close]
            case 1: [.readRequest, .send(busy), .close]
            default: [.readRequest, .send(Self.accepted), .close]
            }
        }
        defer { server.stop() }
        let mock = try await Mock()
        let start = ContinuousClock.now
        let outcome = try await Binary.run([
            "-n", "1", "--no-progress", "--otlp", server.url, mock.events,
        ])
        // At least 0.5 s and what it asked for.
        #expect(ContinuousClock.now - start >= .milliseconds(2_500))
        #expect(outcome.status == 0, "\(outcome.stderr)")
        let lines = outcome.stderr.split(separator: "\n")
        try #require(lines.count == 2, "\(outcome.stderr)")
        #expect(lines[0].contains("yet: closed_early: ") && lines[0].contains("; again in 0."))
        #expect(lines[1].contains("yet: it answered 503: later; again in 2.0 s"))
        try #require(server.requests.count == 3)
        #expect(Set(server.requests).count == 1)
    }

    @Test("a wait that leaves no time for another attempt isn't begun")
    func hopeless() async throws {
        let server = try collector(
            Wire.whole("429 Slow", type: "text/plain", fields: ["Retry-After: 3600"], "later")
        )
        defer { server.stop() }
        let mock = try await Mock()
        let outcome = try await Binary.run([
            "-n", "1", "--no-progress", "--otlp", server.url, mock.events,
        ])
        #expect(outcome.status == 1 && server.accepted == 1)
        #expect(outcome.stderr.contains("429: later; it asks for a wait of 3600 s"))
    }

    @Test(
        "a signal ends the delivery at once, whether it waits for an answer or for another attempt"
    )
    func signalled() async throws {
        let mock = try await Mock()
        for isSilent in [true, false] {
            let answer = Wire.whole("503 Busy", type: "text/plain", fields: ["Retry-After: 20"], "")
            let server = try ScriptedServer(
                [.readRequest] + (isSilent ? [.hold] : [.send(answer), .close])
            )
            defer { server.stop() }
            let process = try Binary.start([
                "-n", "1", "--no-progress", "--otlp", server.url, mock.events,
            ])
            try await process.wait { process in
                server.requests.count == 1 && (isSilent || process.stderr.contains("again in 20"))
            }
            let start = ContinuousClock.now
            process.send(signal: SIGTERM)
            let outcome = try await process.outcome()
            #expect(ContinuousClock.now - start < .seconds(5))
            #expect(outcome.status == 143 && outcome.stdout.contains("ttfe"))
            #expect(outcome.stderr.contains("(--otlp): a signal ended it"), "\(outcome.stderr)")
        }
    }
}
