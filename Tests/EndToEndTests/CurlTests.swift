// `--from-curl` held against curl itself: the same words to both, and what arrives at a server
// compared. What differs by design (User-Agent, Accept, Cache-Control) is left out.

import Foundation
import Testing

@Suite("Requests of curl commands", .serialized)
struct CurlTests {
    static let curl = ["/usr/bin/curl", "/usr/local/bin/curl", "/bin/curl"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }
    static let hasCurl = Tool.mustExist || curl != nil
    static let noCurl = "curl isn't installed: run 'make test-deps'"

    /// Commands; URL stands for the server, FILE for a file with line ends in it.
    static let commands = [
        "curl URL/plain",
        "curl -sSN 'URL/events?a=1&b=x%20y'",
        "curl URL/x -d a=1 -d 'b=two words' --data-raw @notafile",
        #"curl -X PUT URL/x -H 'Content-Type: text/plain' --data-binary "quoted \"text\" \$5 \\""#,
        "curl -d @FILE URL/x",
        "curl --data-binary @FILE URL/x -H 'X-Empty;' -H 'X-Two:  spaces  '",
        #"curl URL/v1/chat/completions --json '{"stream":true,' --json '"messages":[]}'"#,
        "curl -G URL/q -d a=1 --data-urlencode 'b=x y&z/ü~' --data-urlencode =v --data-urlencode w",
        "curl 'URL/x?o=1' --url-query 'a=1&2' --url-query 'b c' --url-query '+d=1%202&3'",
        "curl URL/x --url-query n@FILE --url-query =ü --url-query q@m=1@2 --url-query @FILE -d z=1",
        "curl -G URL/x --data-urlencode q@m=1",
        "curl --data-urlencode n@FILE --data-urlencode @FILE URL/x",
        #"curl URL/x -d $'tab\there \'q\' \u00fc \x41\101'"#,
        "curl -u 'me:pass:word' URL/x",
        "curl -u me:pw -H 'Authorization: Bearer own' URL/x",
        "curl -b 'a=1; b=2' -b c=3 -e http://from/ -A 'my agent/1' URL/x",
        "curl --oauth2-bearer token123 URL/x",
        "curl -XDELETE -HX-A:1 URL/x",
        "curl \\\n  URL/x \\\n  -H 'X-Line: continued' # a comment",
        "curl --url URL/x -d ''",
        "curl -vsS -o /dev/null -w '%{http_code}' --max-time 5 URL/x -d \"a=${NAME}-$NAME\"",
        "curl URL/x#fragment -G -d y=2",
        "/usr/bin/curl -4 -k --http1.1 -f URL/x",
    ]

    @Test(
        "ssebomb sends what curl sends",
        .enabled(if: hasCurl, Comment(rawValue: noCurl)),
        arguments: commands
    )
    func same(_ command: String) async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("data", Array("one=1\r\ntwo = 2 & ü\n".utf8))
        let server = try ScriptedServer([
            .readRequest, .send(Wire.whole("200 OK", Wire.events(1))), .close,
        ])
        defer { server.stop() }
        let words =
            command.replacing("URL", with: server.url).replacing("FILE", with: file)
        let path = try directory.write("command", Array(words.utf8))

