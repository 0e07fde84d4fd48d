// Deadlines of slots: a hierarchical timing wheel (Varghese and Lauck, SOSP 1987) over an intrusive
// list, so that arming and disarming neither allocate nor depend on how many are armed.

import Glibc

/// The links of one armed timer; lives in its slot. All zero means "not armed".
struct TimerLink: BitwiseCopyable {
    /// Index + 1 of the neighbours in the bucket's list; 0 ends it.
    fileprivate var next: UInt32 = 0
    fileprivate var previous: UInt32 = 0
    /// Bucket + 1; 0 while not armed.
    fileprivate var bucket: UInt32 = 0
    /// When it is due, in ticks.
    fileprivate var dueTick: Int64 = 0

    var isArmed: Bool { bucket != 0 }
}

/// Four levels of 256 buckets. A tick is 2^17 ns (131 microseconds): the levels reach 34 ms, 8.6 s,
/// 37 minutes and 156 hours; what lies beyond is clamped and seen again when that comes.
///
/// A handle over memory it owns; single-threaded. Timers never fire early, and at most one tick
/// after the loop looks.
struct TimerWheel {
    static let tickShift: Int64 = 17
    private static let levelBits: Int64 = 8
    private static let levelSize = 256
    private static let levels = 4

    private struct State {
        var currentTick: Int64
        var armed: Int
    }

    private let state: UnsafeMutablePointer<State>
    private let heads: UnsafeMutablePointer<UInt32>
    /// One bit a bucket, set while its list isn't empty.
    private let occupied: UnsafeMutablePointer<UInt64>
    /// Address of the link inside slot 0, and the distance to the next slot's.
    private let links: UnsafeMutableRawPointer
    private let stride: Int

    /// - Parameters:
    ///   - links: the `TimerLink` of slot 0; slot i's lies `i * stride` bytes on.
    ///   - now: where the wheel starts.
    init(links: UnsafeMutableRawPointer, stride: Int, now: Instant) {
        let buckets = Self.levels * Self.levelSize
        state = .allocate(capacity: 1)
        state.initialize(to: State(currentTick: now.nanoseconds >> Self.tickShift, armed: 0))
        heads = .allocate(capacity: buckets)
        heads.initialize(repeating: 0, count: buckets)
        occupied = .allocate(capacity: buckets / 64)
        occupied.initialize(repeating: 0, count: buckets / 64)
        self.links = links
        self.stride = stride
    }

    func destroy() {
        state.deallocate()
        heads.deallocate()
        occupied.deallocate()
    }

    /// Number of armed timers.
    var count: Int { state.pointee.armed }

    private func link(_ index: UInt32) -> UnsafeMutablePointer<TimerLink> {
        (links + Int(index) &* stride).assumingMemoryBound(to: TimerLink.self)
    }

    /// Arms slot `index` for `deadline`, instead of an earlier one if it had any.
    func arm(_ index: UInt32, at deadline: Instant) {
        disarm(index)
        let tickLength: Int64 = 1 << Self.tickShift
        let ns = deadline.nanoseconds
        // Rounded up, so that it never fires early.
        let tick =
            ns > .max - tickLength ? ns >> Self.tickShift : (ns + tickLength - 1) >> Self.tickShift
        insert(index, due: tick)
        state.pointee.armed += 1
    }

    func disarm(_ index: UInt32) {
        let entry = link(index)
        guard entry.pointee.bucket != 0 else { return }
        let bucket = Int(entry.pointee.bucket - 1)
        if entry.pointee.previous != 0 {
            link(entry.pointee.previous - 1).pointee.next = entry.pointee.next
        } else {
            heads[bucket] = entry.pointee.next
            if entry.pointee.next == 0 { occupied[bucket >> 6] &= ~(1 << UInt64(bucket & 63)) }
        }
        if entry.pointee.next != 0 {
            link(entry.pointee.next - 1).pointee.previous = entry.pointee.previous
        }
        entry.pointee = TimerLink()
        state.pointee.armed -= 1
    }

