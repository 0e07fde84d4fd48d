// Where connections go and come from: name resolution, --unix, --connect-to, --source-ip. Done
// once, before the clock: a name server's time must not show in a latency.

import Glibc
import SSEBombCore

/// Both ends of the connections to be made.
struct TargetAddresses {
    var remote: [SocketAddress]
    /// Empty: the kernel chooses.
    var local: [SocketAddress] = []
}

extension ConnectionOptions {
    /// Resolves the target of `request` under these flags.
    func resolve(for request: RequestSpecification) throws(SetupError) -> TargetAddresses {
        if ipv4Only, ipv6Only {
            throw SetupError(.usage, "-4 and -6 exclude each other: keep one, or neither")
        }
        if let path = unix { return try unixAddress(path) }
        let end = try redirected(host: request.host, port: request.port)
        let family: AddressFamily = ipv4Only ? .ipv4 : ipv6Only ? .ipv6 : .any
        var found = TargetAddresses(
            remote: try SocketAddress.resolve(host: end.host, port: end.port, family: family)
        )
        guard let sourceIP else { return found }
        found.local = try SourceAddresses.parse(sourceIP)
        let wantsIPv6 = found.local[0].isIPv6
        found.remote.removeAll { $0.isIPv6 != wantsIPv6 }
        guard !found.remote.isEmpty else {
            let version = wantsIPv6 ? "IPv6" : "IPv4"
            throw SetupError(
                .usage,
                "--source-ip is \(version), but \(end.host) has no \(version) address: "
                    + "give sources of the other kind"
            )
        }
        return found
    }

    private func unixAddress(_ path: String) throws(SetupError) -> TargetAddresses {
        guard connectTo.isEmpty, sourceIP == nil, !ipv4Only, !ipv6Only else {
            throw SetupError(
                .usage,
                "--unix leaves no choice of address: leave out --connect-to, --source-ip, -4 and -6"
            )
        }
        let address = try SocketAddress(unixPath: path)
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            let words = Errno(code: errno).sentence
            throw SetupError(
                .unavailable,
                "--unix: no socket at \(path): \(words); check that the server is running"
            )
        }
        guard facts.st_mode & S_IFMT == S_IFSOCK else {
            throw SetupError(.usage, "--unix: \(path) isn't a socket: give the server's socket")
        }
        return TargetAddresses(remote: [address])
    }

    /// The first matching `--connect-to` decides, as in curl.
    private func redirected(
        host: String,
        port: UInt16
    ) throws(SetupError) -> (host: String, port: UInt16) {
        var chosen: (host: String, port: UInt16)?
        for text in connectTo {
            let parts = Self.splitOutsideBrackets(text)
            guard parts.count == 4, let from = Self.port(parts[1]), let to = Self.port(parts[3])
            else {
                throw SetupError(
                    .usage,
                    "--connect-to '\(text)': write HOST:PORT:HOST:PORT, IPv6 addresses in brackets"
                )
            }
            guard chosen == nil, parts[0].isEmpty || parts[0].lowercased() == host,
                from == 0 || from == port
            else { continue }
            chosen = (parts[2].isEmpty ? host : parts[2], to == 0 ? port : to)
        }
        return chosen ?? (host, port)
    }

    /// Cuts at colons, except between brackets, which it takes away.
    private static func splitOutsideBrackets(_ text: String) -> [String] {
        var parts = [""]
        var inside = false
        for character in text {
            switch character {
            case "[": inside = true
            case "]": inside = false
            case ":" where !inside: parts.append("")
            default: parts[parts.count - 1].append(character)
            }
        }
        return parts
    }

    /// A port; 0 for an empty text, nil for anything else that isn't one.
    private static func port(_ text: String) -> UInt16? {
        if text.isEmpty { return 0 }
        guard let port = UInt16(text), port > 0 else { return nil }
        return port
    }
}

/// Readers of `--source-ip`.
enum SourceAddresses {
    /// The most addresses one block may hold: each gives some 28,000 connections to one target.
    static let largestBlock = 65_536

