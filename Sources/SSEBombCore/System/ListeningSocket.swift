// A socket that listens for a few connections beside a run. The mock has its own, which stamp what
// they receive.

import CSupport
import Glibc

/// A TCP socket that listens, non-blocking and close-on-exec, as are the connections it accepts.
public struct ListeningSocket: Sendable {
    /// To be waited for with poll(2); closed by whoever opened it.
    public let descriptor: Int32
    /// Its address, with the port that the kernel chose where it was 0.
    public let text: String

    /// Listens at `address`, with so many connections waiting for their turn at most.
    public init(at address: SocketAddress, backlog: Int32) throws(Errno) {
        let opened = csup_stream_socket(address.family)
        guard opened >= 0 else { throw Errno(code: -opened) }
        var result = csup_set_reuse(opened, 0)
        if result == 0 {
            result = address.withRaw { csup_bind(opened, $0, address.length, 0) }
        }
        if result == 0 { result = csup_listen(opened, backlog) }
        let port = csup_local_port(opened)
        if result == 0, port < 0 { result = port }
        guard result == 0 else {
            close(opened)
            throw Errno(code: -result)
        }
        descriptor = opened
        let colon = address.text.lastIndex(of: ":") ?? address.text.startIndex
        text = address.text.prefix(through: colon) + "\(port)"
    }

    /// Accepts a connection, which is then the caller's to close.
    public func accept() throws(Errno) -> Int32 {
        let accepted = csup_accept(descriptor)
        guard accepted >= 0 else { throw Errno(code: -accepted) }
        return accepted
    }
}
