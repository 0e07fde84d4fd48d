// Bytes of one stream that must outlive the receive buffer: the unfinished tail of a line, the data
// of an event whose blank line has not come. Empty on an idle stream; the memory belongs to the
// loop's SpillPool, so that a stream between two events costs nothing.

#if canImport(Glibc)
import Glibc
#endif

/// A growable byte store whose memory is lent by a `SpillPool`.
///
/// Owned by one slot of one loop. Not thread-safe. `release(to:)` must be called before the slot is
/// reused; a spill has no deinitialiser because slots live in raw memory.
struct Spill {
    /// Start of the stored bytes; nil while nothing is lent.
    private(set) var base: UnsafeMutableRawPointer?
    private(set) var count32: UInt32 = 0
    private(set) var capacity32: UInt32 = 0

    /// Number of stored bytes.
    var count: Int { Int(count32) }
    var isEmpty: Bool { count32 == 0 }

    /// The stored bytes; valid until the next mutation.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: Int(count32)) }

    /// Appends bytes, growing as needed.
    ///
    /// - Precondition: `count + length` fits `UInt32`; callers check their own limits first.
    mutating func append(_ source: UnsafeRawPointer, _ length: Int, pool: SpillPool) {
        guard length > 0 else { return }
        let needed = Int(count32) + length
        if needed > Int(capacity32) { grow(to: needed, pool: pool) }
        base.unsafelyUnwrapped.advanced(by: Int(count32))
            .copyMemory(from: source, byteCount: length)
        count32 = UInt32(needed)
    }

    /// Makes room for so many bytes, lets `write` fill them from the start, and keeps as many as it
    /// says.
    ///
    /// - Precondition: as `append(_:_:pool:)`.
    mutating func append(
        atMost length: Int,
        pool: SpillPool,
        _ write: (UnsafeMutableRawPointer) -> Int
    ) {
        let needed = Int(count32) + length
        if needed > Int(capacity32) { grow(to: needed, pool: pool) }
        let written = write(base.unsafelyUnwrapped.advanced(by: Int(count32)))
        precondition(written <= length, "more was written than there is room for")
        count32 += UInt32(written)
    }

    /// Forgets the bytes from `length` on and keeps the memory.
    mutating func truncate(to length: Int) {
        precondition(length <= Int(count32))
        count32 = UInt32(length)
    }

    /// Forgets the bytes and gives the memory back.
    mutating func release(to pool: SpillPool) {
        guard let memory = base else { return }
        pool.give(memory, capacity: Int(capacity32))
        base = nil
        count32 = 0
        capacity32 = 0
    }

    @inline(never)  // Cold beside the append itself: once per power of two.
    private mutating func grow(to needed: Int, pool: SpillPool) {
        let (memory, capacity) = pool.take(atLeast: needed)
        if let old = base {
            memory.copyMemory(from: old, byteCount: Int(count32))
            pool.give(old, capacity: Int(capacity32))
        }
        base = memory
        capacity32 = UInt32(capacity)
    }
}

/// Free lists of power-of-two blocks, one pool a loop.
///
/// A handle: copies refer to the same lists. Single-threaded. Each list keeps at most
/// `SpillPool.keptBytesPerClass` bytes; what exceeds that goes back to the allocator.
struct SpillPool {
    /// Smallest block: a typical unfinished line fits, so short tails never grow twice.
    static let smallestBlock = 256
    static let classCount = 24
    static let keptBytesPerClass = 1 << 20

    private struct FreeList {
        var head: UnsafeMutableRawPointer?
        var length = 0
    }
    private let lists: UnsafeMutablePointer<FreeList>

    init() {
        lists = .allocate(capacity: Self.classCount)
        lists.initialize(repeating: FreeList(), count: Self.classCount)
    }

    /// Returns every kept block to the allocator. Lent blocks stay valid and can't be given back.
    func destroy() {
        for index in 0..<Self.classCount {
            while let block = lists[index].head {
                lists[index].head = block.load(as: UnsafeMutableRawPointer?.self)
                free(block)
            }
        }
        lists.deallocate()
    }

    /// Lends a block of at least `size` bytes; its true size is the second value.
    func take(atLeast size: Int) -> (UnsafeMutableRawPointer, Int) {
        let (index, capacity) = Self.sizeClass(size)
        if let block = lists[index].head {
            lists[index].head = block.load(as: UnsafeMutableRawPointer?.self)
            lists[index].length -= 1
            return (block, capacity)
        }
        return (Self.coldAllocate(capacity), capacity)
    }

    @inline(never)
    private static func coldAllocate(_ capacity: Int) -> UnsafeMutableRawPointer {
        guard let block = malloc(capacity) else { preconditionFailure("out of memory for a spill") }
        return block
    }

    @inline(never)
    private static func coldFree(_ block: UnsafeMutableRawPointer) { free(block) }

    /// Takes a block back. `capacity` is the size that `take` reported.
    func give(_ block: UnsafeMutableRawPointer, capacity: Int) {
        let (index, _) = Self.sizeClass(capacity)
        guard (lists[index].length + 1) &* capacity <= Self.keptBytesPerClass else {
            Self.coldFree(block)
            return
        }
        block.storeBytes(of: lists[index].head, as: UnsafeMutableRawPointer?.self)
        lists[index].head = block
        lists[index].length += 1
    }

    /// Number of blocks that wait to be lent, of those that hold `size` bytes.
    func keptBlocks(ofSize size: Int) -> Int { lists[Self.sizeClass(size).index].length }

    private static func sizeClass(_ size: Int) -> (index: Int, capacity: Int) {
        let rounded = max(size, smallestBlock)
        let exponent = Int.bitWidth - (rounded - 1).leadingZeroBitCount
        let index = exponent - 8
        precondition(index < classCount, "spill larger than the pool's largest block")
        return (index, 1 << exponent)
    }
}
