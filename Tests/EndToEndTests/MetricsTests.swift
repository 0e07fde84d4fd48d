// --listen of the real binary: what a scraper gets while the run goes on, whatever it asks, and
// what is refused before any load.

import Foundation
import Glibc
import Testing

@testable import SSEBombReport
@testable import ssebomb

@Suite("Metrics while a run goes on")
struct MetricsTests {
    private static let accept = "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.5\r\n"

    /// Sends `bytes` to a loopback port and reads to the end of the connection; nil where that
    /// brought nothing within ten seconds.
    private static func exchange(_ port: UInt16, _ bytes: [UInt8]) -> String? {
        open(port, bytes).flatMap { answer(on: $0) }
    }

    /// A connection on which `bytes` were sent; nil where nobody listens.
    private static func open(_ port: UInt16, _ bytes: [UInt8]) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &limit,
            socklen_t(MemoryLayout<timeval>.size)
        )
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, length) == 0
            }
        }
        guard isConnected else {
            close(descriptor)
            return nil
        }
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        return descriptor
    }

    /// All that still comes on a connection, which is then closed; nil where that is nothing.
    private static func answer(on descriptor: Int32) -> String? {
        defer { close(descriptor) }
        var answer: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &piece, piece.count, 0)
            guard count > 0 else { break }
            answer += piece[..<count]
        }
        return answer.isEmpty ? nil : String(decoding: answer, as: UTF8.self)
    }

    private static func get(_ port: UInt16, _ fields: String = "") -> String? {
        exchange(port, Array("GET /metrics HTTP/1.1\r\nHost: x\r\n\(fields)\r\n".utf8))
    }

    private static func value(_ sample: String, in answer: String?) -> Double? {
        answer?.split(separator: "\n").first { $0.hasPrefix("\(sample) ") }
            .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }
    }

    /// A run that goes on for a while, and its port.
    private func start(_ arguments: [String]) async throws -> (RunningBinary, UInt16) {
        let process = try Binary.start(
            ["--no-progress", "-t", "1", "--listen", ":0"] + arguments
        )
        try await process.wait { $0.stderr.contains("/metrics\n") }
        let start = try #require(process.stderr.firstRange(of: "http://127.0.0.1:"))
        let digits = process.stderr[start.upperBound...].prefix { $0.isNumber }
        return (process, try #require(UInt16(digits)))
    }

    @Test("two scrapes: the same families as the file's, counters that only grow")
    func scrapes() async throws {
        let directory = try TemporaryDirectory()
        let mock = try await Mock(["--itl", "5ms"])
        let (process, port) = try await start(
            Mock.chatBody + [
                "-c", "4", "-d", "60s", "--label", "stage=live", "--openmetrics",
                directory.file("om"), "-o", directory.file("r"), "--threshold", "ttft:p50<10s",
                mock.chat,
            ]
        )
        let counter = "ssebomb_token_events_total"
        var first: String?
        while Self.value(counter, in: first) ?? 0 < 100, first?.contains("HTTP/1.1 200") != false {
            try await Task.sleep(for: .milliseconds(100))
            first = Self.get(port, Self.accept)
        }
        try await Task.sleep(for: .milliseconds(1_200))
        let second = try #require(Self.get(port, Self.accept))
        #expect(second.contains("Content-Type: application/openmetrics-text; version=1.0.0;"))
        #expect(second.hasSuffix("# EOF\n") && second.contains("label_stage=\"live\""))
        #expect(second.contains("# TYPE ssebomb_streams_in_flight gauge\n"))
        #expect(Self.value("ssebomb_streams_in_flight", in: second) ?? 0 > 0)
        let gate = #"ssebomb_threshold_passed{threshold="ttft:p50<10s",outcome="passed"}"#
        #expect(Self.value(gate, in: second) == 1)
        for name in [
            counter, "ssebomb_requests_total{outcome=\"completed\"}", "ssebomb_ttft_seconds_count",
            "ssebomb_gap_seconds_bucket{le=\"+Inf\"}", "ssebomb_measured_seconds",
            "ssebomb_received_bytes_total",
        ] {
            let before = try #require(Self.value(name, in: first), "\(name)")
            #expect(try #require(Self.value(name, in: second), "\(name)") > before, "\(name)")
        }
        process.send(signal: SIGINT)
        #expect(try await process.outcome().status == 130)
        let file = directory.text("om")
        #expect(Self.value(counter, in: file) ?? 0 >= Self.value(counter, in: second) ?? .infinity)
        func families(_ text: String) -> Set<Substring> {
            Set(text.split(separator: "\n").filter { $0.hasPrefix("# TYPE") })
        }
        // Live alone: what goes on now. Names off the wire, verdict and busy loops come at the end.
        let live = families(second).subtracting(families(file))
        #expect(
            live == [
                "# TYPE ssebomb_elapsed_seconds gauge", "# TYPE ssebomb_streams_in_flight gauge",
                "# TYPE ssebomb_started_requests counter",
            ]
        )
        let id = try JSONValue(parsing: directory.text("r"))["run"]["id"].text
        #expect(second.contains("id=\"\(id ?? "none")\""))
        #expect(Self.get(port) == nil, "the port is free when the run is over")
    }

    @Test("who doesn't name OpenMetrics gets Prometheus's older text")
    func prometheus() async throws {
        let mock = try await Mock()
        let (process, port) = try await start(["-c", "2", "-d", "60s", mock.events])
        var text = ""
        try await process.wait { _ in
            text = Self.get(port) ?? ""
            return text.contains("ssebomb_requests_total")
        }
        #expect(text.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
        #expect(!text.contains("# EOF") && !text.contains("# UNIT"))
        #expect(text.contains("# TYPE ssebomb_requests_total counter\n"))
        #expect(text.contains("# TYPE ssebomb_run_info gauge\n"))
        let body = try #require(text.firstRange(of: "\r\n\r\n"))
        #expect(text.contains("Content-Length: \(text[body.upperBound...].utf8.count)\r\n"))
        process.send(signal: SIGINT)
        #expect(try await process.outcome().status == 130)
    }

    @Test("nothing that a client does holds up another one, or the run")
    func hostile() async throws {
        let mock = try await Mock()
        let (process, port) = try await start(["-c", "2", "-d", "60s", mock.events])
        // As many as are served at a time less one, none of which goes on.
        let silent = (0..<15).compactMap { _ in
            Self.open(port, Array("GET /metrics HTTP/1.1\r\n".utf8))
        }
        #expect(silent.count == 15)
        let long =
            Array("GET /metrics HTTP/1.1\r\nX: ".utf8) + [UInt8](repeating: 120, count: 9_000)
        #expect(Self.exchange(port, long)?.hasPrefix("HTTP/1.1 431 ") == true)
        for (request, status) in [
            ("POST /metrics HTTP/1.1\r\n\r\n", "405"), ("GET / HTTP/1.1\r\n\r\n", "404"),
            ("GET /metricsx HTTP/1.1\r\n\r\n", "404"), ("\u{0}\r\n\r\n", "400"),
            ("GET /metrics SSH-2\r\n\r\n", "400"), ("GET /metrics?x=1 HTTP/1.0\r\n\r\n", "200"),
            ("GET http://h:1/metrics HTTP/1.1\r\n\r\n", "200"),
            ("GET HTTP://h?/metrics HTTP/1.1\r\n\r\n", "404"),
        ] {
            let answer = Self.exchange(port, Array(request.utf8))
            #expect(answer?.hasPrefix("HTTP/1.1 \(status) ") == true, "\(request): \(answer ?? "")")
        }
        let head = Self.exchange(port, Array("HEAD /metrics HTTP/1.1\r\n\r\n".utf8))
        #expect(head?.hasSuffix("\r\n\r\n") == true && head?.contains("Content-Length: ") == true)
        #expect(Self.get(port)?.hasPrefix("HTTP/1.1 200 ") == true)
        process.send(signal: SIGINT)
        #expect(try await process.outcome().status == 130)
        for connection in silent { #expect(Self.answer(on: connection) == nil) }
    }

    @Test("what can't be is refused before any load")
    func refused() async throws {
        let server = try ScriptedServer([.readRequest])
        defer { server.stop() }
        let cases: [([String], String, Int32)] = [
            (["--listen", "127.0.0.1:\(server.port)"], "choose another --listen", 1),
            (["--listen", "9400"], "--listen can't be \"9400\": write ADDR:PORT", 64),
            (["--listen", ":70000"], "write ADDR:PORT", 64),
            (["--listen", "203.0.113.1:0"], "choose another --listen", 1),
            (["--listen", ":0", "--repeat", "2"], "--listen is of one run", 64),
        ]
        for (arguments, part, status) in cases {
            let outcome = try await Binary.run(["-n", "1"] + arguments + [server.url])
            #expect(outcome.status == status, "\(arguments)")
            #expect(outcome.stderr.contains(part), "\(outcome.stderr)")
            #expect(outcome.stderr.split(separator: "\n").count == 1, "\(outcome.stderr)")
        }
        #expect(server.accepted == 0)
    }

    @Test("a request in pieces is read when it is whole")
    func pieces() {
        let text = "GET /metrics HTTP/1.1\r\naccept: application/openmetrics-text\r\n\r\n"
        for length in 0..<text.utf8.count {
            #expect(ScrapeRequest.read(Array(text.utf8.prefix(length))) == .needMore)
        }
        #expect(ScrapeRequest.read(Array(text.utf8)) == .metrics(.openMetrics, hasBody: true))
        // Whole and too long at once.
        let field = "\r\nX: " + String(repeating: "x", count: ScrapeRequest.mostBytes)
        guard
            case .refused(let status, _) = ScrapeRequest.read(
                Array("GET /metrics HTTP/1.1\(field)\r\n\r\n".utf8)
            )
        else {
            Issue.record("a head over the limit was read")
            return
        }
        #expect(status.hasPrefix("431 "))
    }
}
