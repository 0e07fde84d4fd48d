// `run --listen`: GET /metrics while the run goes on, for Prometheus and whoever reads its formats.
// One thread with poll(2) serves a few connections, each of which is closed after its answer. What
// it tells is handed over by the coordinator's thread; the loops know nothing of it.

import Glibc
import SSEBombCore
import SSEBombReport
import Synchronization

/// Answers scrapes until the process ends.
final class MetricsServer: Sendable {
    /// Where it listens, as in a URL.
    let url: String
    private let listener: ListeningSocket
    private let live: Mutex<LiveRun>

    /// More wait in the kernel's queue until one is done.
    private static let mostConnections = 16
    /// Within this a connection has to bring its request and take its answer.
    private static let patience = Nanoseconds.seconds(5)

    /// Listens at `place`; an error names the remedy.
    init(at place: ListenAddress, _ run: LiveRun) throws(SetupError) {
        let addresses: [SocketAddress]
        do throws(SetupError) {
            addresses = try SocketAddress.resolve(host: place.host, port: place.port)
        } catch {
            throw SetupError(
                .usage,
                "--listen can't use \(place.host): give an address of this machine, such as "
                    + "127.0.0.1:9400"
            )
        }
        do throws(Errno) {
            listener = try ListeningSocket(at: addresses[0], backlog: 16)
            url = "http://\(listener.text)/metrics"
        } catch {
            throw SetupError(
                .system,
                "can't listen on \(addresses[0].text): \(error.sentence); choose another --listen "
                    + "address or port"
            )
        }
        live = Mutex(run)
        do throws(Errno) { try DetachedThread.start { self.serve() } } catch {
            throw SetupError(.system, "can't start the thread of --listen: \(error.sentence)")
        }
    }

    /// Changes what the next scrape is told.
    func update(_ change: (inout LiveRun) -> Void) { live.withLock { change(&$0) } }

    // MARK: Connections

    private struct Connection {
        let descriptor: Int32
        let deadline: Instant
        var request: [UInt8] = []
        var answer: [UInt8] = []
        var sent = 0

        var awaits: Int16 { Int16(answer.isEmpty ? POLLIN : POLLOUT) }
    }

    private func serve() {
        var connections: [Connection] = []
        while true {
            var watched = connections.map {
                pollfd(fd: $0.descriptor, events: $0.awaits, revents: 0)
            }
            if connections.count < Self.mostConnections {
                watched.append(pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0))
            }
            let limit = connections.map(\.deadline).min().map {
                max(0, $0 - .now()) / 1_000_000 + 1
            }
            poll(&watched, nfds_t(watched.count), limit.map { Int32(clamping: $0) } ?? -1)
            let now = Instant.now()
            // From behind, so that those to come keep their places.
            for place in connections.indices.reversed() {
                let isOver =
                    watched[place].revents != 0 && !goOn(&connections[place])
                    || now >= connections[place].deadline
                if isOver { close(connections.remove(at: place).descriptor) }
            }
            if let last = watched.last, last.fd == listener.descriptor, last.revents != 0 {
                accept(into: &connections, now)
            }
        }
    }

    private func accept(into connections: inout [Connection], _ now: Instant) {
        do throws(Errno) {
            let descriptor = try listener.accept()
            connections.append(Connection(descriptor: descriptor, deadline: now + Self.patience))
        } catch {
            // Out of descriptors: the connection stays in the queue, and would be named at once.
            usleep(100_000)
        }
    }

    /// Reads or writes what is possible now; false where the connection is over.
    private func goOn(_ connection: inout Connection) -> Bool {
        if connection.answer.isEmpty {
            var piece = [UInt8](repeating: 0, count: 4_096)
            let count = recv(connection.descriptor, &piece, piece.count, 0)
            guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
            connection.request += piece[..<count]
            guard let answer = answer(to: connection.request) else { return true }
            connection.answer = answer
        }
        let rest = connection.answer[connection.sent...]
        let count = rest.withUnsafeBytes {
            send(connection.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard count >= 0 else { return errno == EAGAIN || errno == EINTR }
        connection.sent += count
        return connection.sent < connection.answer.count
    }

    // MARK: Requests

    /// The answer to what has come so far; nil where more has to come.
    private func answer(to bytes: [UInt8]) -> [UInt8]? {
        switch ScrapeRequest.read(bytes) {
        case .needMore: nil
        case .refused(let status, let text): Self.response(status, "text/plain", text, true)
        case .metrics(let format, let hasBody):
            Self.response(
                "200 OK",
                format.contentType,
                live.withLock { $0 }.text(format),
                hasBody
            )
        }
    }

    private static func response(
        _ status: String,
        _ type: String,
        _ text: String,
        _ hasBody: Bool
    ) -> [UInt8] {
        let allow = status.hasPrefix("405") ? "Allow: GET, HEAD\r\n" : ""
        let head =
            "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\n"
            + "Content-Length: \(text.utf8.count)\r\n\(allow)"
            + "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        return Array((hasBody ? head + text : head).utf8)
    }
}

/// What a scraper asks for (RFC 9112, as far as a GET without a body needs it).
enum ScrapeRequest: Equatable {
    case needMore
    case refused(status: String, text: String)
    case metrics(MetricsFormat, hasBody: Bool)

    /// A scraper's head is a few hundred bytes.
    static let mostBytes = 8_192

    static func read(_ bytes: [UInt8]) -> ScrapeRequest {
        let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))
        guard (end?.upperBound ?? bytes.count) <= mostBytes else {
            return .refused(
                status: "431 Request Header Fields Too Large",
                text: "the request is longer than \(mostBytes) bytes\n"
            )
        }
        guard let end else { return .needMore }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(
            separator: "\r\n",
            omittingEmptySubsequences: false
        )
        let words = lines[0].split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[2].hasPrefix("HTTP/1.") else {
            return .refused(status: "400 Bad Request", text: "not an HTTP/1 request\n")
        }
        guard words[0] == "GET" || words[0] == "HEAD" else {
            return .refused(status: "405 Method Not Allowed", text: "GET /metrics\n")
        }
        guard path(of: words[1]) == "/metrics" else {
            return .refused(status: "404 Not Found", text: "GET /metrics\n")
        }
        let accepts = lines.dropFirst().contains { line in
            let line = line.lowercased()
            return line.hasPrefix("accept:") && line.contains("application/openmetrics-text")
        }
        return .metrics(accepts ? .openMetrics : .prometheus, hasBody: words[0] == "GET")
    }

    /// The path of a request target, which a client may also send as a whole URL (RFC 9112, 3.2.2).
    private static func path(of target: Substring) -> Substring {
        var rest = target
        let scheme = "http://"
        if target.prefix(scheme.count).lowercased() == scheme {
            rest = target.dropFirst(scheme.count).drop { $0 != "/" && $0 != "?" }
        }
        return rest.prefix { $0 != "?" }
    }
}
