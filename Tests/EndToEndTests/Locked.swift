// A value behind a lock. POSIX locks are known to the thread sanitizer; the futex behind
// Synchronization.Mutex is not, and every use of it would be reported as a race.

import Foundation

/// Gives out its value to one caller at a time.
// Unchecked: `value` is touched under the lock alone.
final class Locked<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
