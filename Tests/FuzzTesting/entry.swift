// The one entry of all fuzz targets. The binary is compiled once and linked under one name a
// target: the name it was started by chooses what the input is fed to. Knows the targets' names
// and nothing of what they check.

import Glibc

/// One fuzz target: traps when a property doesn't hold, and returns otherwise.
typealias FuzzTarget = (UnsafeRawBufferPointer) -> Void

private let names = [
    "head", "chunks", "sse", "probe", "sendtime", "connection", "trace", "rows", "template", "curl",
]

nonisolated(unsafe) private var target: FuzzTarget = { _ in
    stop("the name of the binary is none of: \(names.joined(separator: " "))")
}

/// libFuzzer's set-up hook; `argv[0]` carries the target's name.
@_cdecl("LLVMFuzzerInitialize")
func initialize(
    _ argc: UnsafeMutablePointer<CInt>?,
    _ argv: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>?
) -> CInt {
    guard let path = argv?.pointee?.pointee else { return 0 }
    let name = String(cString: path).split(separator: "/").last.map(String.init)
    switch name {
    case "head": target = fuzzHead
    case "chunks": target = fuzzChunks
    case "sse": target = fuzzSSE
    case "probe": target = fuzzProbe
    case "sendtime": target = fuzzSendTime
    case "connection": target = fuzzConnection
    case "trace": target = fuzzTrace
    case "rows": target = fuzzRows
    case "template": target = fuzzTemplate
    case "curl": target = fuzzCurl
    default: break
    }
    return 0
}

/// libFuzzer's entry: one input. The bytes live exactly as long as the call, in a block of exactly
/// their size, so that the address sanitizer sees every read outside.
@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
}

/// Ends the process the way libFuzzer recognises as a finding, after one sentence on stderr.
func stop(_ sentence: String) -> Never {
    let line = "property violated: \(sentence)\n"
    _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    abort()
}

/// Ends the process with `sentence` unless `condition` holds.
func expect(_ condition: Bool, _ sentence: @autoclosure () -> String) {
    if !condition { stop(sentence()) }
}

/// The pieces of one input, each in a block of its own and exact size.
struct Pieces {
    /// Where the input is cut, ascending.
    let cuts: [Int]

    /// Two cuts, taken from the bytes themselves: the same input is always cut alike, so that a
    /// finding can be repeated, and a changed byte moves the cuts.
    init(of input: UnsafeRawBufferPointer) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in input { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        let span = UInt64(input.count + 1)
        let first = Int(hash % span)
        let second = Int((hash >> 29) % span)
        cuts = [min(first, second), max(first, second)]
    }

    /// Cut nowhere.
    init() { cuts = [] }

    /// Calls `body` with each piece in turn until it returns false. A piece is gone when `body`
    /// returns: whoever kept a pointer into it reads freed memory.
    func forEach(
        in input: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Bool
    ) {
        var start = 0
        for end in cuts + [input.count] {
            let copy = UnsafeMutableRawBufferPointer.allocate(
                byteCount: end - start,
                alignment: 1
            )
            copy.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[start..<end]))
            let goesOn = body(UnsafeRawBufferPointer(copy))
            copy.deallocate()
            if !goesOn { return }
            start = end
        }
    }
}
