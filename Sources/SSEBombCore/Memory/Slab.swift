// All slots of one loop in one block, made before the clock starts. Slots are plain structs; what
// they hold, and when one may be used again, is the loop's to know.

import Glibc

/// Fixed array of `Slot` in raw memory.
///
/// A handle: copies refer to the same memory. Single-threaded. Untouched slots cost no memory (the
/// block is zero pages until written).
struct Slab<Slot: BitwiseCopyable> {
    let slots: UnsafeMutablePointer<Slot>
    let capacity: Int

    /// Allocates room for `capacity` slots; their memory is zero, and `Slot` must accept that as
    /// "never used".
    init(capacity: Int) {
        self.capacity = capacity
        // 64-byte alignment: a slot's hot fields begin on a cache line.
        let bytes = max(1, capacity) * MemoryLayout<Slot>.stride
        let memory = mmap(
            nil,
            bytes,
            PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
            -1,
            0
        )
        guard let memory, memory != MAP_FAILED else {
            preconditionFailure("no address space for \(capacity) slots")
        }
        slots = memory.bindMemory(to: Slot.self, capacity: max(1, capacity))
    }

    func destroy() {
        munmap(slots, max(1, capacity) * MemoryLayout<Slot>.stride)
    }

    /// The slot at `index`; the caller got the index from this slab or checked it.
    subscript(index: UInt32) -> UnsafeMutablePointer<Slot> {
        @inline(__always)  // Address arithmetic.
        get {
            assert(Int(index) < capacity)
            return slots + Int(index)
        }
    }
}