    /// A list of addresses and blocks; of a block, the addresses that are this machine's.
    static func parse(_ text: String) throws(SetupError) -> [SocketAddress] {
        var found: [SocketAddress] = []
        for item in text.split(separator: ",", omittingEmptySubsequences: false) {
            let isBlock = item.contains("/")
            let names = isBlock ? try members(ofBlock: item) : [String(item)]
            var usable: [SocketAddress] = []
            for name in names {
                let refusal = bindError(name)
                if refusal == 0 {
                    usable += try SocketAddress.resolve(host: name, port: 0, numericOnly: true)
                } else if !isBlock {
                    throw notUsable(name, refusal)
                }
            }
            guard !usable.isEmpty else {
                throw SetupError(
                    .usage,
                    "--source-ip: no address of \(item) is this machine's: add some with "
                        + "'ip address add'"
                )
            }
            found += usable.filter { !found.contains($0) }
        }
        guard found.allSatisfy({ $0.isIPv6 == found[0].isIPv6 }) else {
            throw SetupError(.usage, "--source-ip mixes IPv4 and IPv6: give addresses of one kind")
        }
        return found
    }

    private static func notUsable(_ name: String, _ refusal: Int32) -> SetupError {
        switch refusal {
        case EINVAL:
            SetupError(
                .usage,
                "--source-ip: '\(name)' isn't an IP address: give a list such as 10.0.0.2,10.0.0.3"
            )
        case EADDRNOTAVAIL:
            SetupError(
                .usage,
                "--source-ip: \(name) isn't an address of this machine: see 'ip address'"
            )
        default:
            SetupError(
                .system,
                "--source-ip: can't use \(name): \(Errno(code: refusal).sentence); "
                    + "choose another address"
            )
        }
    }

    /// The errno with which the kernel refuses `name` as a local address; 0 when it doesn't.
    private static func bindError(_ name: String) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        guard !name.isEmpty, getaddrinfo(name, "0", &hints, &list) == 0, let entry = list?.pointee
        else { return EINVAL }
        defer { freeaddrinfo(list) }
        let fd = socket(entry.ai_family, hints.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { return errno }
        defer { close(fd) }
        return bind(fd, entry.ai_addr, entry.ai_addrlen) == 0 ? 0 : errno
    }

    /// All addresses of an IPv4 or IPv6 block, without an IPv4 net's own and broadcast address.
    private static func members(ofBlock item: Substring) throws(SetupError) -> [String] {
        let halves = item.split(separator: "/", omittingEmptySubsequences: false)
        let isIPv6 = halves[0].contains(":")
        let family = isIPv6 ? AF_INET6 : AF_INET
        let width = isIPv6 ? 128 : 32
        var base = [UInt8](repeating: 0, count: width / 8)
        guard halves.count == 2, let prefix = UInt8(halves[1]), prefix <= width,
            inet_pton(family, String(halves[0]), &base) == 1
        else {
            throw SetupError(
                .usage,
                "--source-ip: '\(item)' isn't a block: write one such as 127.0.0.0/28"
            )
        }
        let hostBits = width - Int(prefix)
        guard hostBits <= 16 else {
            throw SetupError(
                .usage,
                "--source-ip: \(item) holds more than \(largestBlock) addresses: give "
                    + "/\(width - 16) or smaller"
            )
        }
        let count = 1 << hostBits
        let ownAndBroadcast = !isIPv6 && count > 2
        var names: [String] = []
        for offset in (ownAndBroadcast ? 1 : 0)..<(ownAndBroadcast ? count - 1 : count) {
            // At most 16 host bits: they lie in the last two bytes.
            let tail = Int(base[base.count - 2]) << 8 | Int(base[base.count - 1])
            let value = tail & ~(count - 1) | offset
            var bytes = base
            bytes[bytes.count - 2] = UInt8(value >> 8)
            bytes[bytes.count - 1] = UInt8(value & 0xFF)
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { continue }
            names.append(String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))
        }
        return names
    }
}