        // A shell runs curl: its quoting is under test, too.
        let theirs = try await Tool.run("/bin/bash", [path], environment: ["NAME": "some value"])
        try #require(theirs.status == 0, "curl: \(theirs.stderr)")
        let ours = try await Binary.run(
            ["probe", "--api", "raw", "--from-curl", "@\(path)"],
            environment: ["NAME": "some value"]
        )
        #expect(ours.status == 0, "ssebomb: \(ours.stderr)")
        let requests = server.requests
        try #require(requests.count == 2, "\(requests.count) requests arrived")
        let (expected, found) = (Request(requests[0]), Request(requests[1]))
        #expect(found.line == expected.line)
        #expect(found.fields == expected.fields)
        #expect(found.body == expected.body)
    }

    @Test("a flag beside the command goes before what the command says")
    func flagsWin() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.whole("200 OK", Wire.events(1))), .close,
        ])
        defer { server.stop() }
        let command =
            "curl -X PUT http://127.0.0.1:1/x -H 'Authorization: Bearer old' -H 'X-A: 1' -d form=1"
        let outcome = try await Binary.run(
            [
                "probe", "--api", "raw", "--from-curl", command, "-X", "POST", "--body", "{}",
                "--bearer-env", "TOKEN", "-H", "x-a: 2", "\(server.url)/y",
            ],
            environment: ["TOKEN": "new"]
        )
        #expect(outcome.status == 0, "\(outcome.stderr)")
        let request = Request(try #require(server.requests.first))
        #expect(request.line == "POST /y HTTP/1.1")
        #expect(request.body == "{}")
        let wanted = ["authorization: Bearer new", "x-a: 2", "content-type: application/json"]
        for field in wanted { #expect(request.fields.contains(field), "\(field)") }
    }

    @Test("connections go where the command says")
    func connections() async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.whole("200 OK", Wire.events(1))), .close,
        ])
        defer { server.stop() }
        for option in [
            "--connect-to llm.example:80:127.0.0.1:\(server.port)",
            "--connect-to ::127.0.0.1:\(server.port)",
        ] {
            let outcome = try await Binary.run([
                "probe", "--api", "raw", "--from-curl", "curl http://llm.example/x \(option)",
            ])
            #expect(outcome.status == 0, "\(outcome.stderr)")
        }
        let resolve = "--resolve llm.example:\(server.port):127.0.0.1"
        let outcome = try await Binary.run([
            "probe", "--api", "raw", "--from-curl",
            "curl http://llm.example:\(server.port)/x \(resolve)",
        ])
        #expect(outcome.status == 0, "\(outcome.stderr)")
        #expect(server.requests.count == 3)
    }

    /// Commands, and a part of the sentence that refuses each.
    static let refused: [(String, String)] = [
        ("", "empty"), ("wget http://a/", "line 1, column 1: expected the word curl"),
        ("curl", "no URL"), ("curl http://a/ http://b/", "2 URLs"),
        ("curl 'http://a/", "line 1, column 6: the quote that opens here has no closing '"),
        ("curl \\\n -H \"X: y http://a/", "line 2, column 5"),
        ("curl http://a/?x=1&y=2", "'&' outside quotes"),
        ("curl http://a/ > out", "'>' outside quotes"),
        ("curl http://a/ -d $(cat x)", "no shell is run"),
        ("curl http://a/ -d `cat x`", "no shell is run"),
        ("curl http://a/ -d \"$UNSET_HERE\"", "environment variable UNSET_HERE isn't set"),
        ("curl http://a/ -d ${X:-y}", "expected ${NAME}"),
        ("curl http://a/ -d $1", "only a shell knows"),
        ("curl http://a/\ncurl http://b/", "line 2, column 1: a second command"),
        ("curl --frobnicate http://a/", "--frobnicate isn't known"),
        ("curl -W http://a/", "-W isn't known"), ("curl http://a/ -H", "--header needs a value"),
        ("curl http://a/ -H secret-value", "without a name and a colon"),
        ("curl -x http://proxy:1 http://a/", "not through a proxy"),
        ("curl -F a=b http://a/", "forms in parts"), ("curl -T f http://a/", "-X PUT"),
        ("curl -n http://a/", "--bearer-env"), ("curl -u me http://a/", "user:word"),
        ("curl -b jar.txt http://a/", "aren't read from files"),
        ("curl 'http://a/{1,2}'", "several URLs"), ("curl 'http://a/[1-3]'", "several URLs"),
        ("curl -I -d x http://a/", "exclude each other"),
        ("curl -G -d x --url-query y http://a/", "give all with one of them"),
        ("curl --url-query n@/no/such/file http://a/", "--url-query @FILE: can't read"),
        ("curl -m soon http://a/", "number of seconds"),
        ("curl -d @/no/such/file http://a/", "/no/such/file"),
        ("curl --tls-max 1.1 http://a/", "1.2 and 1.3"),
        ("curl --resolve a http://a/", "HOST:PORT:ADDRESS"),
        ("curl ftp://a/", "use http:// or https://"),
        ("curl http://a/ -H 'Content-Type: application/json' -d '{\"a\":}'", "isn't JSON"),
    ]

    @Test("a command that can't be read is refused in one sentence", arguments: refused)
    func refuses(command: String, sentence: String) async throws {
        let outcome = try await Binary.run(["--from-curl", command, "-n", "1"])
        #expect(outcome.status == 64)
        #expect(outcome.stdout.isEmpty)
        #expect(outcome.stderr.contains(sentence), "\(outcome.stderr)")
        #expect(outcome.stderr.split(separator: "\n").count == 1)
        #expect(!outcome.stderr.contains("secret-value"))
    }

    @Test("what is wrong with the body of a command in a file is said with the file's name")
    func namesFile() async throws {
        let directory = try TemporaryDirectory()
        let words = "curl http://127.0.0.1:1/ -H 'Content-Type: application/json' -d '{\"a\":}'"
        let path = try directory.write("command", Array(words.utf8))
        let outcome = try await Binary.run(["--from-curl", "@\(path)", "-n", "1"])
        #expect(outcome.status == 64)
        #expect(
            outcome.stderr.contains("the body of --from-curl \(path) isn't JSON"),
            "\(outcome.stderr)"
        )
    }

    @Test("what is left out and matters is said")
    func notes() async throws {
        let command =
            "curl -L --compressed --retry 3 --http2 -H 'Accept-Encoding: br' -H 'Accept:' "
            + "http://127.0.0.1:1/ | jq ."
        let outcome = try await Binary.run(["--from-curl", command, "-n", "1"])
        for note in [
            "redirects are not followed", "event streams aren't decoded", "not tried again",
            "HTTP/1.1 is spoken", "ssebomb sends its own", "Accept-Encoding is left out", "'|'",
        ] {
            #expect(outcome.stderr.contains(note), "\(note)")
        }
    }

    @Test("a secret that the command has from the environment is shown nowhere")
    func secrets() async throws {
        let outcome = try await Binary.run(
            [
                "--dry-run", "--from-curl",
                "curl http://127.0.0.1:1/ -H \"Authorization: Bearer $KEY\" -u x:$KEY -b s=$KEY",
            ],
            environment: ["KEY": "hush-hush"]
        )
        #expect(outcome.status == 0)
        #expect(outcome.stdout.contains("Authorization: ***"))
        #expect(!(outcome.stdout + outcome.stderr).contains("hush-hush"))
    }

    /// A request as it arrived.
    private struct Request {
        var line: String
        /// Sorted, names in lower case, without those in which the two differ by design.
        var fields: [String]
        var body: String

        init(_ text: String) {
            let parts = text.split(
                separator: "\r\n\r\n",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            let lines = parts[0].split(separator: "\r\n")
            // Which case the digits have differs between curl's versions (RFC 3986, 6.2.2.1).
            line = String(lines.first ?? "").replacing(/%[0-9A-Fa-f]{2}/) { $0.output.uppercased() }
            body = parts.count > 1 ? String(parts[1]) : ""
            let own = ["accept: */*", "accept: text/event-stream", "cache-control: no-cache"]
            fields = lines.dropFirst().map { field in
                // The white space around a value is no part of it (RFC 9110, 5.5).
                let name = field.prefix { $0 != ":" }
                let value = field.dropFirst(name.count + 1)
                return "\(name.lowercased()): \(value.trimmingCharacters(in: .whitespaces))"
            }.filter { field in
                !own.contains(field) && !field.hasPrefix("user-agent: curl/")
                    && !field.hasPrefix("user-agent: ssebomb/")
            }.sorted()
        }
    }
}

