// The digest of a plan's requests: what it tells apart, what it doesn't, and what becomes of
// results that have unlike ones.

import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct RequestDigestTests {
    private func digest(_ change: (inout RunPlan) throws -> Void = { _ in }) throws -> UInt32 {
        var plan = try SampleRun.plan(
            target: "/v1/chat?key=canary&a=1",
            headers: [HeaderField(name: "Authorization", value: "Bearer canary")]
        )
        try change(&plan)
        return RequestDigest(plan).value
    }

    /// A source whose prompts are words and whose requests have a number, a UUID and a limit.
    private func source(words: Double = 8, model: String = "m") throws -> RequestSource {
        var pattern = RequestPattern()
        let text = #"{"model":"\#(model)","i":{{index}},"u":"{{uuid}}","p":"{{prompt}}"}"#
        try pattern.append(template: Array(text.utf8)[...], as: .json)
        var parts = RequestParts()
        parts.body = .pattern(pattern)
        parts.prompt = .synthetic(SyntheticPrompts(length: .constant(words)))
        let request = RequestSpecification(
            method: "POST",
            scheme: "http",
            host: "h",
            port: 80,
            target: "/",
            headers: [],
            body: []
        )
        return try RequestSource(parts, head: RequestTemplate(request, userAgent: "t"))
    }

    @Test("other work has another digest: method, path, names in the query, bodies of one length")
    func tells() throws {
        let base = try digest()
        for (name, other) in [
            ("method", try digest { $0.request.method = "PUT" }),
            ("path", try digest { $0.request.target = "/v1/chit?key=canary&a=1" }),
            ("query", try digest { $0.request.target = "/v1/chat?key=canary&b=1" }),
            ("body", try digest { $0.request.body = Array(#"{"stream":tru1}"#.utf8) }),
            ("no body", try digest { $0.request.body = nil }),
            ("source", try digest { $0.source = try source() }),
        ] {
            #expect(other != base, "\(name)")
        }
        let requests = try digest { $0.source = try source() }
        #expect(requests != (try digest { $0.source = try source(words: 9) }))
        #expect(requests != (try digest { $0.source = try source(model: "n") }))
    }

    @Test("place, values of query and headers, seed, rank and loops are no other work")
    func ignores() throws {
        for base in [{ _ in }, { $0.source = try source() }] as [(inout RunPlan) throws -> Void] {
            let known = try digest(base)
            let other = try digest {
                try base(&$0)
                $0.request.host = "other"
                $0.request.target = "/v1/chat?key=other&a=2"
                $0.request.headers = []
                ($0.seed, $0.threads, $0.streams) = (99, 7, 3)
                $0.rank = ProcessRank(1, of: 3)
            }
            #expect(known == other)
        }
    }

    @Test("a stored plan keeps its digest, or has none") func stored() throws {
        let run = finished(SampleRun.full(try SampleRun.plan()))
        let live = try #require(run.result.requestDigest)
        let back = try reading(run.file.encoded())
        #expect(back.result.requestDigest == live)
        #expect(RequestDigest.text(0x1F) == "0000001f" && RequestDigest.value("0000001f") == 0x1F)
        for text in ["1f", "0000001F", "+000001f", "0000001g", ""] {
            #expect(RequestDigest.value(text) == nil)
            var document = run.file.document
            document.plan.requestDigest = text
            #expect(throws: ResultFault.self) { try FinishedRun(restoring: document) }
        }
        var document = run.file.document
        document.plan.requestDigest = nil
        #expect(try FinishedRun(restoring: document).result.requestDigest == nil)
    }

    @Test("with classes it is of all of them") func classes() throws {
        var result = SampleRun.full(try SampleRun.plan())
        result.classes = ["a", "b"].map { ClassResult($0, result) }
        let whole = try #require(result.requestDigest)
        #expect(try reading(finished(result).file.encoded()).result.requestDigest == whole)
        var other = result
        other.classes[1].result.plan.request.body = Array("x".utf8)
        #expect(other.requestDigest != whole && other.asksUnlike(result))
        other.classes[1].result.plan.storedRequests = RequestFacts(
            summary: nil,
            hasVaryingBodies: false
        )
        #expect(other.requestDigest == nil && !other.asksUnlike(result))
    }

    /// A stored run whose digest is this one.
    private func run(_ id: String, _ digest: String?) throws -> FinishedRun {
        var document = finished(SampleRun.full(try SampleRun.plan())).file.document
        document.run.id = id
        document.plan.requestDigest = digest
        return try FinishedRun(restoring: document)
    }

    @Test("results of different work are neither merged nor compared, unless told") func refusals()
        throws
    {
        // The first has none, so it can't be what others are held against.
        let runs = [
            try run("x", nil), try run("a", "00000001"), try run("b", "00000001"),
            try run("c", "00000002"),
        ]
        let named = runs.map { ($0.context.id, $0) }
        func merge(_ parts: [ResultMerge.Part], _ allowUnlike: Bool = false) throws(MergeError)
            -> FinishedRun
        {
            try ResultMerge.merge(parts, allowUnlike: allowUnlike, toolVersion: "9")
        }
        #expect(try merge(Array(named[0...2])).result.requestDigest == 1)
        let error = #expect(throws: MergeError.self) { try merge(named) }
        #expect(error?.sentence.contains("a and c asked for different work") == true)
        let both = try merge(Array(named[0...1]))
        #expect(throws: MergeError.self) { try merge([("both", both), named[3]]) }
        #expect(try merge(named, true).result.counts.completed == 4_000)

        let compared = runs.map {
            ComparedRun($0.result, verdict: Verdict(reasons: []), name: $0.context.id, id: "")
        }
        func sentence(_ base: ComparedRun, _ new: [ComparedRun]) -> String? {
            do throws(ComparisonRefusal) {
                _ = try Comparison(base: [base], new: new)
                return nil
            } catch { return error.sentence }
        }
        let words = sentence(compared[1], [compared[3]]) ?? ""
        #expect(words.hasPrefix("a and c asked for different work (other bodies, "))
        #expect(words.hasSuffix(": repeat one of them, or say --allow-unlike"))
        #expect(sentence(compared[0], [compared[3]])?.contains("asked for") != true)
        #expect(sentence(compared[0], [compared[1], compared[3]])?.hasPrefix("a and c ") == true)
        var options = ComparisonOptions()
        options.allowsUnlike = true
        let warned = try Comparison(base: [compared[1]], new: [compared[3]], options: options)
        #expect(warned.warnings.contains { $0.contains("asked for different work") })
    }
}
