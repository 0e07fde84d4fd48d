// Where connections go and come from: IPv6, unix sockets, --connect-to, --source-ip, and names with
// an address that nobody listens on.

import Foundation
import Testing

@Suite("Addresses")
struct AddressTests {
    private static let script: [ServerAction] = [
        .readRequest, .send(Wire.stream(Wire.events(2))), .again,
    ]

    @Test("an IPv6 literal", .enabled(if: Tool.hasIPv6, "this machine has no ::1"))
    func ipv6() async throws {
        let server = try ScriptedServer(Self.script, at: .ipv6)
        defer { server.stop() }
        let run = try await LoadRun.run(["-n", "2", server.url])
        #expect(run.completed == 2)
        #expect(server.requests.first?.contains("\r\nHost: [::1]:\(server.port)\r\n") == true)
        #expect(run.result["plan"]["addresses"][0].text == "[::1]:\(server.port)")
    }

    @Test("a unix socket whose listen queue is full is waited for, as TCP would")
    func unixQueue() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("socket")
        let server = try ScriptedServer(.unix(path: path), backlog: 2) { _ in Self.script }
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-c", "60", "-n", "60", "--connect-rate", "0", "--unix", path, "http://model/x",
        ])
        #expect(run.failures == [:])
        #expect(run.completed == 60)
    }

    @Test("a unix socket, whose stamps are the reader's")
    func unix() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("socket")
        let server = try ScriptedServer(Self.script, at: .unix(path: path))
        defer { server.stop() }
        let run = try await LoadRun.run(["-c", "2", "-n", "4", "--unix", path, "http://model/x"])
        #expect(run.completed == 4)
        #expect(server.requests.allSatisfy { $0.contains("\r\nHost: model\r\n") })
        #expect(run.result["client"]["clock"].text == "user")
    }

    @Test("--connect-to changes where, not what for")
    func connectTo() async throws {
        let server = try ScriptedServer(Self.script)
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-n", "1", "--connect-to", "model.invalid:81:127.0.0.1:\(server.port)",
            "http://model.invalid:81/path",
        ])
        #expect(run.completed == 1)
        #expect(server.requests.first?.hasPrefix("GET /path HTTP/1.1\r\n") == true)
        #expect(server.requests.first?.contains("\r\nHost: model.invalid:81\r\n") == true)
    }

    @Test("--source-ip takes its addresses in turn")
    func sourceAddresses() async throws {
        let mock = try await Mock()
        let run = try await LoadRun.run([
            "-c", "6", "-n", "6", "--source-ip", "127.0.0.2,127.0.0.3", mock.events,
        ])
        #expect(run.completed == 6)
        #expect(run.result["plan"]["source_addresses"].array?.count == 2)
        #expect(run.opened == 6)
    }

    @Test("a block of source addresses")
    func sourceBlock() async throws {
        let server = try ScriptedServer(Self.script)
        defer { server.stop() }
        let run = try await LoadRun.run([
            "-c", "4", "-n", "4", "--source-ip", "127.0.1.0/29", server.url,
        ])
        #expect(run.completed == 4)
        #expect(run.result["plan"]["source_addresses"].array?.count == 6)
    }

    @Test("an address of a name that nobody listens on is set aside without a failure")
    func setAside() async throws {
        let server = try ScriptedServer(Self.script)
        defer { server.stop() }
        // Both addresses of "localhost" where the machine has two; else of one, which works too.
        let run = try await LoadRun.run([
            "-c", "4", "-n", "8", "http://localhost:\(server.port)/",
        ])
        #expect(run.failures == [:])
        #expect(run.completed == 8)
        #expect(run.opened == 4)
    }

    @Test(
        "-4 and -6 choose among the addresses of a name",
        .enabled(if: Tool.hasIPv6, "this machine has no ::1"),
        arguments: ["-4", "-6"]
    )
    func family(_ flag: String) async throws {
        let server = try ScriptedServer(Self.script, at: flag == "-6" ? .ipv6 : .ipv4)
        defer { server.stop() }
        let host = flag == "-6" ? "[::1]" : "127.0.0.1"
        let fits = try await LoadRun.run(["-n", "1", flag, "http://\(host):\(server.port)/"])
        #expect(fits.completed == 1)
        let other = flag == "-6" ? "127.0.0.1" : "[::1]"
        let outcome = try await Binary.run(["-n", "1", flag, "http://\(other):\(server.port)/"])
        #expect(outcome.status == 69)
        #expect(outcome.stderr.contains("resolve"))
    }
}
