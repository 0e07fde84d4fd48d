// The notations of flags, as pure functions: durations, counts, rates, sizes, CPU lists, URLs, JSON
// and header fields.

import SSEBombCore
import Testing

@testable import SSEBombReport
@testable import ssebomb

@Suite("Values of flags")
struct ValuesTests {
    @Test(
        "a duration is read exactly, to the nanosecond",
        arguments: [
            ("500ms", 500_000_000), ("30s", 30_000_000_000), ("5m", 300_000_000_000),
            ("1m30s", 90_000_000_000), ("2h", 7_200_000_000_000), ("10", 10_000_000_000),
            ("1.5", 1_500_000_000), ("0", 0), ("0.1us", 100), ("7ns", 7), ("3µs", 3_000),
            ("1d", 86_400_000_000_000), (".5s", 500_000_000), ("366d", 31_622_400_000_000_000),
        ] as [(String, Int64)]
    )
    func durations(text: String, nanoseconds: Int64) throws {
        #expect(try ValueParsing.duration(text) == nanoseconds)
    }

    @Test(
        "what isn't a duration is refused",
        arguments: [
            "", "s", "5q", "-1s", "1 s", "1s30", "5.5.5s", "1e3s", "367d", "366d1ns", "٣s",
            "99999999999999999999s", "18446744073709551615h", "1m-30s", ".s", "0x10",
        ]
    )
    func badDurations(text: String) {
        #expect(throws: ValueError.self) { try ValueParsing.duration(text) }
    }

    @Test(
        "a count takes k, M and G as powers of 1,000",
        arguments: [
            ("1", 1), ("10k", 10_000), ("1.5M", 1_500_000), ("2G", 2_000_000_000), ("0", 0),
        ]
            as [(String, UInt64)]
    )
    func counts(text: String, value: UInt64) throws {
        #expect(try ValueParsing.count(text) == value)
    }

    @Test(
        "what isn't a whole number is refused as a count",
        arguments: ["", "k", "-5", "1.5", "0.0001k", "10m", "10kk", "99999999999999999999"]
    )
    func badCounts(text: String) {
        #expect(throws: ValueError.self) { try ValueParsing.count(text) }
    }

    @Test(
        "a rate is per second whatever its period",
        arguments: [
            ("5000", 5_000), ("50/1s", 50), ("50/s", 50), ("3k/m", 50), ("10/500ms", 20), ("0", 0),
            ("0.5/s", 0.5),
        ] as [(String, Double)]
    )
    func rates(text: String, perSecond: Double) throws {
        #expect(try ValueParsing.rate(text) == perSecond)
    }

    @Test(
        "what isn't a rate is refused",
        arguments: ["", "/s", "5/", "5/0s", "5/q", "5/1s/1s", "-1", "inf", "nan", "2000000000"]
    )
    func badRates(text: String) {
        #expect(throws: ValueError.self) { try ValueParsing.rate(text) }
    }

    @Test(
        "a size takes k, M and G as powers of 1,024",
        arguments: [
            ("4096", 4_096), ("64k", 65_536), ("1M", 1_048_576), ("1MiB", 1_048_576),
            ("0.5k", 512), ("2g", 2_147_483_648),
        ] as [(String, Int)]
    )
    func sizes(text: String, bytes: Int) throws {
        #expect(try ValueParsing.size(text) == bytes)
    }

    @Test("what isn't a size is refused", arguments: ["", "k", "-1", "1.5", "1T", "9999999999G"])
    func badSizes(text: String) {
        #expect(throws: ValueError.self) { try ValueParsing.size(text) }
    }

    @Test(
        "a CPU list is read as taskset reads it, each CPU once",
        arguments: [
            ("0", [0]), ("0,2-5", [0, 2, 3, 4, 5]), ("0-8:4", [0, 4, 8]), ("3,1,3", [3, 1]),
        ] as [(String, [Int32])]
    )
    func cpuLists(text: String, cpus: [Int32]) throws {
        #expect(try ValueParsing.cpuList(text) == cpus)
    }

    @Test(
        "what isn't a CPU list is refused",
        arguments: ["", ",", "0,", "a", "5-2", "-1", "0-4:0", "1:2", "0-1-2", "0-99999999", "+1"]
    )
    func badCPULists(text: String) {
        #expect(throws: ValueError.self) { try ValueParsing.cpuList(text) }
    }

    @Test("CPUs are spelled as ranges")
    func cpuSpelling() {
        #expect(CPUConfinement.spell([3, 0, 1, 2, 8]) == "0-3,8")
        #expect(CPUConfinement.spell([]) == "")
    }

