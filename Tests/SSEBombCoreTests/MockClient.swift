// A blocking client for tests of the mock server: sends bytes, reads bytes, and undoes chunks by a
// few lines of its own that share nothing with the code under test.

import Glibc

@testable import SSEBombCore

/// One plain connection to a port on loopback. Reads give up after five seconds.
final class MockClient {
    /// How reading ended.
    enum End {
        case closed
        case reset
        case timedOut
        /// The text that was waited for is there.
        case found
    }

    private let descriptor: Int32
    /// All bytes received and not taken yet.
    private(set) var received: [UInt8] = []

    init(port: UInt16, receiveBuffer: Int32? = nil) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_RCVTIMEO,
            &patience,
            socklen_t(MemoryLayout<timeval>.size)
        )
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        precondition(result == 0, "connect to the mock failed, errno \(errno)")
    }

    deinit { close(descriptor) }

    /// Closing throws away what is unsent and sends RST (socket(7), SO_LINGER).
    func resetOnClose() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        let size = socklen_t(MemoryLayout<Glibc.linger>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, size)
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                let rest = bytes.count - done
                return Glibc.send(descriptor, $0.baseAddress! + done, rest, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            done += count
        }
    }

    /// A POST of a JSON body.
    func post(_ path: String, _ body: String) {
        send(
            "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        )
    }

    /// Reads until the end, or until `text` or so many bytes have come.
    @discardableResult
    func read(until text: String? = nil, atLeast count: Int = .max) -> End {
        var block = [UInt8](repeating: 0, count: 1 << 18)
        let wanted = text.map { Array($0.utf8) } ?? []
        var searched = 0
        while true {
            if !wanted.isEmpty, contains(wanted, &searched) { return .found }
            if received.count >= count { return .found }
            let length = recv(descriptor, &block, block.count, 0)
            if length == 0 { return .closed }
            if length < 0 { return errno == ECONNRESET ? .reset : .timedOut }
            received.append(contentsOf: block[..<length])
        }
    }

    /// Whether the wanted bytes are there; what was looked at is not looked at again.
    private func contains(_ wanted: [UInt8], _ searched: inout Int) -> Bool {
        received.withUnsafeBytes { bytes in
            while let base = bytes.baseAddress, bytes.count - searched >= wanted.count {
                let found = memchr(base + searched, Int32(wanted[0]), bytes.count - searched)
                guard let found else {
                    searched = bytes.count
                    return false
                }
                searched = UnsafeRawPointer(found) - base
                guard bytes.count - searched >= wanted.count else { return false }
                if memcmp(found, wanted, wanted.count) == 0 { return true }
                searched += 1
            }
            return false
        }
    }

    /// All received bytes as text, and none of them kept.
    func takeText() -> String {
        defer { received = [] }
        return String(decoding: received, as: UTF8.self)
    }

    /// Head and body of a response text.
    static func split(_ text: String) -> (head: String, body: String) {
        let bytes = Array(text.utf8)
        for index in 0..<max(0, bytes.count - 3)
        where bytes[index..<(index + 4)].elementsEqual([13, 10, 13, 10]) {
            return (
                String(decoding: bytes[..<(index + 2)], as: UTF8.self),
                String(decoding: bytes[(index + 4)...], as: UTF8.self)
            )
        }
        return (text, "")
    }

    /// The content of a chunked body; nil when it isn't well-formed, or something follows it.
    static func unchunk(_ body: String) -> String? {
        var rest = Array(body.utf8)[...]
        var content: [UInt8] = []
        while true {
            let digits = rest.prefix { $0 != 13 }
            guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16) else {
                return nil
            }
            rest = rest.dropFirst(digits.count + 2)
            guard rest.count >= size + 2, rest.dropFirst(size).prefix(2).elementsEqual([13, 10])
            else { return nil }
            content += rest.prefix(size)
            rest = rest.dropFirst(size + 2)
            if size == 0 {
                return rest.isEmpty ? String(decoding: content, as: UTF8.self) : nil
            }
        }
    }
}