    /// Takes one timer that is due at `now` and disarms it; nil when none is left.
    ///
    /// Call until nil: what the caller arms meanwhile for the past is returned as well.
    func popDue(now: Instant) -> UInt32? {
        let nowTick = now.nanoseconds >> Self.tickShift
        while true {
            let bucket = Int(state.pointee.currentTick & 255)
            if heads[bucket] != 0 {
                let index = heads[bucket] - 1
                disarm(index)
                return index
            }
            guard state.pointee.currentTick < nowTick else { return nil }
            advance(to: nowTick)
        }
    }

    /// When the loop must look again: at the next due timer or the next cascade that brings
    /// something down, whichever comes first; nil when nothing is armed.
    func nextWake() -> Instant? {
        let tick = nextTick()
        return tick == .max ? nil : Instant(nanoseconds: tick << Self.tickShift)
    }

    /// The next tick at which something is due or cascades; `Int64.max` when nothing is armed.
    private func nextTick() -> Int64 {
        guard state.pointee.armed > 0 else { return .max }
        let current = state.pointee.currentTick
        var earliest = Int64.max
        if let distance = distanceToOccupied(level: 0, from: Int(current & 255)) {
            earliest = current + Int64(distance)
        }
        for level in 1..<Self.levels {
            let shift = Int64(level) * Self.levelBits
            let position = current >> shift
            // The bucket of the current position was emptied when it was entered: what stands there
            // belongs to the next turn, so the search begins behind it.
            if let distance = distanceToOccupied(level: level, from: Int((position + 1) & 255)) {
                earliest = min(earliest, (position + 1 + Int64(distance)) << shift)
            }
        }
        return earliest
    }

    /// Moves to the next tick that holds something or cascades, at most to `target`.
    private func advance(to target: Int64) {
        let current = state.pointee.currentTick
        var tick = target
        if current >> Self.levelBits == target >> Self.levelBits {
            // Nothing cascades inside a turn.
            let distance = distanceToOccupied(level: 0, from: Int(current & 255))
            if let distance { tick = min(current + Int64(distance), target) }
        } else {
            // Turns in which nothing happens are skipped at once, however long the loop was away.
            tick = min(nextTick(), target)
        }
        state.pointee.currentTick = tick
        if tick & 255 == 0 { cascade(tick) }
    }

    /// Brings down what the higher levels hold for the turn that begins at `tick`.
    private func cascade(_ tick: Int64) {
        for level in 1..<Self.levels {
            let position = tick >> (Int64(level) * Self.levelBits)
            let bucket = level * Self.levelSize + Int(position & 255)
            while heads[bucket] != 0 {
                let index = heads[bucket] - 1
                let due = link(index).pointee.dueTick
                disarm(index)
                insert(index, due: due)
                state.pointee.armed += 1
            }
            if position & 255 != 0 { return }
        }
    }

    private func insert(_ index: UInt32, due: Int64) {
        let current = state.pointee.currentTick
        var tick = max(due, current)
        let reach: Int64 = 1 << (Self.levelBits * Int64(Self.levels))
        // Strictly inside the top level's turn, so that its bucket isn't the current one.
        if tick - current >= reach - (reach >> Self.levelBits) {
            tick = current + reach - (reach >> Self.levelBits) - 1
        }
        var level = 0
        while level < Self.levels - 1,
            tick - current >= 1 << (Self.levelBits * Int64(level + 1))
        {
            level += 1
        }
        let position = tick >> (Int64(level) * Self.levelBits)
        let bucket = level * Self.levelSize + Int(position & 255)
        let entry = link(index)
        entry.pointee = TimerLink(
            next: heads[bucket],
            previous: 0,
            bucket: UInt32(bucket + 1),
            dueTick: due
        )
        if heads[bucket] != 0 { link(heads[bucket] - 1).pointee.previous = index + 1 }
        heads[bucket] = index + 1
        occupied[bucket >> 6] |= 1 << UInt64(bucket & 63)
    }

    /// Buckets from `from` on, around the turn, to the first that isn't empty.
    private func distanceToOccupied(level: Int, from: Int) -> Int? {
        let words = occupied + level * (Self.levelSize / 64)
        var distance = 0
        while distance < Self.levelSize {
            let position = (from + distance) & 255
            let word = words[position >> 6] >> UInt64(position & 63)
            if word != 0 {
                let found = distance + word.trailingZeroBitCount
                return found < Self.levelSize ? found : nil
            }
            distance += 64 - (position & 63)
        }
        return nil
    }
}
