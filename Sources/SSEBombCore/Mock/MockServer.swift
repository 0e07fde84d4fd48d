// The mock server as its owner sees it: made, started, asked for its port and its truth, stopped.
// Knows sockets to listen on and threads; what is served stands in MockLoop.

import CSupport
import Glibc
import Synchronization

/// A deterministic mock of an LLM server, on threads of its own.
///
/// Usable from any thread. Listens from its creation on, answers from `start()` on, and is stopped
/// and joined when it goes away.
public final class MockServer: Sendable {
    /// The port it listens on.
    public let port: UInt16
    /// Numeric address and port, such as "127.0.0.1:8080" or "[::1]:8080".
    public let addressText: String
    /// "http" or "https".
    public let scheme: String

    private let shared: MockShared
    private let loops: [Loop]
    private let capacity: Int
    private let threads = Mutex<[PinnedThread]>([])

    /// The descriptors and the place of one loop.
    private struct Loop {
        let listener: Int32
        let wake: Int32
        let cpus: [Int32]
    }

    /// Connections that wait to be accepted: more than a paced client ever leaves there.
    private static let backlog: Int32 = 4_096
    /// No loop holds more connections than this; unused ones cost no memory.
    private static let mostConnections: Int64 = 1 << 20

    /// Binds the listening sockets, and loads the certificates if there are any.
    public init(_ plan: MockPlan) throws(SetupError) {
        try plan.validate()
        var context: TLSContext?
        if let options = plan.tls {
            do throws(TLSSetupError) { context = try TLSContext.server(options) } catch {
                throw SetupError(.usage, error.sentence)
            }
        }
        let limit = csup_raise_descriptor_limit()
        capacity = Int(max(64, min(limit < 0 ? 1_024 : limit, Self.mostConnections)))
        let cpus: [[Int32]] = plan.cpus.isEmpty ? [[]] : plan.cpus.map { [$0] }
        var loops: [Loop] = []
        var bound = plan.port
        var text = ""
        do throws(SetupError) {
            for confined in cpus {
                let (listener, address) = try Self.listen(plan, port: bound, of: cpus.count)
                loops.append(Loop(listener: listener, wake: csup_eventfd(), cpus: confined))
                guard let wake = loops.last?.wake, wake >= 0 else {
                    throw SetupError(.system, "no descriptor is left for the mock server")
                }
                bound = UInt16(truncatingIfNeeded: csup_local_port(listener))
                text = address.text
            }
        } catch {
            Self.closeAll(loops)
            throw error
        }
        self.loops = loops
        port = bound
        // The address was resolved with the port asked for, which may be 0.
        addressText = text.prefix(through: text.lastIndex(of: ":") ?? text.startIndex) + "\(bound)"
        scheme = plan.tls == nil ? "http" : "https"
        shared = MockShared(
            plan: plan,
            counters: cpus.map { _ in MockCounters() },
            context: context
        )
    }

    deinit {
        stop()
        wait()
        Self.closeAll(loops)
    }

    /// The base of its URLs, such as "http://127.0.0.1:8080".
    public var url: String { "\(scheme)://\(addressText)" }

    /// Starts the loops. Does nothing when they run already.
    public func start() throws(SetupError) {
        let result = threads.withLock { threads -> Result<Void, Errno> in
            guard threads.isEmpty else { return .success(()) }
            for number in loops.indices {
                do throws(Errno) { threads.append(try startLoop(number)) } catch {
                    return .failure(error)
                }
            }
            return .success(())
        }
        if case .failure(let error) = result {
            throw SetupError(.system, "can't start the mock server: \(error.sentence)")
        }
    }

    private func startLoop(_ number: Int) throws(Errno) -> PinnedThread {
        let place = loops[number]
        let (shared, capacity) = (shared, capacity)
        return try PinnedThread(name: "mock-\(number)", cpus: place.cpus) {
            do throws(Errno) {
                let poller = try MockLoop.makePoller(listener: place.listener, wake: place.wake)
                var loop = MockLoop(
                    shared: shared,
                    number: number,
                    listener: place.listener,
                    wake: place.wake,
                    poller: poller,
                    capacity: capacity
                )
                loop.run()
            } catch {
                // Only descriptors can be lacking, and this early that is the machine's state.
                fatalError("the mock server can't start a loop: \(error.sentence)")
            }
        }
    }

    /// Tells the loops to end: running streams are cut. Async-signal-unsafe, but quick.
    public func stop() {
        shared.isStopping.store(true, ordering: .relaxed)
        for loop in loops { _ = csup_eventfd_signal(loop.wake) }
    }

    /// Waits until the loops have ended. Any number of times, from one thread at a time.
    public func wait() {
        let ended = threads.withLock { threads in
            let running = threads
            threads = []
            return running
        }
        for thread in ended { thread.join() }
    }

    /// What the server did so far; exact after `wait()`.
    public func truth() -> MockTruth { shared.truth() }

    // MARK: - Sockets

    private static func closeAll(_ loops: [Loop]) {
        for loop in loops {
            close(loop.listener)
            if loop.wake >= 0 { close(loop.wake) }
        }
    }

    private static func listen(
        _ plan: MockPlan,
        port: UInt16,
        of count: Int
    ) throws(SetupError) -> (Int32, SocketAddress) {
        let found: [SocketAddress]
        do throws(SetupError) {
            found = try SocketAddress.resolve(host: plan.host, port: port)
        } catch {
            throw SetupError(
                .usage,
                "--listen can't use \(plan.host): give an address of this machine, "
                    + "such as 127.0.0.1:8080"
            )
        }
        let address = found[0]
        let descriptor = csup_stream_socket(address.family)
        guard descriptor >= 0 else {
            throw SetupError(
                .system,
                "no socket for the mock server: \(Errno(code: -descriptor).sentence)"
            )
        }
        var result = csup_set_reuse(descriptor, count > 1 ? 1 : 0)
        // Accepted sockets inherit both: the requests' arrivals are stamped before they are
        // accepted, and no event waits for the ACK of the one before.
        if result == 0 { result = csup_set_nodelay(descriptor) }
        _ = csup_want_stamps(descriptor)
        if result == 0 {
            result = address.withRaw { csup_bind(descriptor, $0, address.length, 0) }
        }
        if result == 0 { result = csup_listen(descriptor, backlog) }
        guard result == 0 else {
            close(descriptor)
            throw SetupError(
                .system,
                "can't listen on \(address.text): \(Errno(code: -result).sentence); "
                    + "choose another --listen address or port"
            )
        }
        return (descriptor, address)
    }
}
