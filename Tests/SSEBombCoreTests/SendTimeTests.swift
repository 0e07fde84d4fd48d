// Send times out of events' data: paths, numbers, texts that are malformed or hostile, always in
// memory that ends at a forbidden page, and random texts whose value at a path is known.

import Testing

@testable import SSEBombCore

private typealias Step = JSONPath.Step

/// A step as `a.0.b` has it.
private func key(_ text: String) -> Step { Step(key: Array(text.utf8), index: Int(text)) }
/// A step as `[2]` has it.
private func element(_ index: Int) -> Step { Step(key: nil, index: index) }

private func read(_ data: [UInt8], _ steps: [Step], _ unit: SendTimePath.Unit = .ns) -> Int64? {
    let reader = SendTimeReader(SendTimePath(path: JSONPath(steps: steps), unit: unit))
    defer { reader.destroy() }
    return GuardedBuffer(data).withBytes { reader.read($0) }
}

private func read(_ text: String, _ steps: [Step], _ unit: SendTimePath.Unit = .ns) -> Int64? {
    read(Array(text.utf8), steps, unit)
}

struct PathCase: Sendable, CustomTestStringConvertible {
    let text: String
    let steps: [JSONPath.Step]
    let value: Int64?
    var testDescription: String { text }

    init(_ text: String, _ steps: [JSONPath.Step], _ value: Int64?) {
        self.text = text
        self.steps = steps
        self.value = value
    }
}

