// Fuzz target: the reader of send times. What it finds must depend on the event's bytes alone and
// be a positive number, and a plain whole number must be found as what it is.

/// Reads the input as the data of one event by several paths.
func fuzzSendTime(_ input: UnsafeRawBufferPointer) {
    let t = JSONPath.Step(key: Array("t".utf8), index: nil)
    let zero = JSONPath.Step(key: Array("0".utf8), index: 0)
    for steps in [[], [t], [zero], [t, zero], [zero, t], [zero, zero, zero]] {
        for unit in SendTimePath.Unit.allCases {
            let reader = SendTimeReader(SendTimePath(path: JSONPath(steps: steps), unit: unit))
            defer { reader.destroy() }
            let found = time(input, reader)
            expect(found == time(input, reader), "two readings of one event differ")
            if let found { expect(found > 0, "a time of \(found)") }
            for cut in Pieces(of: input).cuts where cut < input.count {
                _ = time(UnsafeRawBufferPointer(rebasing: input[0..<cut]), reader)
            }
            if steps.isEmpty, unit == .ns { checkWhole(input, found) }
        }
    }
}

/// Reads a copy of exact size.
private func time(_ data: UnsafeRawBufferPointer, _ reader: SendTimeReader) -> Int64? {
    var found: Int64?
    Pieces().forEach(in: data) { copy in
        found = reader.read(copy)
        return false
    }
    return found
}

/// Digits alone are read by the standard library as well.
private func checkWhole(_ data: UnsafeRawBufferPointer, _ found: Int64?) {
    let isDigits = !data.isEmpty && data.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    guard isDigits else { return }
    let value = Int64(String(decoding: data, as: UTF8.self)).flatMap { $0 > 0 ? $0 : nil }
    expect(
        found == value,
        "\(String(decoding: data, as: UTF8.self)) was read as \(String(describing: found))"
    )
}
