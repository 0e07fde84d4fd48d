// Proxies that weren't written here, each in front of a mock of its own. Knows how to start them,
// not what is asked of them.

import Foundation
import Glibc

/// What proxies have in common.
enum Proxies {
    /// Waits until something listens on a loopback port.
    static func awaitListener(_ port: UInt16, _ process: RunningBinary) async throws {
        try await process.wait { _ in
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            return withUnsafeBytes(of: &address) {
                connect(
                    descriptor,
                    $0.assumingMemoryBound(to: sockaddr.self).baseAddress,
                    socklen_t($0.count)
                ) == 0
            }
        }
    }
}

/// nginx in front of a mock.
final class Nginx {
    let mock: Mock
    let plain: String
    let secure: String
    private let dead: ClosedPort
    private let directory: TemporaryDirectory
    private let process: RunningBinary

    init(_ arguments: [String] = []) async throws {
        mock = try await Mock(arguments)
        directory = try TemporaryDirectory()
        let ports = (try Tool.freePort(), try Tool.freePort())
        dead = try ClosedPort()
        plain = "http://127.0.0.1:\(ports.0)"
        secure = "https://127.0.0.1:\(ports.1)"
        var text = try String(
            contentsOfFile: Tool.fixture("nginx.conf.template"),
            encoding: .utf8
        )
        let values = [
            "DIRECTORY": directory.path, "UPSTREAM": "127.0.0.1:\(mock.port)",
            "DEAD": "127.0.0.1:\(dead.number)", "PLAIN": "\(ports.0)", "TLS": "\(ports.1)",
            "CERTIFICATE": try await Certificates.file("good.pem"),
            "KEY": try await Certificates.file("good.key"),
        ]
        for (name, value) in values {
            text = text.replacingOccurrences(of: "@\(name)@", with: value)
        }
        let file = try directory.write("nginx.conf", Array(text.utf8))
        guard let nginx = Tool.nginx else { throw TestFailure(Tool.noNginx) }
        process = try Tool.start(nginx, ["-c", file, "-e", "stderr", "-p", directory.path])
        try await Proxies.awaitListener(ports.0, process)
        try await Proxies.awaitListener(ports.1, process)
    }

    deinit {
        process.send(signal: SIGTERM)
        dead.release()
    }
}

/// haproxy with its defaults in front of a mock.
final class HAProxy {
    let mock: Mock
    let url: String
    private let directory: TemporaryDirectory
    private let process: RunningBinary

    init(_ arguments: [String], options: String = "") async throws {
        mock = try await Mock(arguments)
        directory = try TemporaryDirectory()
        let port = try Tool.freePort()
        url = "http://127.0.0.1:\(port)"
        let text = """
            defaults
                mode http
                timeout connect 5s
                timeout client 50s
                timeout server 50s
                \(options)
            listen proxy
                bind 127.0.0.1:\(port)
                server mock 127.0.0.1:\(mock.port)

            """
        let file = try directory.write("haproxy.cfg", Array(text.utf8))
        guard let haproxy = Tool.haproxy else { throw TestFailure(Tool.noHAProxy) }
        process = try Tool.start(haproxy, ["-db", "-f", file])
        try await Proxies.awaitListener(port, process)
    }

    deinit { process.send(signal: SIGTERM) }
}