    @Test("names of limits lead to their fields, later ones win")
    func limits() throws {
        let limits = try PlanBuilder.wireLimits([
            "head=1k", "line=7", "line=2M", "event=10", "interim=0", "chunk-line=64", "trailers=1G",
        ])
        let expected = WireLimits(
            headBytes: 1_024,
            lineBytes: 2 << 20,
            eventBytes: 10,
            interimResponses: 0,
            chunkLineBytes: 64,
            trailerBytes: 1 << 30
        )
        #expect(limits == expected)
    }

    @Test("bad limits are refused", arguments: ["line", "line=", "line=0", "lines=5", "line=2G"])
    func badLimits(text: String) {
        #expect(throws: SetupError.self) { try PlanBuilder.wireLimits([text]) }
    }
}

@Suite("Values attached to short flags")
struct AttachedValueTests {
    @Test(
        "are split off, and nothing else is",
        arguments: [
            (["-c400", "-d30s", "u"], ["-c", "400", "-d", "30s", "u"]),
            (["-XPOST", "-k", "-4"], ["-X", "POST", "-k", "-4"]),
            (["-kHX: y", "-4q", "-qkn5"], ["-kH", "X: y", "-4q", "-qkn", "5"]),
            (["-ume:word", "-quword", "-q", "-uR"], ["-u", "-qu", "-q", "-u"]),
            (["--gap", "-5ms"], ["--gap", "-5ms"]),
            (["-H", "-config: x", "u"], ["--header=-config: x", "u"]),
            (["-c", "5", "--drain", "0"], ["-c", "5", "--drain", "0"]),
            (["-q", "--", "-c5"], ["-q", "--", "-c5"]),
            (["-", ""], ["-", ""]), (["--post", "-", "-c5"], ["--post", "-", "-c", "5"]),
            (["--model", "-x y", "-4"], ["--model=-x y", "-4"]),
            (["--system=", "--model=m"], ["--system", "", "--model=m"]),
            (["--system", "-c 5", "-c5"], ["--system=-c 5", "-c", "5"]),
            (["-R", "-3", "--prompt", "--"], ["--rate=-3", "--prompt=--"]),
            (
                ["--rate", "--ramp", "1s", "-k", "-d1"],
                ["--rate", "--ramp", "1s", "-k", "-d", "1"]
            ),
        ] as [([String], [String])]
    )
    func split(given: [String], expected: [String]) {
        #expect(AttachedValues.split(given) == expected)
    }
}

@Suite("URL of the target")
struct TargetURLTests {
    @Test(
        "scheme, host, port and target are taken apart",
        arguments: [
            ("http://a", "a", 80, "/"), ("https://a", "a", 443, "/"),
            ("HTTP://Host.Example:8080/v1?x=1&y", "host.example", 8080, "/v1?x=1&y"),
            ("http://[::1]:9/a", "::1", 9, "/a"),
            ("http://[FE80::1%25eth0]", "fe80::1%25eth0", 80, "/"),
            ("http://a?q", "a", 80, "/?q"), ("http://a/b#frag", "a", 80, "/b"),
            ("http://a:/b", "a", 80, "/b"), ("http://a/ü", "a", 80, "/%C3%BC"),
            ("http://a/b@c:d", "a", 80, "/b@c:d"),
        ] as [(String, String, UInt16, String)]
    )
    func parts(text: String, host: String, port: UInt16, target: String) throws {
        let url = try TargetURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.target == target)
        #expect(url.credentials == nil)
    }

    @Test(
        "what isn't a usable URL is refused",
        arguments: [
            "", "http://", "http:///x", "ftp://a", "ws://a", "http://a:0", "http://a:65536",
            "http://a:8o", "http://::1/", "http://[::1", "http://[::1]x", "http://[abc]/",
            "http://a b/", "http://a/b c", "http://a/\r\nX: y", "http://a\u{0}b/",
            "http://münchen/",
            "http://u%zz@a/", "http://a_b!/", "http://[]/",
        ]
    )
    func refused(text: String) {
        #expect(throws: ValueError.self) { try TargetURL(text) }
    }

    @Test(
        "what may be a password, or a token in the URL's place, is in no sentence",
        arguments: [
            ("http://u:CaNaRy8f3KqZx7/b@h/", "%2F"), ("http://u:CaNaRy8f3KqZx7?b@h/", "%3F"),
            ("https://u:CaNaRy8f3KqZx7#b@h/", "%23"), ("http://CaNaRy=8f3/b@h/", "%2F"),
            ("http://k=CaNaRy8f3KqZx7", "xn--"), ("http://h:CaNaRy8f3KqZx7/", "1 to 65535"),
            ("http://[::1]CaNaRy8f3KqZx7/", "[::1]:8080"), ("http://[CaNaRy=8f3]/", "IPv6"),
            ("key=CaNaRy8f3KqZx7", "give one such as"), ("CaNaRy8f3KqZx7", "no scheme"),
            ("sk-canary-8f3kqzx7", "no scheme"), ("CaNaRy.8f3.KqZx7/x", "no scheme"),
            ("u:CaNaRy@http://h/", "use http://"), ("{\"prompt\":\"CaNaRy\"}", "isn't a URL"),
        ]
    )
    func secretive(_ text: String, _ part: String) {
        #expect {
            try TargetURL(text)
        } throws: {
            let sentence = "\($0)"
            return !sentence.lowercased().contains("canary") && !sentence.contains("8f3")
                && sentence.contains(part)
        }
    }

    @Test("a missing scheme is answered with the URL that was meant")
    func missingScheme() {
        #expect {
            try TargetURL("localhost:8080/v1?key=secret")
        } throws: {
            ($0 as? ValueError)?.description
                == "the URL has no scheme: did you mean http://localhost:8080/v1?key=***?"
        }
    }

    @Test("user-info is decoded for the Authorization header and shown nowhere")
    func credentials() throws {
        let url = try TargetURL("http://us%3Aer:p%40ss@a:81/x?token=abc&flag&empty=")
        #expect(url.credentials == Array("us:er:p@ss".utf8))
        #expect(url.redacted == "http://a:81/x?token=***&***&empty=")
        #expect(HeaderFields.basic(Array("user:pass".utf8)).value == "Basic dXNlcjpwYXNz")
        for text in ["http://u:canary@a:99999/", "http://u:canary@/", "u:canary@a/"] {
            #expect {
                try TargetURL(text)
            } throws: {
                !"\($0)".contains("canary")
            }
        }
    }

    @Test(
        "base64 has the padding of RFC 4648",
        arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
    )
    func base64(text: String, encoded: String) {
        #expect(HeaderFields.base64(Array(text.utf8)) == encoded)
    }
}

