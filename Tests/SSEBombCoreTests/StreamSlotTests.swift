// Where the fields of a slot lie: what every event touches must stay in two cache lines.

import Testing

@testable import SSEBombCore

@Suite("Stream slot") struct StreamSlotTests {
    private func end<Field>(_ path: KeyPath<StreamSlot, Field>) -> Int {
        (MemoryLayout<StreamSlot>.offset(of: path) ?? .max) + MemoryLayout<Field>.size
    }

    @Test("What every event touches lies in the first two cache lines") func hotFields() {
        for bytes in [
            end(\.fd), end(\.generation), end(\.flags), end(\.life), end(\.dialect),
            end(\.emptySince), end(\.lastRead), end(\.tls), end(\.tokN), end(\.maxGap),
            end(\.events), end(\.tokens), end(\.chunked),
        ] {
            #expect(bytes <= 128)
        }
        // The parser's first 24 bytes are what an event in one piece needs.
        let parser = MemoryLayout<StreamSlot>.offset(of: \.sse)
        #expect(parser.map { $0 + 24 <= 128 } == true)
    }

    @Test("Slots begin on a cache line, an odd number of lines apart") func stride() {
        let stride = Slab<StreamSlot>.stride
        #expect(stride >= MemoryLayout<StreamSlot>.size)
        #expect(stride % 64 == 0 && stride / 64 % 2 == 1)
        let slab = Slab<StreamSlot>(capacity: 3)
        defer { slab.destroy() }
        #expect(UInt(bitPattern: slab[2]) - UInt(bitPattern: slab[0]) == UInt(2 * stride))
        #expect(UInt(bitPattern: slab[0]) % 64 == 0)
        let timer = MemoryLayout<StreamSlot>.offset(of: \.timer)
        #expect(
            UInt(bitPattern: slab.firstField(\.timer)) - UInt(bitPattern: slab[0])
                == UInt(timer ?? 0)
        )
    }
}
