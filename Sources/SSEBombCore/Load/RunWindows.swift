// The times that divide a run, fixed before it starts, and the little that loops share while it
// goes on.

import CSupport
import Synchronization

/// Instants of a run's phases (METRICS: windows).
struct RunWindows {
    /// Start of the ramp.
    let start: Instant
    let rampEnd: Instant
    /// End of the warm-up.
    let measureStart: Instant
    /// No request starts from here on; `distantFuture` when only a number of requests ends the run.
    let measureEnd: Instant
    /// Whatever still runs is cut.
    let drainEnd: Instant

    init(plan: RunPlan, start: Instant) {
        self.start = start
        rampEnd = start + plan.ramp
        measureStart = rampEnd + plan.warmup
        if let duration = plan.duration {
            measureEnd = measureStart + duration
            drainEnd = measureEnd + plan.drain
        } else {
            measureEnd = .distantFuture
            drainEnd = .distantFuture
        }
    }

    /// When starts begin to count, end, or the drain does, whichever comes next after `now`.
    func nextPhase(after now: Instant) -> Instant {
        if measureStart > now { return measureStart }
        if measureEnd > now { return measureEnd }
        return drainEnd > now ? drainEnd : .distantFuture
    }

    func phase(at now: Instant) -> RunPhase {
        if now < rampEnd { return .ramp }
        if now < measureStart { return .warmup }
        if now < measureEnd { return .measured }
        if now < drainEnd { return .drain }
        return .ended
    }

    /// Whether `instant` lies in the measured window.
    @inline(__always)  // Two compares per read.
    func isMeasured(_ instant: Instant) -> Bool { instant >= measureStart && instant < measureEnd }
}

/// What loops share while they run: one cell for all and one for each class of load, each on its
/// own pair of cache lines.
///
/// A handle; made and destroyed by the coordinator.
struct RunSwitches: @unchecked Sendable {
    // Unchecked: all cells are atomics, and the memory outlives every loop.
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    private static let stride = 16

    init(classes: Int) {
        let count = (1 + classes) * Self.stride
        cells = .allocate(capacity: count)
        UnsafeMutableRawPointer(cells)
            .initializeMemory(as: UInt8.self, repeating: 0, count: count * 8)
    }

    func destroy() { cells.deallocate() }

    /// Set to a signal number when the run is to be cut at once.
    var interrupt: Int32 {
        get { Int32(truncatingIfNeeded: cells[0].load(ordering: .relaxed)) }
        nonmutating set { cells[0].store(UInt64(UInt32(bitPattern: newValue)), ordering: .relaxed) }
    }

    /// Set while no request shall start.
    var isPaused: Bool {
        get { cells[1].load(ordering: .relaxed) != 0 }
        // Beside the interrupt: both change a few times a run at most.
        nonmutating set { cells[1].store(newValue ? 1 : 0, ordering: .relaxed) }
    }

    /// Takes one of `limit` requests of a class: its number, from 0; nil when all are taken.
    func takeRequest(limit: UInt64, of number: Int) -> UInt64? {
        // One atomic add per request, not per event.
        let taken = cells[(1 + number) * Self.stride].add(1, ordering: .relaxed).oldValue
        return taken < limit ? taken : nil
    }

    /// Whether all of `limit` requests of a class have been taken.
    func areTaken(limit: UInt64, of number: Int) -> Bool {
        cells[(1 + number) * Self.stride].load(ordering: .relaxed) >= limit
    }
}
