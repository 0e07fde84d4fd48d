// HdrHistogram's V2 encoding: what others wrote is read, what is written reads back, and damaged
// input is refused by name.

import CSupport
import Testing

@testable import SSEBombCore

/// Written by the PyPI package `hdrhistogram` 0.10.8: i * i * 1000 + 17 for i in 1...1000, then 0,
/// 86,400 s, 300 times 2047 and 5 times 2048.
private let foreign = """
    HISTFAAAAeF4nJWPMWgUQRhG939767oeyxqPEOQMIkEkhCAiEoKEIBJERIOIWIiFiIWISBCxSJEiBhGRcESwCJIiRRBJ\
    aSUiFlZBLEQQLFOJhTb2Tmbvdmd2d/biPd73ff9wxd2hxystz9sbeunH77Z43qUXnVnPm/6TPvA74en+7419mwmrB/ga\
    sxzRiXi9h42QDw2+NHgesNhg0Wfd56PPts8mLMMaO+M9fIYteCu8Ez4JW8I34YewLfwS/gpvhAWWhCfCM6EjrAgvhVVh\
    TVgXNvRXXgnXuK64wU3FLW5zR3GXe9xnjgc85BHz6p5STHNGc5YZ5TnNecUFxUXFrOKy4oriqmKGUcYU49odjmec0JzM\
    OKWZ0E4wqZ3ktHZKOc5wl8PanCPaNEf0GtH2OJqZciwzZTQzZYwhWorBzF6aDFn2ssfBLHNt2lmmto1uq3+Y93CWcYnE\
    6sTSzqSwB4zXgUKm2pm3SauwWiV7mbfNIE0iQqWdeRe3i2Zpmd20VllzldtcbuKKHRfSXrnFZba5YoJdENbcYW1Xp73K\
    V6rrcme5zWVv10s1Ue1LVFqR88rTXv2N1K/1u0jFKl/lu+71/wl29Ro4rrpV30Htm/t2raDva26/l+Kqvquy+nJ3vn4u\
    wT+/z2rL
    """

private func sample(_ count: Int, seed: UInt64) -> HistogramSnapshot {
    let histogram = Histogram()
    defer { histogram.destroy() }
    var generator = SeededGenerator(seed: seed)
    for value in generator.latencies(count) { histogram.record(value) }
    return HistogramSnapshot(reading: histogram)
}

/// A plain V2 encoding with the given counts, every header field open to damage.
private func plain(
    cookie: UInt32 = 0x1c84_9313,
    length: UInt32? = nil,
    offset: UInt32 = 0,
    digits: UInt32 = 3,
    lowest: UInt64 = 1,
    highest: UInt64 = 86_400_000_000_000,
    ratio: Double = 1,
    _ payload: [UInt8]
) -> [UInt8] {
    var bytes: [UInt8] = []
    for word in [cookie, length ?? UInt32(payload.count), offset, digits] {
        bytes += bigEndian(word)
    }
    bytes += bigEndian(lowest)
    bytes += bigEndian(highest)
    bytes += bigEndian(ratio.bitPattern)
    return bytes + payload
}

private func bigEndian<Word: FixedWidthInteger>(_ word: Word) -> [UInt8] {
    withUnsafeBytes(of: word.bigEndian) { Array($0) }
}

private func decodingError(_ bytes: [UInt8]) -> HistogramDecodingError? {
    do {
        _ = try HistogramSnapshot.decode(base64: Base64.encode(bytes))
        return nil
    } catch { return error }
}

@Suite struct HistogramEncodingTests {
    @Test func `a histogram written by another implementation is read`() throws {
        let decoded = try HistogramSnapshot.decode(base64: foreign)
        let histogram = Histogram()
        defer { histogram.destroy() }
        for i in Int64(1)...1_000 { histogram.record(i * i * 1_000 + 17) }
        histogram.record(0)
        histogram.record(86_400_000_000_000)
        histogram.record(2_047, count: 300)
        histogram.record(2_048, count: 5)
        let expected = HistogramSnapshot(reading: histogram)
        #expect(decoded.buckets.elementsEqual(expected.buckets))
        #expect(decoded.count == 1_307)
        // As the other implementation states them. It rounds a rank to the nearest instead of up;
        // these ranks are the same either way.
        #expect(decoded.percentile(50) == 121_110_527)
        #expect(decoded.percentile(99) == 976_224_255)
        #expect(decoded.percentile(99.9) == 1_000_341_503)
        #expect(decoded.percentile(100) == 86_449_101_733_887)
        #expect(abs(decoded.standardDeviation / 2_389_365_327_160.2627 - 1) < 1e-12)
    }

