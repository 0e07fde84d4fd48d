// Secrets in command lines that are refused: what a slip puts where it doesn't belong stands in no
// sentence of the real binary, and the sentence still names the flag or the remedy.

import Foundation
import Testing

@Suite("Secrets in usage errors")
struct UsageSecretTests {
    private static let refused = "http://127.0.0.1:1/"
    private static let tls = "https://127.0.0.1:1/"
    private static let secret = "CaNaRy8f3KqZx7"
    private static let body = "{\"prompt\":\"\(secret)\"}"
    private static let login = "http://user:\(secret)@127.0.0.1:1/"

    /// Arguments, and a part of the sentence that has to name the flag or the remedy.
    private static let slips: [([String], String)] = [
        // curl's flags.
        (["-d", body, refused], "a body goes to --body or --post"),
        (["-d\(body)", refused], "a body goes to --body or --post"),
        (["-d", "key=\(secret)&a=b", refused], "-d <T>"), (["-d", secret, refused], "-d <T>"),
        (["-d", "\(body)\n\(body)", refused], "500ms"),
        (["-u", "user:\(secret)", refused], "'-u'"), (["-uuser:\(secret)", refused], "'-u'"),
        (["-kuuser:\(secret)", refused], "'-u'"), (["-b\(secret)", refused], "'-b'"),
        (["-bsession=\(secret)", refused], "'-b'"), (["--user=me:\(secret)", refused], "'--user'"),
        (["--data-raw=\(body)", refused], "'--data-raw'"), (["--json", body, refused], "'--json'"),
        (["-t", "user=\(secret)", refused], "-t <N>"),
        // A value that was forgotten, or isn't taken.
        (["-d", login], "-d <T>"), (["-n", login], "-n <N>"), (["--ramp", login], "--ramp <T>"),
        (["--hgrm", "\(login)?a=b", refused], "ttft"),
        (["--quiet=\(secret)", refused], "'--quiet'"),
        (["--slo", "ttft<{\(secret) x}", refused], "'***' isn't a time"),
        (["-n", "-HX-Key: \(secret)", refused], "--requests <N>"),
        (["--header: X-Key: \(secret)", refused], "'--header…'"),
        (["-HX-Key \(secret)", refused], "Name: value"),
        (["-\(secret)", refused], "Unknown option"), (["-é\(secret)", refused], "option"),
        // What a flag wants a name of.
        (["--bearer-env", "sk-\(secret)", refused], "--bearer-env takes the name"),
        (["--bearer-env", secret, refused], "--bearer-env takes the name"),
        (["--post", body, refused], "--body"), (["--bodies", body, refused], "--body"),
        (["--bodies", "[\(body)]", refused], "--body"), (["--trace", body, refused], "--trace"),
        (["--har", body, refused], "--har"), (["-H", "@a\n\(secret)", refused], "-H @FILE"),
        (["--scenario", body], "--scenario"),
        (["--key", "-----BEGIN \(secret)", "--cert", "/dev/null", tls], "--key"),
        (["--cacert", "-----BEGIN \(secret)", tls], "--cacert"),
        // URLs.
        (["http://u:\(secret)/b@127.0.0.1/"], "%2F"), (["http://u:\(secret)?b@127.0.0.1/"], "%3F"),
        (["http://u:\(secret)#b@127.0.0.1/"], "%23"), (["http://key=\(secret)"], "host"),
        (["http://127.0.0.1:\(secret)/"], "65535"), ([body], "URL"), ([secret], "URL"),
        (["probe", "http://u:\(secret)/b@127.0.0.1/"], "%2F"), (["probe", "-d", body], "'-d'"),
        (["--otlp", "http://u:\(secret)/b@127.0.0.1/", refused], "--otlp"),
        (["--from-curl", "curl 'http://u:\(secret)/b@127.0.0.1/'"], "%2F"),
    ]

    private func expectNone(_ outcome: Outcome, _ part: String, _ given: [String]) {
        #expect(outcome.status == 64, "\(given): \(outcome.stderr)")
        #expect(outcome.stdout.isEmpty)
        #expect(outcome.stderr.contains(part), "\(given): \(outcome.stderr)")
        #expect(outcome.stderr.split(separator: "\n").count == 1, "\(outcome.stderr)")
        for piece in [Self.secret, Self.secret.lowercased(), "8f3KqZ"] {
            #expect(!outcome.stderr.contains(piece), "\(given): \(outcome.stderr)")
        }
    }

    @Test("no sentence repeats what a slip put in a flag's or the URL's place")
    func slips() async throws {
        for (arguments, part) in Self.slips {
            expectNone(try await Binary.run(arguments), part, arguments)
        }
    }

    @Test("nor does one about a line of a file")
    func files() async throws {
        let directory = try TemporaryDirectory()
        let urls = try directory.write("urls", Array("http://u:\(Self.secret)/b@h/\n".utf8))
        let scenario = directory.file("s.toml")
        for (key, part) in [
            ("url = 'http://u:\(Self.secret)/b@h/'", "line 2"),
            ("url = '\(Self.refused)'\nduration = '\(Self.body)'", "line 3"),
            ("url = '\(Self.refused)'\npost = '\(Self.body)'", "line 3"),
        ] {
            try directory.write("s.toml", Array("[[class]]\n\(key)\n".utf8))
            expectNone(try await Binary.run(["--scenario", scenario]), part, [key])
        }
        expectNone(try await Binary.run(["--urls", urls]), "line 1", ["--urls"])
    }

    @Test("what is too short or too plain for a secret is repeated")
    func harmless() async throws {
        for (arguments, shown) in [
            (["-c", "abc"], "'abc'"), (["-d", "5msd"], "'5msd'"),
            (["--no-such-flag"], "'--no-such"),
            (["--threshold", "ttft:p99<500"], "'ttft:p99<500'"),
            (["--straems", "5"], "'--streams'"),
            (["--bearer-env", "NO_SUCH_1"], " NO_SUCH_1 "), (["--post", "none"], " none:"),
        ] {
            let outcome = try await Binary.run(arguments + [Self.refused])
            #expect(outcome.status == 64)
            #expect(outcome.stderr.contains(shown), "\(outcome.stderr)")
        }
    }

    @Test("a header behind flags without a value, as curl has it, is sent")
    func combined() async throws {
        let server = try ScriptedServer([.readRequest, .send(Wire.stream(Wire.events(1)))])
        defer { server.stop() }
        let outcome = try await Binary.run([
            "-n1", "-4qHX-Key: \(Self.secret)", "-kHX-Other: b", server.url,
        ])
        #expect(outcome.status == 0, "\(outcome.stderr)")
        let request = try #require(server.requests.first)
        #expect(request.contains("X-Key: \(Self.secret)\r\n") && request.contains("X-Other: b\r\n"))
        #expect(!(outcome.stdout + outcome.stderr).contains(Self.secret))
    }
}
