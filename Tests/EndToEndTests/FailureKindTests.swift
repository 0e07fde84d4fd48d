// Every failure kind, provoked against the real binary: it is counted under its own name, nothing
// else is, and the exit status says that nothing was completed.

import Foundation
import Glibc
import Testing

@Suite("Failure kinds")
struct FailureKindTests {
    @Test(
        "a failure that a server causes is counted once, under its kind",
        arguments: FailureCase.all
    )
    func scripted(_ failure: FailureCase) async throws {
        let server = try ScriptedServer(failure.script)
        defer { server.stop() }
        let run = try await LoadRun.run(failure.arguments + ["-c", "2", "-n", "2", server.url])
        expectOnly(failure.kind, 2, run)
        if let status = failure.status { #expect(run.statuses == ["\(status)": 2]) }
        if let remedy = failure.remedy {
            #expect(run.outcome.stderr.hasSuffix(remedy + "\n"), "\(run.outcome.stderr)")
        }
        guard let sample = failure.sample else { return }
        let kept = try #require(run.errors(failure.kind).first)
        #expect(kept["sample"].text?.contains(sample) == true)
        #expect(kept["status"].int == failure.status)
        #expect(run.outcome.stdout.contains(sample.prefix(20)), "the report shows the sample")
    }

    /// All failed with `kind`, the report says so, and the status is that of an unusable target.
    private func expectOnly(
        _ kind: String,
        _ count: Int,
        _ run: LoadRun,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(run.failures == [kind: count], sourceLocation: sourceLocation)
        #expect(run.started == count, sourceLocation: sourceLocation)
        #expect(run.outcome.status == 69, sourceLocation: sourceLocation)
        #expect(run.outcome.stdout.contains(kind), sourceLocation: sourceLocation)
        #expect(run.errors(kind).count == 1, sourceLocation: sourceLocation)
        let detail = run.errors(kind).first?["detail"].text ?? ""
        #expect(!detail.isEmpty, "no words for \(kind)", sourceLocation: sourceLocation)
    }

    @Test("Retry-After is told with the status")
    func retryAfter() async throws {
        let answer = Wire.whole("429 Too Many Requests", fields: ["Retry-After: 7"], "slow down")
        let server = try ScriptedServer([.readRequest, .send(answer)])
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "1", server.url])
        let detail = try #require(run.errors("http_status").first?["detail"].text)
        #expect(detail.contains("429"))
        #expect(detail.contains("Retry-After 7 s"))
    }

    // MARK: Connecting

    @Test("a closed port is connect_refused")
    func refused() async throws {
        let port = try ClosedPort()
        defer { port.release() }
        let run = try await LoadRun.run(
            ["-c", "2", "-n", "2", "http://127.0.0.1:\(port.number)/"]
        )
        expectOnly("connect_refused", 2, run)
        #expect(run.opened == 0)
    }

    @Test("a unix socket nobody listens on is connect_refused")
    func refusedUnix() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("socket")
        let server = try ScriptedServer([], at: .unix(path: path))
        // The name outlives the listener.
        let kept = directory.file("kept")
        try FileManager.default.linkItem(atPath: path, toPath: kept)
        server.stop()
        let run = try await LoadRun.run(["-n", "1", "--unix", kept, "http://localhost/"])
        expectOnly("connect_refused", 1, run)
    }

    @Test("a listener whose queue is full is connect_timeout")
    func connectTimeout() async throws {
        let listener = try FullListener()
        let run = try await LoadRun.run([
            "-c", "2", "-n", "2", "--connect-timeout", "200ms",
            "http://127.0.0.1:\(listener.port)/",
        ])
        expectOnly("connect_timeout", 2, run)
    }

    @Test("a TLS handshake that is never answered is connect_timeout")
    func handshakeTimeout() async throws {
        let server = try ScriptedServer([.hold])
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-c", "2", "-n", "2", "--connect-timeout", "200ms", "https://127.0.0.1:\(server.port)/",
        ])
        expectOnly("connect_timeout", 2, run)
    }

    @Test("an address that no route leads to is connect_other")
    func unreachable() async throws {
        let run = try await LoadRun.run(["-n", "1", "http://255.255.255.255:9/"])
        expectOnly("connect_other", 1, run)
    }

    @Test("a request that the peer refuses to take is send")
    func sendRefused() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("socket")
        // TCP tells of a refusal with a reset, which shows in reading; a unix socket in sending.
        let server = try ScriptedServer(
            [.readBytes(10), .refuseBytes, .drain],
            at: .unix(path: path)
        )
        defer { server.stop() }
        // More than the socket's buffer takes, so that a send is still to come.
        let body = try directory.write("body", [UInt8](repeating: 0x78, count: 4 << 20))
        let run = try await LoadRun.run([
            "-n", "1", "--unix", path, "--post", body, "-H", "Content-Type: text/plain",
            "http://localhost/",
        ])
        expectOnly("send", 1, run)
    }

    @Test("a reset while a large body is being sent fails the request")
    func resetWhileSending() async throws {
        let server = try ScriptedServer([.readBytes(10), .wait(milliseconds: 20), .reset])
        defer { server.stop() }
        let directory = try TemporaryDirectory()
        let body = try directory.write("body", [UInt8](repeating: 0x78, count: 32 << 20))
        let run = try await LoadRun.run([
            "-n", "1", "--post", body, "-H", "Content-Type: text/plain", server.url,
        ])
        // The kernel reports the reset to whichever call comes first.
        #expect(run.failures == ["reset": 1] || run.failures == ["send": 1])
        #expect(run.outcome.status == 69)
    }

    @Test("a machine without a free port is local_resource")
    func portsExhausted() async throws {
        let directory = try TemporaryDirectory()
        let file = directory.file("result.json")
        let outcome = try await Tool.run(
            "/usr/bin/env",
            [
                "unshare", "--net", "--map-root-user", "python3",
                Tool.fixture("without_ports.py"), Binary.path, "-c", "2", "-n", "2", "-t", "1",
                "--no-progress", "-o", file, "http://127.0.0.1:8000/",
            ]
        )
        guard outcome.status != 77, !outcome.stderr.contains("unshare failed") else {
            try Test.cancel("needs a network namespace of its own: \(outcome.stderr)")
        }
        #expect(outcome.status == 69, "\(outcome.stderr)")
        let result = try JSONValue(parsing: directory.text("result.json"))
        #expect(result["counts"]["failures"].counts == ["local_resource": 2])
    }

    @Test("more streams than descriptors are refused before the start, with the number that fits")
    func tooFewDescriptors() async throws {
        let outcome = try await Tool.run(
            "/bin/sh",
            ["-c", "ulimit -n 60; exec \"$0\" -c 100 http://127.0.0.1:1/", Binary.path]
        )
        #expect(outcome.status == 64)
        #expect(outcome.stderr.contains("100 streams need more descriptors"))
        #expect(outcome.stderr.contains("-c "))
        #expect(outcome.stdout.isEmpty)
    }

    // MARK: TLS

    @Test(
        "a peer that doesn't speak TLS is tls_handshake",
        arguments: [
            [.readBytes(5), .send("HTTP/1.1 400 Bad Request\r\n\r\n"), .drain],
            [.readBytes(5), .close],
            [.readBytes(5), .reset],
        ] as [[ServerAction]]
    )
    func noTLS(_ script: [ServerAction]) async throws {
        let server = try ScriptedServer(script)
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "1", "https://127.0.0.1:\(server.port)/"])
        expectOnly("tls_handshake", 1, run)
    }

    @Test(
        "a certificate that can't be trusted is tls_verify",
        arguments: [
            ("expired", "ca", "expired"), ("wrong", "ca", "mismatch"), ("stranger", "ca", "issuer"),
            ("good", nil, "issuer"),
        ] as [(String, String?, String)]
    )
    func untrusted(certificate: String, root: String?, words: String) async throws {
        let mock = try await Mock(try await Certificates.serving(certificate))
        var arguments = ["-n", "1", mock.events]
        if let root { arguments += ["--cacert", try await Certificates.file("\(root).pem")] }
        let run = try await LoadRun.run(arguments)
        expectOnly("tls_verify", 1, run)
        let detail = run.errors("tls_verify").first?["detail"].text ?? ""
        #expect(detail.contains(words), "\(detail)")
    }

    @Test("a missing client certificate is tls_alert", arguments: ["1.2", "1.3"])
    func noClientCertificate(_ version: String) async throws {
        let ca = try await Certificates.file("client-ca.pem")
        let mock = try await Mock(try await Certificates.serving("good") + ["--tls-client-ca", ca])
        let run = try await LoadRun.run(["-n", "1", "-k", "--tls-max", version, mock.events])
        expectOnly("tls_alert", 1, run)
    }

    // MARK: Faults of the mock

    @Test(
        "each fault of the mock is counted under its kind",
        arguments: [
            ("reset@head", "reset"), ("reset@first", "reset"), ("reset@stream", "reset"),
            ("reset@end", "reset"), ("close@head", "closed_early"),
            ("close@stream", "closed_early"), ("http-429@head", "http_status"),
            ("http-503@head", "http_status"), ("http-500@head", "http_status"),
            ("error-event@first", "error_event"), ("error-event@stream", "error_event"),
            ("malformed-chunk@stream", "http_protocol"), ("endless-line@stream", "sse_protocol"),
            ("malformed-head@head", "http_protocol"), ("big-head@head", "http_protocol"),
            ("wrong-type@head", "sse_protocol"),
        ]
    )
    func mockFault(fault: String, kind: String) async throws {
        let mock = try await Mock(["--fault", fault])
        let run = try await LoadRun.run(Mock.chatBody + ["-c", "2", "-n", "2", mock.chat])
        expectOnly(kind, 2, run)
        let truth = try await mock.stop()
        let word = String(fault.prefix { $0 != "@" })
        #expect(truth["faults"][word].int == 2)
    }

    @Test("a connection that is reset as soon as it stands is not a failed connect")
    func resetAtOnce() async throws {
        let mock = try await Mock(["--fault", "reset@accept"])
        let run = try await LoadRun.run(["-c", "2", "-n", "8", "--connect-rate", "0", mock.events])
        // The kernel reports the reset to whichever call comes first.
        let kinds = Set((run.failures ?? [:]).keys)
        #expect(kinds.isSubset(of: ["reset", "send"]), "\(kinds)")
        #expect(run.requests("failed") == 8)
        #expect(run.outcome.status == 69)
    }

    @Test(
        "a mock that goes silent is ended by the limit that answers it",
        arguments: [
            ("no-response@head", "--header-timeout", "timeout_header"),
            ("stall@first", "--first-event-timeout", "timeout_first_event"),
            ("stall@stream", "--idle-timeout", "timeout_idle"),
            ("stall@end", "--timeout", "timeout_total"),
        ]
    )
    func mockSilence(fault: String, flag: String, kind: String) async throws {
        let mock = try await Mock(["--fault", fault])
        let run = try await LoadRun.run(
            Mock.chatBody + ["-c", "2", "-n", "2", flag, "200ms", mock.chat]
        )
        expectOnly(kind, 2, run)
    }
}

/// A listener whose queue of established connections is full: the kernel drops every further SYN.
private final class FullListener {
    private var descriptors: [Int32] = []
    let port: UInt16

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        func asGeneric<Result>(_ body: (UnsafeMutablePointer<sockaddr>) -> Result) -> Result {
            withUnsafeMutableBytes(of: &address) {
                body($0.assumingMemoryBound(to: sockaddr.self).baseAddress!)
            }
        }
        var length = size
        guard asGeneric({ bind(listener, $0, size) }) == 0, listen(listener, 0) == 0,
            asGeneric({ getsockname(listener, $0, &length) }) == 0
        else { throw TestFailure("can't listen: errno \(errno)") }
        port = UInt16(bigEndian: address.sin_port)
        descriptors = [listener]
        for _ in 0..<4 {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            _ = asGeneric { connect(client, $0, size) }
            descriptors.append(client)
        }
        usleep(20_000)
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}