    @Test func `an empty histogram written by another implementation is read as empty`() throws {
        let text = "HISTFAAAAB54nJNpmSzMgADMUJqRgcFvykR/Bgb7DxABAFASBDw="
        #expect(try HistogramSnapshot.decode(base64: text) == HistogramSnapshot())
    }

    @Test(arguments: [0, 1, 2, 50, 3_000, 20_000])
    func `what is written reads back cell by cell`(count: Int) throws {
        let snapshot = sample(count, seed: UInt64(count))
        let decoded = try HistogramSnapshot.decode(base64: snapshot.base64V2())
        #expect(decoded.count == UInt64(count))
        #expect(decoded.buckets.elementsEqual(snapshot.buckets))
        #expect(try HistogramSnapshot.decode(snapshot.encodedV2()) == decoded)
        #expect(decoded.min <= snapshot.min && decoded.max >= snapshot.max)
        #expect(abs(decoded.mean - snapshot.mean) <= snapshot.mean * 0.001)
    }

    @Test(
        arguments: [1, 63, 64, 8_191, 8_192, 1 << 34, 1 << 55, (1 << 62) - 1, Int64.max] as [Int64]
    )
    func `counts of every length read back`(count: Int64) throws {
        let snapshot = HistogramSnapshot(cells: [38_911], counts: [UInt64(count)])
        #expect(try HistogramSnapshot.decode(base64: snapshot.base64V2()) == snapshot)
    }

    @Test func `the bytes are those of the format`() {
        let snapshot = HistogramSnapshot(cells: [1, 2, 5], counts: [1, 64, 2])
        // A lone 0, 1, 64, two zeros, 2.
        #expect(snapshot.encodedV2() == plain([0, 2, 0x80, 1, 3, 4]))
        let packed = snapshot.encodedV2Compressed()
        #expect(Array(packed.prefix(4)) == [0x1c, 0x84, 0x93, 0x14])
        #expect(Array(packed[4..<8]) == bigEndian(UInt32(packed.count - 8)))
    }

    @Test func `writers with another range are read as far as the ranges agree`() throws {
        let decoded = try HistogramSnapshot.decode(plain(highest: 3_600_000_000_000, [2, 4]))
        #expect(decoded.count == 3)
        #expect(decoded.max == 1)
    }
}

@Suite struct HistogramDamageTests {
    @Test(
        arguments: [
            ([], .truncated),
            ([0x1c, 0x84, 0x93], .truncated),
            ([1, 2, 3, 4, 5, 6, 7, 8], .unknownFormat(cookie: 0x0102_0304)),
            (plain(cookie: 0x1c84_9301, []), .unknownFormat(cookie: 0x1c84_9301)),
            (Array(plain([2]).prefix(39)), .truncated),
            (plain(length: 2, [2]), .truncated),
            (plain(length: 0, [2]), .wrongLength),
            (plain(length: .max, [2]), .truncated),
            (plain(offset: 1, [2]), .otherLayout),
            (plain(digits: 2, [2]), .otherLayout),
            (plain(lowest: 1_000, [2]), .otherLayout),
            (plain(highest: 1, [2]), .otherLayout),
            (plain(highest: .max, [2]), .otherLayout),
            (plain(ratio: 2, [2]), .otherLayout),
            (plain(ratio: .nan, [2]), .otherLayout),
            (plain([0x80]), .truncated),
            // A run of 38,912 zeros and a count behind it.
            (plain([0xff, 0xdf, 0x04, 2]), .valueOutOfRange),
            // A run of 2^63 zeros: the least number there is.
            (plain([UInt8](repeating: 0xff, count: 9)), .valueOutOfRange),
            // Twice 2^63 - 1.
            (
                plain(
                    ([0xfe] + [UInt8](repeating: 0xff, count: 8))
                        + ([0xfe] + [UInt8](repeating: 0xff, count: 8))
                ),
                .countOverflow
            ),
            ([0x1c, 0x84, 0x93, 0x14, 0, 0, 0, 9, 0x78], .truncated),
            ([0x1c, 0x84, 0x93, 0x14, 0, 0, 0, 0, 0x78], .wrongLength),
            ([0x1c, 0x84, 0x93, 0x14, 0xff, 0xff, 0xff, 0xff, 0x78], .tooLarge),
            ([0x1c, 0x84, 0x93, 0x14, 0, 0, 0, 0], .truncated),
            ([0x1c, 0x84, 0x93, 0x14, 0, 0, 0, 2, 0x78, 0x9c], .truncated),
            ([0x1c, 0x84, 0x93, 0x14, 0, 0, 0, 3, 1, 2, 3], .damagedCompression),
        ] as [([UInt8], HistogramDecodingError)]
    )
    func `damaged bytes are refused by name`(bytes: [UInt8], error: HistogramDecodingError) {
        #expect(decodingError(bytes) == error)
    }

