// Fuzz target: finding and reading a response head. The head must be found at the same place
// however the bytes arrive, and whatever is accepted must obey its own rules.

/// Scans byte by byte prefix against the whole, then reads what was found.
func fuzzHead(_ input: UnsafeRawBufferPointer) {
    // Small, so that inputs of a fuzzer's usual size reach it.
    let limits = WireLimits(headBytes: 512)
    let whole = ResponseHead.scan(input, from: 0, limits: limits)
    expect(scanInPieces(input, limits) == whole, "the head ends elsewhere when it comes in pieces")
    guard case .complete(let length) = whole else { return }
    expect(length > 0 && length <= min(input.count, 512), "the head ends outside its bytes")
    readHead(UnsafeRawBufferPointer(rebasing: input[0..<length]))
}

private func scanInPieces(
    _ input: UnsafeRawBufferPointer,
    _ limits: WireLimits
) -> HeadScan {
    var resume = 0
    for end in Pieces(of: input).cuts {
        let prefix = UnsafeRawBufferPointer(rebasing: input[0..<end])
        let scan = ResponseHead.scan(prefix, from: resume, limits: limits)
        guard case .needMore(let next) = scan else { return scan }
        expect(next >= 0 && next <= end, "the scan resumes outside its bytes")
        resume = next
    }
    return ResponseHead.scan(input, from: resume, limits: limits)
}

private func readHead(_ bytes: UnsafeRawBufferPointer) {
    let result = ResponseHead.parse(bytes)
    expect(result == ResponseHead.parse(bytes), "reading a head twice gives two answers")
    guard case .success(let head) = result else { return }
    expect((100...599).contains(head.status), "status \(head.status) was accepted")
    expect(head.contentLength <= UInt64(Int64.max), "Content-Length exceeds 63 bits")
    _ = ResponseHead.fields(of: bytes)
    for isHead in [false, true] {
        let framing = BodyFraming.of(head, requestMethodIsHEAD: isHead)
        let mayReuse = BodyFraming.mayReuse(head, framing: framing, requestAskedClose: false)
        expect(!(mayReuse && framing == .untilClose), "a close-framed connection is reused")
        expect(!(mayReuse && head.hasClose), "a connection that closes is reused")
        let afterClose = BodyFraming.mayReuse(head, framing: framing, requestAskedClose: true)
        expect(!afterClose, "a connection that was asked to close is reused")
    }
}
