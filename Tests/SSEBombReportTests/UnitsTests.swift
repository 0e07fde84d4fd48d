// How durations, rates, bytes and counts are spelled.

import Testing

@testable import SSEBombReport

@Suite struct UnitsTests {
    @Test(
        "a duration has three significant digits and the unit that suits it",
        arguments: [
            (0, "0 ns"), (1, "1 ns"), (999, "999 ns"), (1_000, "1.00 µs"), (9_994, "9.99 µs"),
            (9_995, "10.0 µs"), (99_949, "99.9 µs"), (99_950, "100 µs"), (999_499, "999 µs"),
            (999_500, "1.00 ms"), (12_340_000, "12.3 ms"), (999_999_999, "1.00 s"),
            (83_200_000_000, "83.2 s"), (999_000_000_000, "999 s"), (1_000_000_000_000, "16.7 min"),
            (7_200_000_000_000, "2.00 h"), (86_400_000_000_000, "24.0 h"), (-1_500_000, "-1.50 ms"),
            (Int64.min, "-2,562,048 h"),
        ] as [(Int64, String)]
    )
    func duration(_ nanoseconds: Int64, _ text: String) {
        #expect(Units.duration(nanoseconds) == text)
        let narrow = text.split(separator: " ").joined()
        #expect(Units.duration(nanoseconds, separator: "") == narrow)
    }

    @Test(
        "a setting is printed exactly as it was made",
        arguments: [
            (0, "0 s"), (60_000_000_000, "60 s"), (120_000_000_000, "2 min"),
            (90_000_000_000, "90 s"), (1_500_000_000, "1,500 ms"), (20_000, "20 µs"), (7, "7 ns"),
        ] as [(Int64, String)]
    )
    func setting(_ nanoseconds: Int64, _ text: String) {
        #expect(Units.setting(nanoseconds) == text)
    }

    @Test(
        "bytes have decimal prefixes",
        arguments: [
            (0, "0 B"), (999, "999 B"), (1_000, "1.00 kB"), (4_096, "4.10 kB"),
            (999_999, "1.00 MB"), (1_234_567_890, "1.23 GB"), (5_000_000_000_000, "5.00 TB"),
        ] as [(UInt64, String)]
    )
    func bytes(_ count: UInt64, _ text: String) {
        #expect(Units.bytes(count) == text)
    }

    @Test(
        "a rate keeps all its digits before the point",
        arguments: [
            (0, "0"), (0.01234, "0.0123"), (0.5, "0.500"), (1, "1.00"), (9.996, "10.0"),
            (99.96, "100"), (20_123.4, "20,123"), (1_234_567.8, "1,234,568"), (.infinity, "-"),
            (.nan, "-"), (1e300, "1e+300"),
        ] as [(Double, String)]
    )
    func rate(_ perSecond: Double, _ text: String) {
        #expect(Units.rate(perSecond) == text)
    }

    @Test(
        "a count has thousands separators",
        arguments: [
            (0, "0"), (999, "999"), (1_000, "1,000"), (123_456, "123,456"),
            (1_234_567, "1,234,567"), (-1_234, "-1,234"), (Int.min, "-9,223,372,036,854,775,808"),
        ]
    )
    func count(_ count: Int, _ text: String) {
        #expect(Units.count(count) == text)
    }

    @Test(
        "rounding never hides a part or completes a whole",
        arguments: [
            (0, 10, "0 %"), (10, 10, "100 %"), (1, 100_000_000, "<0.01 %"), (5, 1_000, "0.50 %"),
            (1, 3, "33.3 %"), (99_999, 100_000, ">99.9 %"), (999, 1_000, "99.9 %"),
        ] as [(UInt64, UInt64, String)]
    )
    func share(_ part: UInt64, _ whole: UInt64, _ text: String) {
        #expect(Units.share(part, of: whole) == text)
    }

    @Test(
        "a share that somebody set keeps all its digits",
        arguments: [
            (0, "0 %"), (1, "100 %"), (0.07, "7 %"), (0.29, "29 %"), (0.00001, "0.001 %"),
            (0.999_995, "99.9995 %"), (0.123_456_789, "12.3456789 %"), (1e-16, "1e-14 %"),
        ]
    )
    func exactShare(_ share: Double, _ text: String) { #expect(Units.exactShare(share) == text) }

    @Test("there is no share of nothing")
    func shareOfNothing() {
        #expect(Units.share(0, of: 0) == nil)
        #expect(Units.share(.nan) == "-")
    }
}

@Suite struct TimestampTests {
    @Test(
        "a time is RFC 3339 in UTC with milliseconds",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_738_324_800_123_999_999, "2025-01-31T12:00:00.123Z"),
            (1_709_210_096_000_000_000, "2024-02-29T12:34:56.000Z"),
            (-1_000_000, "1969-12-31T23:59:59.999Z"),
        ] as [(Int64, String)]
    )
    func timestamp(_ nanoseconds: Int64, _ text: String) {
        #expect(Timestamp.rfc3339(nanoseconds) == text)
    }
}

@Suite struct PrintableTextTests {
    @Test(
        "whatever could steer a terminal is escaped",
        arguments: [
            ("plain text", "plain text"), ("a\r\n\tb", "a\\r\\n\\tb"),
            ("\u{1b}[2J\u{7}\u{0}", "\\x1b[2J\\x07\\x00"), ("\u{7f}", "\\x7f"),
            ("\u{9b}31m", "\\u{9b}31m"), ("a\u{202e}b\u{2028}", "a\\u{202e}b\\u{2028}"),
            ("größer 世界 😀", "größer 世界 😀"), (#"{"a":"\n"}"#, #"{"a":"\n"}"#),
        ]
    )
    func escapes(_ raw: String, _ shown: String) {
        #expect(PrintableText.line(raw) == shown)
    }

    @Test(
        "bytes that are not UTF-8 are shown as numbers",
        arguments: [
            ([0xff], "\\xff"), ([0x41, 0xc3], "A\\xc3"), ([0xc0, 0x80], "\\xc0\\x80"),
            ([0xed, 0xa0, 0x80], "\\xed\\xa0\\x80"),
            ([0xf4, 0x90, 0x80, 0x80], "\\xf4\\x90\\x80\\x80"),
            ([0xe4, 0xb8, 0x41], "\\xe4\\xb8A"),
        ] as [([UInt8], String)]
    )
    func invalid(_ raw: [UInt8], _ shown: String) {
        #expect(PrintableText.escaped(raw) == shown)
    }

    @Test("a long text ends with an ellipsis on its last line")
    func wrapping() {
        #expect(PrintableText.wrapped("abcdefgh", columns: 3, lines: 3) == ["abc", "def", "gh"])
        #expect(PrintableText.wrapped("abcdefghij", columns: 3, lines: 3) == ["abc", "def", "gh…"])
        #expect(PrintableText.wrapped("", columns: 3, lines: 3) == [])
        #expect(PrintableText.line("abcdef", limit: 4) == "abc…")
        #expect(PrintableText.line("abcd", limit: 4) == "abcd")
    }
}