    @Test(arguments: ["A", "AA=", "AB==", "AAB=", "====", "A===", "AA=A", "AA A", "HIST\n", "HIS_"])
    func `text that is not canonical base64 is refused`(text: String) {
        #expect(throws: HistogramDecodingError.notBase64) {
            try HistogramSnapshot.decode(base64: text)
        }
    }

    @Test func `text longer than any histogram is refused unread`() {
        let text = String(repeating: "A", count: 4_000_000)
        #expect(throws: HistogramDecodingError.tooLarge) {
            try HistogramSnapshot.decode(base64: text)
        }
    }

    @Test func `a stream that expands beyond any histogram is refused`() {
        // Zero runs of one: 1 MiB of zero bytes, packed a thousandfold.
        let bomb = packed([UInt8](repeating: 0, count: 1 << 20))
        #expect(bomb.count < 2_000)
        #expect(decodingError(bomb) == .tooLarge)
    }

    @Test func `bytes behind the compressed stream are refused`() {
        #expect(decodingError(packed(plain([2]), trailing: [0])) == .wrongLength)
        #expect(decodingError(packed(plain([2]))) == nil)
    }

    @Test func `every cut of a sound encoding is refused`() {
        let whole = sample(200, seed: 4).encodedV2Compressed()
        for length in 0..<whole.count { #expect(decodingError(Array(whole.prefix(length))) != nil) }
        #expect(decodingError(whole) == nil)
    }

    @Test func `a flipped bit anywhere is refused or changes nothing that is read`() throws {
        let whole = sample(200, seed: 5).encodedV2Compressed()
        let sound = try HistogramSnapshot.decode(whole)
        for bit in 0..<(whole.count * 8) {
            var damaged = whole
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            // A bit of the zlib header may be free; the checksum guards all that is read.
            let decoded = try? HistogramSnapshot.decode(damaged)
            #expect(decoded == nil || decoded == sound)
        }
    }

    @Test func `random payloads never do worse than an error`() {
        var generator = SeededGenerator(seed: 6)
        for _ in 0..<2_000 {
            let length = Int.random(in: 0...40, using: &generator)
            let payload = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            guard let decoded = try? HistogramSnapshot.decode(plain(payload)) else { continue }
            #expect(decoded.buckets.allSatisfy { $0.count > 0 })
            #expect(decoded.percentile(99) >= decoded.percentile(1))
        }
    }

    /// Wraps bytes as the compressed encoding does, through zlib's stored blocks where `snapshot`
    /// encodings can't express them.
    private func packed(_ bytes: [UInt8], trailing: [UInt8] = []) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: csup_deflate_bound(bytes.count))
        var written = 0
        #expect(csup_deflate(bytes, bytes.count, &output, output.count, &written) == CSUP_ZLIB_OK)
        let stream = Array(output.prefix(written)) + trailing
        return [0x1c, 0x84, 0x93, 0x14] + bigEndian(UInt32(stream.count)) + stream
    }
}

@Suite struct Base64Tests {
    @Test(
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
        ])
    func `RFC 4648's vectors hold in both directions`(plain: String, text: String) throws {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(try Base64.decode(Array(text.utf8)) == Array(plain.utf8))
    }

    @Test func `every byte value reads back at every length`() throws {
        let bytes = (0...255).map { UInt8($0) }
        for length in 0...256 {
            let part = Array(bytes.prefix(length))
            #expect(try Base64.decode(Array(Base64.encode(part).utf8)) == part)
        }
    }
}