@Suite("JSON check of bodies")
struct JSONCheckTests {
    @Test(
        "JSON of every kind is accepted",
        arguments: [
            "{}", " [ ] ", "null", "-0.5e+10", "\"\\u00e9\\n\"",
            "{\"a\":[1,{\"b\":true}],\"c\":\"ü\"}",
            "\t\r\n0\n", "[1,2,3]", "{\"\":\"\"}",
        ]
    )
    func accepted(text: String) throws {
        _ = try JSONCheck.outline(of: Array(text.utf8))
    }

    @Test(
        "what isn't JSON is refused at its place",
        arguments: [
            ("", 1, 1), ("{", 1, 2), ("{\"a\":1,}", 1, 8), ("[1 2]", 1, 4), ("{'a':1}", 1, 2),
            ("{\n\"a\":\n tru}", 3, 5), ("01", 1, 2), ("\"a", 1, 3), ("\"\\x\"", 1, 3),
            ("{} {}", 1, 4),
            ("nan", 1, 2), ("1.", 1, 3), ("\"\u{1}\"", 1, 2), ("\"\\u12g4\"", 1, 6), ("+1", 1, 1),
        ] as [(String, Int, Int)]
    )
    func refused(text: String, line: Int, column: Int) {
        #expect {
            try JSONCheck.outline(of: Array(text.utf8))
        } throws: {
            guard let fault = $0 as? JSONFault else { return false }
            let place = Array(text.utf8).withUnsafeBytes { TextPlace(of: fault.offset, in: $0) }
            return place.line == line && place.column == column
        }
    }

    @Test("bytes that aren't UTF-8 and bottomless nesting are refused")
    func hostile() {
        #expect(throws: JSONFault.self) { try JSONCheck.outline(of: [0x22, 0xFF, 0x22]) }
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(throws: JSONFault.self) { try JSONCheck.outline(of: deep) }
    }

    @Test("the members of the top level are known, nested ones aren't")
    func members() throws {
        let text = "{\"stream\": true, \"o\": {\"messages\": []}}"
        let outline = try JSONCheck.outline(of: Array(text.utf8))
        #expect(outline.members == ["stream": "true", "o": "{\"messages\": []}"])
        #expect(outline.isObject)
    }

    @Test(
        "content types that promise JSON are recognised",
        arguments: [
            ("application/json", true), ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true), ("text/plain", false),
            ("application/x-ndjson", false),
        ]
    )
    func contentTypes(type: String, isJSON: Bool) {
        #expect(RequestOptions.saysJSON(type) == isJSON)
    }
}

