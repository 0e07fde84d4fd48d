// Threads of the program beside the loops, which nobody waits for: signals, the metrics server.

import Glibc
import SSEBombCore

/// A thread that ends with its body, or with the process.
enum DetachedThread {
    private final class Start {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a thread of its own, which has the signal mask of the caller (POSIX).
    static func start(_ body: @escaping @Sendable () -> Void) throws(Errno) {
        var thread = pthread_t()
        let start = Unmanaged.passRetained(Start(body))
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                Unmanaged<Start>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue().body()
                return nil
            },
            start.toOpaque()
        )
        guard result == 0 else {
            start.release()
            throw Errno(code: result)
        }
        pthread_detach(thread)
    }
}
