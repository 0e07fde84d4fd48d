// The values of traces: times, date-times, numbers of tokens, fields of CSV and block numbers, good
// ones and what nearly is.

import Foundation
import Testing

@testable import SSEBombCore

/// `text` in memory that ends at a forbidden page.
private func read<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    GuardedBuffer(Array(text.utf8)).withBytes(body)
}

@Suite("Values of traces") struct TraceFieldsTests {
    @Test(
        "Decimal times become nanoseconds without rounding up",
        arguments: [
            ("0", 9, 0), ("1", 9, 1_000_000_000), ("27482", 6, 27_482_000_000),
            ("1.5", 9, 1_500_000_000), (".25", 6, 250_000), ("0.123456789", 9, 123_456_789),
            ("0.1234567899", 9, 123_456_789), ("2.5e-1", 9, 250_000_000),
            ("1E+3", 6, 1_000_000_000),
            ("1e0", 9, 1_000_000_000), ("00012", 9, 12_000_000_000), ("1e-99", 9, 0),
            ("9223372036", 9, 9_223_372_036_000_000_000),
            ("0.00000000000000000000000000000000000000000001", 9, 0),
        ] as [(String, Int, Int64)]
    )
    func decimal(text: String, unit: Int, expected: Int64) {
        #expect(read(text) { TraceFields.decimal($0, unit: unit) } == expected)
    }

    @Test(
        "What is no such number is refused",
        arguments: [
            "", ".", "-1", "+1", "1.2.3", "1e", "1e+", "1e123", "0x10", "1 ", " 1", "nan", "\"1\"",
            "9223372037", "99999999999999999999", "1e99", "1,5", "null",
        ]
    )
    func notDecimal(text: String) {
        #expect(read(text) { TraceFields.decimal($0, unit: 9) } == nil)
    }

    @Test(
        "Numbers of tokens are whole, also where a table wrote them as fractions",
        arguments: [
            ("0", 0), ("512", 512), ("7.0", 7), ("7.000", 7), ("7.5", nil), ("7.", nil), ("", nil),
            ("-1", nil), ("1e3", nil), ("999999999999999999", 999_999_999_999_999_999),
            ("1000000000000000000000", nil), ("1_000", nil),
        ] as [(String, UInt64?)]
    )
    func tokens(text: String, expected: UInt64?) {
        #expect(read(text) { TraceFields.tokens($0) } == expected)
    }

    @Test("Date-times are those of the calendar that Foundation keeps")
    func dateTime() throws {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "yyyy-MM-dd HH:mm:ss"
        for day in stride(from: 0, to: 80_000, by: 37) {
            let date = Date(timeIntervalSince1970: Double(day) * 86_400 + 3_661)
            let text = formatter.string(from: date)
            let expected = (Int64(day) * 86_400 + 3_661) * 1_000_000_000
            #expect(read(text) { TraceFields.dateTime($0) } == expected, "\(text)")
        }
    }

    @Test(
        "Fractions and zones of date-times",
        arguments: [
            ("2023-11-16 18:15:46.6805900", 680_590_000), ("2023-11-16T18:15:46.5Z", 500_000_000),
            ("2023-11-16 18:15:46.123456789", 123_456_789), ("2023-11-16 18:15:46", 0),
            ("2023-11-16 20:15:46.000001+02:00", 1_000), ("2023-11-16 12:45:46-05:30", 0),
        ] as [(String, Int64)]
    )
    func fraction(text: String, nanoseconds: Int64) {
        let whole: Int64 = 1_700_158_546_000_000_000
        #expect(read(text) { TraceFields.dateTime($0) } == whole + nanoseconds)
    }

    @Test(
        "What is no date-time is refused",
        arguments: [
            "", "2023-11-16", "2023-11-16 18:15", "2023-13-16 18:15:46", "2023-02-29 00:00:00",
            "2023-11-31 00:00:00", "2023-11-16 24:00:00", "2023-11-16 18:60:46",
            "23-11-16 18:15:46",
            "2023-11-16 18:15:46.", "2023-11-16 18:15:46.1234567890", "2023-11-16 18:15:46+0200",
            "2023-11-16 18:15:46 UTC", "1969-12-31 23:59:59", "2023/11/16 18:15:46", "18:15:46",
        ]
    )
    func notDateTime(text: String) {
        #expect(read(text) { TraceFields.dateTime($0) } == nil)
    }

    @Test(
        "Fields of CSV, quoted and not",
        arguments: [
            ("a,b", ["a", "b"]), ("", [""]), (",", ["", ""]), ("a,", ["a", ""]),
            ("\"a,b\",c", ["a,b", "c"]), ("\"a\"\"b\"", ["a\"\"b"]), ("\"\",x", ["", "x"]),
        ] as [(String, [String])]
    )
    func fields(text: String, expected: [String]) {
        read(text) { line in
            var fields = CSVFields(line)
            var found: [String] = []
            while let field = fields.next() { found.append(String(decoding: field, as: UTF8.self)) }
            #expect(found == expected && !fields.isMalformed)
        }
    }

    @Test(
        "Quotation marks where CSV has none end the line's fields",
        arguments: [
            "\"a", "a\"b,c", "\"a\"b,c", "\"", "x,\"a,b", "\"a\"\"",
        ]
    )
    func malformed(text: String) {
        read(text) { line in
            var fields = CSVFields(line)
            while fields.next() != nil {}
            #expect(fields.isMalformed)
        }
    }

    @Test(
        "Block numbers, and what stops them",
        arguments: [
            ("", [], true), (" 1, 2,3 ", [1, 2, 3], true), ("18446744073709551615", [.max], true),
            ("1,x", [1], false), ("1.5", [1], false), ("1 2", [1], false), (",1", [], false),
            ("1,,2", [1], false), ("18446744073709551616", [], false),
            ("-1", [], false), ("1,\"2\"", [1], false), ("7,", [7], false),
        ] as [(String, [UInt64], Bool)]
    )
    func blocks(text: String, expected: [UInt64], isWhole: Bool) {
        read(text) { array in
            var blocks = TraceBlocks(array)
            var found: [UInt64] = []
            while let block = blocks.next() { found.append(block) }
            #expect(found == expected && blocks.isAtEnd == isWhole)
        }
    }
}