private let pathCases = [
    PathCase("17", [], 17),
    PathCase(" \n17\t", [], 17),
    PathCase("\"17\"", [], 17),
    PathCase(#"{"t":17}"#, [key("t")], 17),
    PathCase(#"{"t":"17"}"#, [key("t")], 17),
    PathCase(#"{ "t" : 17 }"#, [key("t")], 17),
    PathCase(#"{"a":[1,{"t":3}],"b":"}\"","t":17,"c":null}"#, [key("t")], 17),
    PathCase(#"{"t":1,"t":2}"#, [key("t")], 1),
    PathCase(#"{"tt":1,"t":2}"#, [key("t")], 2),
    PathCase(#"{"t":1,"tt":2}"#, [key("tt")], 2),
    PathCase(#"{"":5}"#, [key("")], 5),
    PathCase(#"{"größe":5}"#, [key("größe")], 5),
    PathCase(#"{"a":{"b":{"c":17}}}"#, [key("a"), key("b"), key("c")], 17),
    PathCase(#"{"a":{"c":1},"c":17}"#, [key("c")], 17),
    PathCase(#"{"a":[10,20,30]}"#, [key("a"), key("1")], 20),
    PathCase(#"{"a":[10,20,30]}"#, [key("a"), element(2)], 30),
    PathCase(#"{"a":{"1":7}}"#, [key("a"), key("1")], 7),
    PathCase(#"[[],[5,[6]]]"#, [element(1), element(1), element(0)], 6),
    PathCase("[ 1 , 2 ]", [element(1)], 2),
    PathCase(#"{"t":17,"rest":"#, [key("t")], 17),
    // Nothing there.
    PathCase("", [], nil),
    PathCase("", [key("t")], nil),
    PathCase("{}", [key("t")], nil),
    PathCase("[]", [element(0)], nil),
    PathCase("[1,2]", [element(2)], nil),
    PathCase(#"{"1":7}"#, [element(1)], nil),
    PathCase("[1]", [key("a")], nil),
    PathCase(#"{"T":17}"#, [key("t")], nil),
    PathCase(#"{"a":{"t":17}}"#, [key("t")], nil),
    PathCase(#"{"t":{"t":17}}"#, [key("t")], nil),
    PathCase(#"{"t":null}"#, [key("t")], nil),
    PathCase(#"{"t":true}"#, [key("t")], nil),
    PathCase(#"{"t":[17]}"#, [key("t")], nil),
    PathCase(#"{"t":17}"#, [], nil),
    PathCase("[DONE]", [key("t")], nil),
    PathCase("hello", [], nil),
    // Malformed on the way, or at the value.
    PathCase(#"{"t":17"#, [key("t")], nil),
    PathCase(#"{"t":17x}"#, [key("t")], nil),
    PathCase(#"{"t":17 18}"#, [key("t")], nil),
    PathCase(#"{"t":"17}"#, [key("t")], nil),
    PathCase(#"{"t" 17}"#, [key("t")], nil),
    PathCase(#"{"a":,"t":17}"#, [key("t")], nil),
    PathCase(#"{"a":[1},"t":17}"#, [key("t")], nil),
    PathCase(#"{"a":"x,"t":17}"#, [key("t")], nil),
    PathCase("17 18", [], nil),
    PathCase("17,", [], nil),
    PathCase("{\"t\":\u{0}17}", [key("t")], nil),
]

struct NumberCase: Sendable, CustomTestStringConvertible {
    let text: String
    let unit: SendTimePath.Unit
    let value: Int64?
    var testDescription: String { "\(text) \(unit.rawValue)" }

    init(_ text: String, _ unit: SendTimePath.Unit, _ value: Int64?) {
        self.text = text
        self.unit = unit
        self.value = value
    }
}

private let numberCases = [
    NumberCase("1", .ns, 1), NumberCase("1", .us, 1_000), NumberCase("1", .ms, 1_000_000),
    NumberCase("1", .s, 1_000_000_000), NumberCase("007", .ns, 7),
    NumberCase("1738324800.123456789", .s, 1_738_324_800_123_456_789),
    NumberCase("1738324800.1234567899", .s, 1_738_324_800_123_456_789),
    NumberCase("1738324800123.4567", .ms, 1_738_324_800_123_456_700),
    NumberCase("0.0000015", .s, 1_500), NumberCase("0.5", .us, 500), NumberCase("1.9", .ns, 1),
    NumberCase("1.7383248e9", .s, 1_738_324_800_000_000_000),
    NumberCase("1.7383248E+09", .s, 1_738_324_800_000_000_000),
    NumberCase("17383248000e-1", .ms, 1_738_324_800_000_000),
    NumberCase("9223372036854775807", .ns, .max),
    NumberCase("9223372036.854775807", .s, .max),
    NumberCase("9223372036.8547758079", .s, .max),
    NumberCase("0.00000000000000000000000000001e29", .ns, 1),
    NumberCase("10000000000000000000000000000e-28", .ns, 1),
    // Not above 0.
    NumberCase("0", .ns, nil), NumberCase("0.0", .s, nil), NumberCase("0e99", .s, nil),
    NumberCase("-1", .ns, nil), NumberCase("0.9", .ns, nil), NumberCase("1e-10", .s, nil),
    // Too large.
    NumberCase("9223372036854775808", .ns, nil), NumberCase("9223372036.854775808", .s, nil),
    NumberCase("18446744073709551617", .ns, nil), NumberCase("1e19", .ns, nil),
    NumberCase("1e999999999999999999999999", .ns, nil),
    NumberCase("99999999999999999999999999999999999999999", .ns, nil),
    // No numbers.
    NumberCase("1.", .s, nil), NumberCase(".5", .s, nil), NumberCase("1e", .s, nil),
    NumberCase("1e+", .s, nil), NumberCase("+1", .s, nil), NumberCase("1.2.3", .s, nil),
    NumberCase("1-2", .s, nil), NumberCase("0x10", .ns, nil), NumberCase("1_000", .ns, nil),
    NumberCase("--1", .ns, nil), NumberCase("e5", .ns, nil), NumberCase("1 ", .ns, 1),
]

@Suite("Send times") struct SendTimeTests {
    @Test("A path leads to its value or to nothing", arguments: pathCases)
    func paths(_ item: PathCase) {
        #expect(read(item.text, item.steps) == item.value)
    }

    @Test("A number is exact, or there is none", arguments: numberCases)
    func numbers(_ item: NumberCase) {
        #expect(read(item.text, [], item.unit) == item.value)
        #expect(read("{\"t\":\(item.text)}", [key("t")], item.unit) == item.value)
        // A string holds the number alone.
        let alone = item.text.last == " " ? nil : item.value
        #expect(read("{\"t\":\"\(item.text)\"}", [key("t")], item.unit) == alone)
    }

    @Test("Every beginning of a text gives its value or nothing", arguments: pathCases)
    func beginnings(_ item: PathCase) {
        let bytes = Array(item.text.utf8)
        for length in 0..<bytes.count {
            let found = read(Array(bytes[..<length]), item.steps)
            // A shorter number at the outermost level is a number, too.
            if item.steps.isEmpty { continue }
            #expect(found == nil || found == item.value, "after \(length) bytes")
        }
    }

    @Test("Nesting is followed to its limit and no further")
    func nesting() {
        for levels in [1, 62, 63, 64, 65, 5_000] {
            let deep = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
            // The text's own object is the first of 64 levels.
            #expect(read("{\"a\":\(deep),\"t\":17}", [key("t")]) == (levels <= 63 ? 17 : nil))
        }
        let most = JSONPath.mostSteps
        let steps = Array(repeating: element(0), count: most)
        let text = String(repeating: "[", count: most) + "17" + String(repeating: "]", count: most)
        #expect(read(text, steps) == 17)
        #expect(read(String(repeating: "[", count: most), steps) == nil)
    }

    @Test("A long text in front of the value costs no memory and hides nothing")
    func longText() {
        let filler = String(repeating: #"{"t":1,"x":"\\\"]}"},"#, count: 2_000)
        #expect(read("{\"a\":[\(filler)0],\"t\":17}", [key("t")]) == 17)
    }

    @Test(
        "In a random text the value at a random path is found",
        arguments: [1, 2, 3, 4] as [UInt64]
    )
    func randomTexts(seed: UInt64) {
        var maker = TextMaker(seed: seed)
        for _ in 0..<500 {
            let (text, steps, value) = maker.next()
            #expect(read(text, steps) == value, "\(text) at \(steps)")
            #expect(read("\(text)", steps + [key("further")]) == nil)
        }
    }

    @Test("Damaged texts give a positive number or nothing", arguments: [5, 6] as [UInt64])
    func damagedTexts(seed: UInt64) {
        var maker = TextMaker(seed: seed)
        var found = 0
        for _ in 0..<2_000 {
            let (text, steps, _) = maker.next()
            var bytes = Array(text.utf8)
            for _ in 0...2 {
                bytes[Int(maker.random.next() % UInt64(bytes.count))] = maker.damage()
            }
            if let value = read(bytes, steps) {
                found += 1
                #expect(value > 0)
            }
        }
        #expect(found > 0, "nothing survived: the damage is no test")
    }

    @Test("The text of a path is what the flag takes")
    func text() {
        let steps = [key("meta"), key("0"), element(12), key("sent")]
        #expect(SendTimePath(path: JSONPath(steps: steps), unit: .us).text == "meta.0[12].sent:us")
        #expect(
            SendTimePath(path: JSONPath(steps: [element(1), key("a")]), unit: .s).text == "[1].a:s"
        )
        #expect(SendTimePath(path: JSONPath(steps: []), unit: .ms).text == ".:ms")
    }
}

/// Random JSON texts with a known number at a known path.
private struct TextMaker {
    var random: SeededRandom

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    private mutating func space() -> String {
        below(3) == 0 ? [" ", "\n", "\t ", "\r\n"][below(4)] : ""
    }

    /// A byte that means something in JSON, or doesn't.
    mutating func damage() -> UInt8 {
        let bytes = Array("{}[]\",:\\0e.-\u{0}x".utf8)
        return bytes[below(bytes.count)]
    }

    /// A text, a path into it and the number there.
    mutating func next() -> (text: String, steps: [JSONPath.Step], value: Int64) {
        let value = Int64(random.next() >> UInt64(1 + below(60))) + 1
        var text = below(4) == 0 ? "\"\(value)\"" : "\(value)"
        var steps: [JSONPath.Step] = []
        for _ in 0..<(1 + below(5)) {
            let before = (0..<below(4)).map { _ in filler(depth: 2) }
            let after = (0..<below(3)).map { _ in filler(depth: 2) }
            if below(2) == 0 {
                steps.insert(below(2) == 0 ? element(before.count) : key("\(before.count)"), at: 0)
                text = "[\(space())" + (before + [text] + after).joined(separator: "\(space()),")
                text += "\(space())]"
            } else {
                // Names that begin alike, and escapes that spell other letters.
                let name = ["t", "sent", "sent_at", "ts"][below(4)]
                steps.insert(key(name), at: 0)
                let others = ["sen", "t\\n", "\\u00e4", "sent_", "sent_at\\\\", "tt", ""]
                let members = before.map { "\"\(others[below(7)])\"\(space()):\(space())\($0)" }
                let tail = after.map { "\"\(name)\":\($0)" }
                text =
                    "{"
                    + (members + ["\"\(name)\":\(space())\(text)"] + tail)
                    .joined(separator: ",\(space())")
                text += "}"
            }
        }
        return (space() + text + space(), steps, value)
    }

    private mutating func filler(depth: Int) -> String {
        switch below(depth > 0 ? 7 : 5) {
        case 0: return "null"
        case 1: return "-1.5e3"
        case 2: return "\"}]{[\\\"\\\\ \u{1F600}\""
        case 3: return "true"
        case 4: return "12"
        case 5:
            return "["
                + (0..<below(3)).map { _ in filler(depth: depth - 1) }
                .joined(separator: ",") + "]"
        default: return "{\"sent_at\":\(filler(depth: depth - 1)),\"b\":[]}"
        }
    }
}
