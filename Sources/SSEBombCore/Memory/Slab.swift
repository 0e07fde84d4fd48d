// All slots of one loop in one block, made before the clock starts. Slots are plain structs; what
// they hold, and when one may be used again, is the loop's to know.

import CSupport
import Glibc

/// Fixed array of `Slot` in raw memory.
///
/// A handle: copies refer to the same memory. Single-threaded. Untouched slots cost no memory (the
/// block is zero pages until written).
struct Slab<Slot: BitwiseCopyable> {
    private let base: UnsafeMutableRawPointer
    let capacity: Int

    /// Bytes from one slot to the next: whole cache lines, so that a slot's first fields share
    /// them with no other slot, and an odd number of them, so that the first lines of all slots
    /// spread over all sets of a cache instead of every eighth.
    static var stride: Int { ((MemoryLayout<Slot>.size + 63) / 64 | 1) * 64 }

    /// Allocates room for `capacity` slots; their memory is zero, and `Slot` must accept that as
    /// "never used".
    init(capacity: Int) {
        self.capacity = capacity
        let memory = mmap(
            nil,
            max(1, capacity) * Self.stride,
            PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
            -1,
            0
        )
        guard let memory, memory != MAP_FAILED else {
            preconditionFailure("no address space for \(capacity) slots")
        }
        base = memory
    }

    func destroy() { munmap(base, max(1, capacity) * Self.stride) }

    /// The slot at `index`; the caller got the index from this slab or checked it.
    subscript(index: UInt32) -> UnsafeMutablePointer<Slot> {
        @inline(__always)  // Address arithmetic.
        get {
            assert(Int(index) < capacity)
            return (base + Int(index) &* Self.stride).assumingMemoryBound(to: Slot.self)
        }
    }

    /// Where a field of slot 0 lies; that of every further slot lies `stride` bytes behind.
    func firstField<Field>(_ path: KeyPath<Slot, Field>) -> UnsafeMutableRawPointer {
        base + (MemoryLayout<Slot>.offset(of: path) ?? 0)
    }

    /// Asks for the first two cache lines of a slot that is about to be used. Costs nothing but its
    /// own instructions, and does nothing for an index that is out of range.
    @inline(__always)  // Once an event.
    func prefetch(_ index: UInt32) {
        guard Int(index) < capacity else { return }
        let slot = base + Int(index) &* Self.stride
        csup_prefetch(slot)
        csup_prefetch(slot + 64)
    }
}