@Suite("Requests of HAR files", .serialized)
struct HARTests {
    private static let har = #"""
        {"log":{"version":"1.2","entries":[
          {"request":{"method":"GET","url":"URL/page","headers":[]}},
          {"request":{"method":"POST","url":"URL/v1/chat/completions","headers":[
            {"name":":authority","value":"llm.example"},{"name":"Content-Length","value":"5"},
            {"name":"X-Team","value":"search"},{"name":"accept-encoding","value":"gzip"}],
            "postData":{"mimeType":"application/json","text":"{\"stream\":true,\"messages\":[]}"}}},
          {"request":{"method":"GET","url":"URL/page2?key=hush-hush"}}]}}
        """#

    private func write(_ text: String, url: String) throws -> (TemporaryDirectory, String) {
        let directory = try TemporaryDirectory()
        let text = text.replacing("URL", with: url)
        return (directory, try directory.write("log.har", Array(text.utf8)))
    }

    @Test("an entry is found by its number, or by a part of its URL", arguments: ["2", "chat"])
    func finds(entry: String) async throws {
        let server = try ScriptedServer([
            .readRequest, .send(Wire.whole("200 OK", Wire.events(1))), .close,
        ])
        defer { server.stop() }
        let (directory, path) = try write(Self.har, url: server.url)
        let outcome = try await Binary.run([
            "probe", "--api", "raw", "--har", path, "--har-entry", entry,
        ])
        #expect(outcome.status == 0, "\(outcome.stderr)")
        let request = try #require(server.requests.first)
        #expect(request.hasPrefix("POST /v1/chat/completions HTTP/1.1\r\n"))
        #expect(request.contains("\r\nX-Team: search\r\n"))
        #expect(request.contains("\r\nContent-Type: application/json\r\n"))
        #expect(request.contains("\r\nContent-Length: 29\r\n"))
        #expect(!request.lowercased().contains("accept-encoding"))
        #expect(!request.contains("authority"))
        #expect(request.hasSuffix("\r\n\r\n{\"stream\":true,\"messages\":[]}"))
        withExtendedLifetime(directory) {}
    }

    /// Files and entries, and a part of the sentence that refuses each.
    static let refused: [(String, String?, String)] = [
        (har, nil, "choose one by its number: 1 GET URL/page, 2 POST"),
        (har, "page", "1 GET URL/page, 3 GET URL/page2?key=***"),
        (
            har.replacing(#""text""#, with: #""params":[{"name":"a"}],"none""#), "2",
            "has its form as fields"
        ),
        (har, "9", "3 entries"), (har, "nowhere", "has no entry whose"),
        ("{\"log\":{\"entries\":[}}", nil, "line 1, column 20"),
        ("{\"log\":{}}", nil, "no log.entries"), ("{\"log\":{\"entries\":[]}}", nil, "no entries"),
        ("", nil, "isn't JSON"),
        (
            har.replacing(#"{\"stream\":true,\"messages\":[]}"#, with: #"{\"a\":}"#), "2",
            "log.har isn't JSON (line 1, column 6"
        ),
    ]

    @Test("a file or an entry that will not do is refused in one sentence", arguments: refused)
    func refuses(text: String, entry: String?, sentence: String) async throws {
        let url = "http://127.0.0.1:1"
        let (directory, path) = try write(text, url: url)
        let which = entry.map { ["--har-entry", $0] } ?? []
        let outcome = try await Binary.run(["--har", path, "-n", "1"] + which)
        #expect(outcome.status == 64)
        let wanted = sentence.replacing("URL", with: url)
        #expect(outcome.stderr.contains(wanted), "\(outcome.stderr)")
        #expect(outcome.stderr.split(separator: "\n").count == 1)
        #expect(!outcome.stderr.contains("hush-hush"))
        withExtendedLifetime(directory) {}
    }

    @Test("an entry needs its file") func needsFile() async throws {
        let outcome = try await Binary.run(["--har-entry", "1", "http://127.0.0.1:1/"])
        #expect(outcome.status == 64)
        #expect(outcome.stderr.contains("--har-entry needs --har"))
    }
}
