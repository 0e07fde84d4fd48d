// Counts of short texts that come off the wire: finish reasons, event types. Bounded, so that a
// server that invents a name per event can't make the client grow.

/// Up to 16 names of up to 48 bytes; everything beyond is counted as "other".
///
/// A handle over its own memory; one writer, read after the loop has ended.
struct NameCounts {
    private static let capacity = 16
    private static let nameBytes = 48

    private struct Entry {
        var length: UInt8 = 0
        var count: UInt64 = 0
    }

    private struct State {
        var used = 0
        var other: UInt64 = 0
        /// The entry that the last name matched: names come in runs.
        var last = 0
    }

    private let entries: UnsafeMutablePointer<Entry>
    private let names: UnsafeMutableRawPointer
    private let state: UnsafeMutablePointer<State>

    init() {
        entries = .allocate(capacity: Self.capacity)
        entries.initialize(repeating: Entry(), count: Self.capacity)
        names = .allocate(byteCount: Self.capacity * Self.nameBytes, alignment: 16)
        state = .allocate(capacity: 1)
        state.initialize(to: State())
    }

    func destroy() {
        entries.deallocate()
        names.deallocate()
        state.deallocate()
    }

    /// Counts one occurrence of `name`.
    func count(_ name: UnsafeRawBufferPointer) {
        if state.pointee.last < state.pointee.used, matches(state.pointee.last, name) {
            entries[state.pointee.last].count &+= 1
            return
        }
        for index in 0..<state.pointee.used where matches(index, name) {
            entries[index].count &+= 1
            state.pointee.last = index
            return
        }
        guard name.count <= Self.nameBytes, state.pointee.used < Self.capacity else {
            state.pointee.other &+= 1
            return
        }
        let index = state.pointee.used
        if let source = name.baseAddress {
            (names + index * Self.nameBytes).copyMemory(from: source, byteCount: name.count)
        }
        entries[index] = Entry(length: UInt8(name.count), count: 1)
        state.pointee.used += 1
    }

    /// The counts by name; names are decoded as UTF-8 with replacement.
    func all() -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for index in 0..<state.pointee.used {
            let bytes = UnsafeRawBufferPointer(
                start: names + index * Self.nameBytes,
                count: Int(entries[index].length)
            )
            result[String(decoding: bytes, as: UTF8.self), default: 0] += entries[index].count
        }
        if state.pointee.other > 0 { result["other", default: 0] += state.pointee.other }
        return result
    }

    private func matches(_ index: Int, _ name: UnsafeRawBufferPointer) -> Bool {
        guard Int(entries[index].length) == name.count else { return false }
        let kept = names + index * Self.nameBytes
        for offset in 0..<name.count
        where kept.load(fromByteOffset: offset, as: UInt8.self) != name[offset] {
            return false
        }
        return true
    }
}
