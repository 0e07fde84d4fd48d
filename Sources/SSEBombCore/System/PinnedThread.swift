// Threads bound to CPUs. A loop that migrates loses its cache and its place in the run queue.

import CSupport
import Glibc

/// A joinable POSIX thread, confined to given CPUs.
final class PinnedThread {
    private var handle = pthread_t()

    private final class Start {
        let name: String
        let cpus: [Int32]
        let body: @Sendable () -> Void
        init(name: String, cpus: [Int32], body: @escaping @Sendable () -> Void) {
            self.name = name
            self.cpus = cpus
            self.body = body
        }
    }

    /// Starts `body` on a new thread that may run on `cpus` only (empty: wherever its creator may).
    init(
        name: String,
        cpus: [Int32],
        body: @escaping @Sendable () -> Void
    ) throws(Errno) {
        let start = Unmanaged.passRetained(Start(name: name, cpus: cpus, body: body))
        let result = pthread_create(
            &handle,
            nil,
            { argument in
                let start = Unmanaged<Start>.fromOpaque(argument.unsafelyUnwrapped)
                    .takeRetainedValue()
                csup_name_thread(start.name)
                // Refused only when the CPUs went away since they were checked: then unpinned.
                if !start.cpus.isEmpty { _ = csup_pin_thread(start.cpus, Int32(start.cpus.count)) }
                start.body()
                return nil
            },
            start.toOpaque()
        )
        guard result == 0 else {
            start.release()
            throw Errno(code: result)
        }
    }

    /// Waits for the thread to end. Call exactly once.
    func join() { pthread_join(handle, nil) }
}

/// CPUs that this process may use, ascending; [0] where the kernel won't say.
public func usableCPUs() -> [Int32] {
    var cpus = [Int32](repeating: 0, count: 8_192)
    let count = csup_affinity(&cpus, Int32(cpus.count))
    return count > 0 ? Array(cpus.prefix(Int(count))) : [0]
}

/// Confines the calling thread, and every thread it starts from then on, to `cpus`.
public func confineProcess(to cpus: [Int32]) throws(Errno) {
    _ = try checked(csup_pin_thread(cpus, Int32(cpus.count)))
}
