// Walks a JSON text to the place that a path names, in place, by steps that were laid out before
// the clock started. Runs per event where it is asked for: allocates nothing. Knows not what the
// value means.

/// A `JSONPath` in flat memory. A handle; made and destroyed by the coordinator, read by loops.
struct JSONPathReader: @unchecked Sendable {
    // Unchecked: nobody writes the memory between `init` and `destroy`.
    private struct Step: BitwiseCopyable {
        /// No address where the step fits no object: an empty key is a key.
        var key: UnsafeRawBufferPointer
        /// -1 where it fits no array.
        var index: Int
    }

    private let steps: UnsafeMutablePointer<Step>
    let count: Int

    init(_ path: JSONPath) {
        count = path.steps.count
        steps = .allocate(capacity: max(1, count))
        for (place, step) in path.steps.enumerated() {
            var key = UnsafeRawBufferPointer(start: nil, count: 0)
            if let bytes = step.key {
                let memory = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: max(1, bytes.count),
                    alignment: 1
                )
                memory.copyBytes(from: bytes)
                key = UnsafeRawBufferPointer(start: memory.baseAddress, count: bytes.count)
            }
            (steps + place).initialize(to: Step(key: key, index: step.index ?? -1))
        }
    }

    func destroy() {
        for place in 0..<count { steps[place].key.deallocate() }
        steps.deallocate()
    }

    /// A scanner at the first byte of the value at the path's end. Nil where the path leads
    /// nowhere, or the text is malformed on the way. What follows is not read.
    func find(in data: UnsafeRawBufferPointer) -> JSONScanner? {
        guard let base = data.baseAddress else { return nil }
        var scanner = JSONScanner(base, base + data.count)
        scanner.skipSpace()
        for place in 0..<count {
            switch scanner.byte {
            case UInt8(ascii: "{"):
                guard enterMember(steps[place].key, place + 1, &scanner) else { return nil }
            case UInt8(ascii: "["):
                guard enterElement(steps[place].index, place + 1, &scanner) else { return nil }
            default: return nil
            }
        }
        return scanner
    }

    /// Moves to the value of the first member with this key.
    private func enterMember(
        _ key: UnsafeRawBufferPointer,
        _ depth: Int,
        _ scanner: inout JSONScanner
    ) -> Bool {
        guard key.baseAddress != nil else { return false }
        var step = scanner.enterObject()
        while step == .item {
            if scanner.takeKey(key) { return scanner.passColon() }
            guard scanner.skipKey(), scanner.passColon(), scanner.skipValue(depth: depth) else {
                return false
            }
            step = scanner.nextMember()
        }
        return false
    }

    /// Moves to an element.
    private func enterElement(
        _ index: Int,
        _ depth: Int,
        _ scanner: inout JSONScanner
    ) -> Bool {
        guard index >= 0 else { return false }
        var step = scanner.enterArray()
        var left = index
        while step == .item {
            if left == 0 { return true }
            guard scanner.skipValue(depth: depth) else { return false }
            left -= 1
            step = scanner.nextElement()
        }
        return false
    }
}
