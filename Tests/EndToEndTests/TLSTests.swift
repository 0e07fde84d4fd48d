// TLS as the real binary speaks it: trust, client certificates, versions, resumption, names, and
// how a connection may end.

import Foundation
import Testing

@Suite("TLS")
struct TLSTests {
    private func mock(_ arguments: [String] = [], certificate: String = "good") async throws -> Mock
    {
        try await Mock(try await Certificates.serving(certificate) + arguments)
    }

    private func trusted() async throws -> [String] {
        ["--cacert", try await Certificates.file("ca.pem")]
    }

    @Test(
        "a certificate under --cacert is accepted, by address and by name",
        arguments: ["1.2", "1.3"]
    )
    func trustedRoot(_ version: String) async throws {
        let mock = try await mock(["--tokens", "50"])
        let name = mock.chat.replacingOccurrences(of: "127.0.0.1", with: "localhost")
        for url in [mock.chat, name] {
            let run = try await LoadRun.run(
                try await trusted() + Mock.chatBody
                    + ["-4", "-c", "4", "-n", "8", "--tls-max", version, url]
            )
            #expect(run.completed == 8, "\(run.outcome.stdout)")
            #expect(run.result["counts"]["token_events"].int == 400)
            #expect(run.count(of: "tls") == 4)
            let bytes = run.result["counts"]["bytes"]
            let received = try #require(bytes["received"].int)
            let plain = try #require(bytes["plaintext"].int)
            #expect(received > plain && plain > 0)
            #expect((bytes["sent"].int ?? 0) > 0)
            #expect(run.result["plan"]["tls"]["verify"].bool == true)
        }
        let truth = try await mock.stop()["counts"]
        #expect(truth["tokens"].int == 800)
    }

    @Test("-k accepts any certificate", arguments: ["expired", "wrong", "stranger"])
    func insecure(_ certificate: String) async throws {
        let mock = try await mock(certificate: certificate)
        let run = try await LoadRun.run(["-n", "1", "-k", mock.events])
        #expect(run.completed == 1)
        #expect(run.result["plan"]["tls"]["verify"].bool == false)
    }

    @Test("a client certificate is shown to a server that demands one", arguments: ["1.2", "1.3"])
    func clientCertificate(_ version: String) async throws {
        let mock = try await mock(["--tls-client-ca", try await Certificates.file("client-ca.pem")])
        let run = try await LoadRun.run(
            try await trusted() + [
                "-c", "2", "-n", "4", "--tls-max", version,
                "--cert", try await Certificates.file("client.pem"),
                "--key", try await Certificates.file("client.key"), mock.events,
            ]
        )
        #expect(run.completed == 4)
        #expect(!run.resultText.contains("PRIVATE KEY"))
    }

    @Test("reopened connections resume their session", arguments: ["1.2", "1.3"])
    func resumption(_ version: String) async throws {
        let mock = try await mock()
        let run = try await LoadRun.run(
            try await trusted() + ["-n", "5", "--no-keepalive", "--tls-max", version, mock.events]
        )
        #expect(run.completed == 5)
        #expect(run.opened == 5)
        #expect(run.result["counts"]["connections"]["tls_resumed"].int == 4)
        #expect(run.count(of: "tls") == 5)
    }

    @Test(
        "every wire shape comes through the record layer",
        arguments: [
            ["--chunking", "1-bytes"], ["--chunking", "100-events", "--tokens", "400"],
            ["--framing", "length"], ["--framing", "close"], ["--newline", "crlf"],
        ]
    )
    func wireShapes(_ shape: [String]) async throws {
        let mock = try await mock(shape)
        let run = try await LoadRun.run(
            try await trusted() + Mock.chatBody + ["-c", "2", "-n", "4", mock.chat]
        )
        let truth = try await mock.stop()["counts"]
        #expect(run.completed == 4)
        #expect(run.events == truth["events"].int)
    }

    @Test("a close-framed body that ends without close_notify is closed_early")
    func truncated() async throws {
        let orderly = try await mock(["--framing", "close"])
        let whole = try await LoadRun.run(try await trusted() + ["-n", "2", orderly.events])
        #expect(whole.completed == 2)

        let cutOff = try await mock(["--framing", "close", "--fault", "close@end"])
        let run = try await LoadRun.run(try await trusted() + ["-n", "2", cutOff.events])
        #expect(run.failures == ["closed_early": 2])
        #expect(run.errors("closed_early").first?["detail"].text?.contains("close_notify") == true)
    }

    @Test("one setting of --ciphers without a common cipher fails the handshake")
    func ciphers() async throws {
        let mock = try await mock()
        let arguments = ["-n", "1", "-k", "--tls-max", "1.2", "--ciphers"]
        let fine = try await LoadRun.run(
            arguments + ["ECDHE-ECDSA-AES128-GCM-SHA256", mock.events]
        )
        #expect(fine.completed == 1)
        // An RSA cipher, and a server with an EC key.
        let run = try await LoadRun.run(arguments + ["ECDHE-RSA-AES128-GCM-SHA256", mock.events])
        #expect(run.failures == ["tls_alert": 1] || run.failures == ["tls_handshake": 1])
    }

    // MARK: Names

    /// What another implementation saw of one connection.
    private func seen(_ arguments: [String], host: String) async throws -> JSONValue {
        let (server, url) = try await Tool.server(
            "/usr/bin/env",
            [
                "python3", Tool.fixture("tls_server.py"),
                try await Certificates.file("good.pem"), try await Certificates.file("good.key"),
            ]
        )
        defer { server.send(signal: SIGTERM) }
        let target = url.replacingOccurrences(of: "127.0.0.1", with: host)
        let port = url.split(separator: ":").last ?? ""
        let redirect = ["--connect-to", "::127.0.0.1:\(port)"]
        let outcome = try await Binary.run(
            ["probe", "--json"] + (try await trusted()) + redirect + arguments + [target]
        )
        let events = try outcome.stdout.split(separator: "\n").map {
            try JSONValue(parsing: String($0))
        }
        let data = try #require(events.compactMap { $0["data"].text }.first, "\(outcome.stdout)")
        #expect(outcome.status == 0)
        return try JSONValue(parsing: data)
    }

    @Test("the URL's name is asked for, HTTP/1.1 offered, and the newest version spoken")
    func serverName() async throws {
        let facts = try await seen([], host: "localhost")
        #expect(facts["sni"].text == "localhost")
        #expect(facts["alpn"].text == "http/1.1")
        #expect(facts["version"].text == "TLSv1.3")
        #expect(facts["resumed"].bool == false)
    }

    @Test("an address asks for no name")
    func noServerName() async throws {
        let facts = try await seen(["--tls-max", "1.2"], host: "127.0.0.1")
        #expect(facts["sni"].isNull)
        #expect(facts["version"].text == "TLSv1.2")
    }

    @Test("--sni asks for another name, and checks the certificate against it")
    func otherName() async throws {
        let facts = try await seen(["--sni", "localhost"], host: "elsewhere.invalid")
        #expect(facts["sni"].text == "localhost")
    }
}