@Suite("Header fields of -H")
struct HeaderFieldsTests {
    @Test("name and value are split at the first colon, white space around the value dropped")
    func split() throws {
        let fields = try HeaderFields.parse(["A: b:c ", "X-Empty:", "D:\te"])
        #expect(
            fields == [
                HeaderField(name: "A", value: "b:c"), HeaderField(name: "X-Empty", value: ""),
                HeaderField(name: "D", value: "e"),
            ]
        )
    }

    @Test("a header file gives one field a line, whatever its line ends")
    func file() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("headers", Array("A: 1\r\n\r\nB: 2\nC: 3".utf8))
        let fields = try HeaderFields.parse(["@\(path)"])
        #expect(fields.map(\.name) == ["A", "B", "C"])
        #expect(fields.map(\.value) == ["1", "2", "3"])
    }

    @Test(
        "a header that can't be sent is refused without showing its value",
        arguments: ["canary", ": canary", "Content-Length: canary", "Transfer-Encoding: canary"]
    )
    func refused(text: String) {
        #expect {
            try HeaderFields.parse([text])
        } throws: {
            guard let error = $0 as? SetupError else { return false }
            return !error.sentence.contains("canary") && ExitStatus.of(error) == 64
        }
    }

    @Test("header files that are empty or not text are refused")
    func badFiles() throws {
        let directory = try TemporaryDirectory()
        let empty = try directory.write("empty", Array("\n\n".utf8))
        let binary = try directory.write("binary", [0x41, 0x3A, 0xFF, 0xFE])
        for path in [empty, binary, directory.file("missing")] {
            #expect(throws: SetupError.self) { try HeaderFields.parse(["@\(path)"]) }
        }
    }

    @Test("a bearer token comes from the environment, and only a real one")
    func bearer() throws {
        let field = try HeaderFields.bearer(variable: "T", environment: { _ in "tok\n" })
        #expect(field == HeaderField(name: "Authorization", value: "Bearer tok"))
        for value in [nil, "", " \n"] {
            #expect(throws: SetupError.self) {
                try HeaderFields.bearer(variable: "T", environment: { _ in value })
            }
        }
    }

    @Test("values of the user's own headers are masked, those that say what happens are not")
    func mask() {
        let request = RequestSpecification(
            method: "GET",
            scheme: "http",
            host: "a",
            port: 80,
            target: "/",
            headers: [
                HeaderField(name: "Authorization", value: "Bearer canary-1234"),
                HeaderField(name: "Accept", value: "text/event-stream"),
            ]
        )
        let masked = Redaction(request).apply(to: "bad key canary-1234 for text/event-stream")
        #expect(masked == "bad key *** for text/event-stream")
        #expect(Redaction.isSecret("X-Api-Key"))
        #expect(!Redaction.isSecret("Content-Type"))
    }
}

@Suite("Exit status")
struct ExitStatusTests {
    private static func gate(_ outcome: ThresholdResult.Outcome) throws -> ThresholdResult {
        ThresholdResult(
            threshold: try ThresholdParsing.threshold("ttft:p99<5ms"),
            outcome: outcome,
            value: nil,
            samples: 0,
            floor: 662,
            unfinished: 0,
            sentence: ""
        )
    }

    @Test("a signal outranks what couldn't be written, a dead target, the verdict, a gate")
    func order() throws {
        func status(
            _ signal: Int32?,
            _ lost: Bool,
            _ served: UInt64,
            _ failed: UInt64,
            _ gates: [ThresholdResult] = [],
            disbelieved: Bool = false
        ) -> Int32 {
            ExitStatus.afterRun(
                interruptedBy: signal,
                couldNotWrite: lost,
                served: served,
                failed: failed,
                isDisbelieved: disbelieved,
                thresholds: gates
            )
        }
        let missed = [try Self.gate(.passed), try Self.gate(.notJudged), try Self.gate(.missed)]
        #expect(status(2, true, 0, 5, missed) == 130)
        #expect(status(15, false, 5, 0) == 143)
        #expect(status(nil, true, 0, 5, missed) == 1)
        #expect(status(nil, false, 0, 5, missed) == 69)
        #expect(status(nil, false, 1, 5, missed) == 99)
        #expect(status(nil, false, 1, 5, [try Self.gate(.notJudged)]) == 96)
        #expect(status(nil, false, 1, 5, [try Self.gate(.passed)]) == 0)
        #expect(status(nil, false, 1, 5) == 0)
        #expect(status(nil, false, 0, 0) == 0)
        #expect(status(2, true, 0, 5, disbelieved: true) == 130)
        #expect(status(nil, true, 0, 5, disbelieved: true) == 1)
        #expect(status(nil, false, 0, 5, disbelieved: true) == 69)
        #expect(status(nil, false, 1, 5, missed, disbelieved: true) == 97)
    }
}
