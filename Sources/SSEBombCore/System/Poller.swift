// epoll, level-triggered. Events carry the identity that the caller gave at registration; the
// poller itself knows nothing about what a descriptor means.

import CSupport
import Glibc

/// What an event belongs to: a slab index with its generation, so that an event which the kernel
/// queued for a slot's former connection is recognised and dropped.
struct PollKey: Equatable {
    let raw: UInt64

    init(raw: UInt64) { self.raw = raw }
    init(index: UInt32, generation: UInt32) { raw = UInt64(generation) << 32 | UInt64(index) }

    var index: UInt32 { UInt32(truncatingIfNeeded: raw) }
    var generation: UInt32 { UInt32(truncatingIfNeeded: raw >> 32) }

    /// Keys of descriptors that are not slots; no slab grows to these indices.
    static let wake = PollKey(index: .max, generation: 0)
    static let clockStep = PollKey(index: .max - 1, generation: 0)
    static let listener = PollKey(index: .max - 2, generation: 0)
    var isSlot: Bool { index < .max - 2 }
}

/// Bits of `epoll_event.events` as this project uses them.
struct PollMask {
    static let read = EPOLLIN.rawValue | EPOLLRDHUP.rawValue
    static let write = EPOLLOUT.rawValue
    static let failed = EPOLLERR.rawValue | EPOLLHUP.rawValue
}

/// One epoll instance with its event array.
struct Poller: ~Copyable {
    /// Events taken per wait. A wait that returns this many may have left some behind, and then
    /// says nothing about the sockets that it didn't name.
    static let capacity = 512

    private let epoll: FileDescriptor
    private let events: UnsafeMutablePointer<epoll_event>

    init() throws(Errno) {
        epoll = try FileDescriptor(owning: csup_epoll_create())
        events = .allocate(capacity: Self.capacity)
    }

    deinit { events.deallocate() }

    func add(_ fd: Int32, mask: UInt32, key: PollKey) throws(Errno) {
        _ = try checked(csup_epoll_ctl(epoll.number, EPOLL_CTL_ADD, fd, mask, key.raw))
    }

    /// Changes what `fd` is watched for. The descriptor is registered and open, so the kernel has
    /// no reason to refuse.
    func change(_ fd: Int32, mask: UInt32, key: PollKey) {
        let result = csup_epoll_ctl(epoll.number, EPOLL_CTL_MOD, fd, mask, key.raw)
        precondition(result == 0, "epoll_ctl(MOD) failed")
    }

    func remove(_ fd: Int32) {
        _ = csup_epoll_ctl(epoll.number, EPOLL_CTL_DEL, fd, 0, 0)
    }

    /// Blocks until something happens or `timeout` nanoseconds pass (negative: for ever).
    ///
    /// - Returns: number of events, 0 after a timeout; nil when a signal, or a process that was
    ///   stopped and goes on, ended the wait before the kernel looked: then nothing is known of any
    ///   socket.
    @inline(never)  // A name of its own in profiles: time spent here is idle, not cost.
    func wait(timeout: Int64) -> Int? {
        let count = csup_epoll_wait(epoll.number, events, Int32(Self.capacity), timeout)
        if count >= 0 { return Int(count) }
        precondition(count == -EINTR, "epoll_wait failed")
        return nil
    }

    /// Key of event `index` of the last wait; `index` is below the count that it returned.
    func key(_ index: Int) -> PollKey { PollKey(raw: csup_event_key(events, Int32(index))) }
    /// Mask of event `index` of the last wait.
    func mask(_ index: Int) -> UInt32 { csup_event_mask(events, Int32(index)) }
}
