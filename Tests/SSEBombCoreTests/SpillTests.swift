// Spills and their pool: bytes survive growth, memory goes back and comes again, and what the pool
// keeps is bounded. Also the ring of ready slots, the other small container of a loop.

import Testing

@testable import SSEBombCore

@Suite("Spill") struct SpillTests {
    @Test("Appended pieces of any size read back as one", arguments: 1...5)
    func appending(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pool = SpillPool()
        defer { pool.destroy() }
        var spill = Spill()
        defer { spill.release(to: pool) }
        var expected: [UInt8] = []
        for _ in 0..<200 {
            if Int.random(in: 0..<10, using: &random) == 0 {
                let length = Int.random(in: 0...expected.count, using: &random)
                spill.truncate(to: length)
                expected.removeLast(expected.count - length)
            }
            let length = Int.random(in: 0...700, using: &random)
            let piece = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            piece.withUnsafeBytes { bytes in
                if let base = bytes.baseAddress { spill.append(base, bytes.count, pool: pool) }
            }
            expected += piece
            #expect(spill.bytes.elementsEqual(expected))
            #expect(spill.count == expected.count && spill.isEmpty == expected.isEmpty)
        }
    }

    @Test("An empty spill holds no memory, before the first byte and after release")
    func emptyHoldsNothing() {
        let pool = SpillPool()
        defer { pool.destroy() }
        var spill = Spill()
        #expect(spill.base == nil)
        var byte: UInt8 = 7
        spill.append(&byte, 0, pool: pool)
        #expect(spill.base == nil && spill.capacity32 == 0)
        spill.append(&byte, 1, pool: pool)
        #expect(spill.base != nil && Int(spill.capacity32) == SpillPool.smallestBlock)
        spill.release(to: pool)
        #expect(spill.base == nil && spill.isEmpty && spill.capacity32 == 0)
        spill.release(to: pool)
        #expect(spill.bytes.isEmpty)
    }

    @Test(
        "A block is the smallest power of two that holds what is asked, from 256 bytes on",
        arguments: zip(
            [0, 1, 255, 256, 257, 512, 513, 65_536, 65_537],
            [256, 256, 256, 256, 512, 512, 1_024, 65_536, 131_072]
        )
    )
    func blockSizes(asked: Int, expected: Int) {
        let pool = SpillPool()
        defer { pool.destroy() }
        let (block, capacity) = pool.take(atLeast: asked)
        #expect(capacity == expected)
        pool.give(block, capacity: capacity)
    }

    @Test("A block given back is the next one lent")
    func reuse() {
        let pool = SpillPool()
        defer { pool.destroy() }
        let (first, capacity) = pool.take(atLeast: 300)
        pool.give(first, capacity: capacity)
        let (smaller, smallerCapacity) = pool.take(atLeast: 200)
        #expect(smaller != first)
        let (again, _) = pool.take(atLeast: 512)
        #expect(again == first)
        pool.give(again, capacity: 512)
        pool.give(smaller, capacity: smallerCapacity)
    }

    @Test("At most 1 MiB a size is kept", arguments: [4_096, 262_144, 1 << 20, 2 << 20])
    func keptIsBounded(size: Int) {
        let pool = SpillPool()
        defer { pool.destroy() }
        let most = SpillPool.keptBytesPerClass / size
        let blocks = (0..<(most + 3)).map { _ in pool.take(atLeast: size).0 }
        #expect(pool.keptBlocks(ofSize: size) == 0)
        for block in blocks { pool.give(block, capacity: size) }
        #expect(pool.keptBlocks(ofSize: size) == most)
    }
}

@Suite("Ready ring") struct ReadyRingTests {
    @Test("Slots come out in the order in which they went in, around the end any number of times")
    func order() {
        var random = SeededRandom(seed: 3)
        for capacity in [1, 2, 3, 7, 64] {
            let ring = ReadyRing(capacity: capacity)
            defer { ring.destroy() }
            var model: [UInt32] = []
            for number in 0..<UInt32(500) {
                if model.count < capacity, Bool.random(using: &random) {
                    ring.push(number)
                    model.append(number)
                } else {
                    #expect(ring.pop() == model.first)
                    if !model.isEmpty { model.removeFirst() }
                }
                #expect(ring.isEmpty == model.isEmpty)
            }
        }
    }

    @Test("An empty ring has nothing, one for no slot included") func empty() {
        for capacity in [0, 1, 5] {
            let ring = ReadyRing(capacity: capacity)
            defer { ring.destroy() }
            #expect(ring.isEmpty)
            #expect(ring.pop() == nil)
        }
    }

    @Test("A full ring gives back every slot") func full() {
        let ring = ReadyRing(capacity: 4)
        defer { ring.destroy() }
        for round in 0..<3 {
            for index in 0..<UInt32(4) { ring.push(index &+ UInt32(round)) }
            for index in 0..<UInt32(4) { #expect(ring.pop() == index &+ UInt32(round)) }
            #expect(ring.isEmpty)
        }
    }
}
