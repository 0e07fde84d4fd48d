// Socket addresses and name resolution. Resolving happens once, before the clock starts: it is no
// part of the load.

import CSupport
import Glibc

/// One IPv4, IPv6 or unix address, ready for connect(2) and bind(2).
public struct SocketAddress: Sendable, Hashable {
    /// The sockaddr's bytes.
    let bytes: [UInt8]
    /// AF_INET, AF_INET6 or AF_UNIX.
    let family: Int32
    /// Numeric text, e.g. "127.0.0.1:8080", "[::1]:443" or "unix:/run/llm.sock".
    public let text: String

    var length: UInt32 { UInt32(bytes.count) }
    /// Whether stamps come from the kernel: unix sockets carry none.
    public var isUnix: Bool { family == AF_UNIX }
    /// Whether this is IPv6.
    public var isIPv6: Bool { family == AF_INET6 }

    /// An address of which only the text is known, as of a stored result: it can't be connected to.
    public init(knownAs text: String) {
        bytes = []
        family = text.hasPrefix("unix:") ? Int32(AF_UNIX) : Int32(AF_UNSPEC)
        self.text = text
    }

    init(copying address: UnsafePointer<sockaddr>, length: socklen_t) {
        bytes = [UInt8](UnsafeRawBufferPointer(start: address, count: Int(length)))
        family = Int32(address.pointee.sa_family)
        text = Self.numericText(address, length)
    }

    /// An address of a unix socket; the kernel allows 107 bytes of path.
    public init(unixPath path: String) throws(SetupError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        let name = Array(path.utf8)
        guard name.count < room else {
            throw SetupError(
                .usage,
                "unix socket path \(path) is \(name.count) bytes long, the kernel takes "
                    + "\(room - 1): use a shorter path"
            )
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        bytes = withUnsafeBytes(of: &address) { [UInt8]($0) }
        family = AF_UNIX
        text = "unix:\(path)"
    }

    /// Calls `body` with the address as connect(2) wants it.
    func withRaw<Result>(_ body: (UnsafeRawPointer) -> Result) -> Result {
        bytes.withUnsafeBytes { body($0.baseAddress.unsafelyUnwrapped) }
    }

    private static func numericText(
        _ address: UnsafePointer<sockaddr>,
        _ length: socklen_t
    ) -> String {
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
        let result = getnameinfo(
            address,
            length,
            &host,
            socklen_t(host.count),
            &port,
            socklen_t(port.count),
            NI_NUMERICHOST | NI_NUMERICSERV
        )
        guard result == 0 else { return "?" }
        let name = host.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        let number = port.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        return name.contains(":") ? "[\(name)]:\(number)" : "\(name):\(number)"
    }
}

/// Which address families may be used.
public enum AddressFamily: Sendable {
    /// Whatever the resolver returns, in its order.
    case any
    /// IPv4 only (`-4`).
    case ipv4
    /// IPv6 only (`-6`).
    case ipv6
}

extension SocketAddress {
    /// Resolves a host name or literal; every address is kept, in the resolver's order.
    ///
    /// - Parameter numericOnly: refuse names, so that nothing asks a name server.
    public static func resolve(
        host: String,
        port: UInt16,
        family: AddressFamily = .any,
        numericOnly: Bool = false
    ) throws(SetupError) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | (numericOnly ? AI_NUMERICHOST : 0)
        switch family {
        case .any: hints.ai_family = AF_UNSPEC
        case .ipv4: hints.ai_family = AF_INET
        case .ipv6: hints.ai_family = AF_INET6
        }
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, String(port), &hints, &list)
        guard result == 0 else {
            let words = String(cString: gai_strerror(result))
            throw SetupError(
                .unavailable,
                "can't resolve \(host): \(words); check the name, or give an address"
            )
        }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = list
        while let entry = next {
            let address = SocketAddress(
                copying: entry.pointee.ai_addr,
                length: entry.pointee.ai_addrlen
            )
            if !found.contains(address) { found.append(address) }
            next = entry.pointee.ai_next
        }
        return found
    }
}
