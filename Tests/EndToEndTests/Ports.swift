// Loopback ports that no other test gets: one on which nobody listens, and ports for servers that
// take theirs as a flag.

import Glibc

/// A loopback port on which connects are refused until `release`: bound, so that no other test gets
/// it, but not listened to.
struct ClosedPort {
    let number: UInt16
    private let descriptor: Int32

    /// - Parameter port: 0 for any.
    init(_ port: UInt16 = 0) throws {
        let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        address.sin_port = port.bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(made, $0, size) == 0 ? getsockname(made, $0, &size) : -1
            }
        }
        (descriptor, number) = (made, UInt16(bigEndian: address.sin_port))
        guard status == 0 else {
            let reason = String(cString: strerror(errno))
            close(made)
            throw TestFailure("no port: \(reason)")
        }
    }

    func release() { close(descriptor) }
}

extension Tool {
    /// Below the ports that Linux gives out by itself (net.ipv4.ip_local_port_range): what is free
    /// there stays so until somebody asks for it by number.
    private static let candidates = Locked(UInt16(20_000)..<30_000)

    /// A loopback port for a server that takes its port as a flag.
    static func freePort() throws -> UInt16 {
        try candidates.withLock { left in
            while let candidate = left.first {
                left = left.dropFirst()
                if let port = try? ClosedPort(candidate) {
                    port.release()
                    return candidate
                }
            }
            throw TestFailure("no port is free")
        }
    }
}
