// Ranks and requests of merged results: what is refused, and what is said to be missing, doesn't
// depend on what was merged before.

import Testing

@testable import SSEBombCore
@testable import SSEBombReport

@Suite struct MergedRankTests {
    private func run(_ id: Int, _ rank: ProcessRank?, seed: UInt64 = 7) throws -> FinishedRun {
        var result = SampleRun.full(try SampleRun.plan())
        result.plan.storedRank = rank
        result.plan.seed = seed
        var run = finished(result)
        run.context.id = "run\(id)"
        return run
    }

    private func merge(_ runs: [FinishedRun], allowUnlike: Bool = false) throws -> FinishedRun {
        let whole = try ResultMerge.merge(
            runs.map { ($0.context.id, $0) },
            allowUnlike: allowUnlike,
            toolVersion: "9"
        )
        return try reading(whole.file.encoded())
    }

    /// "refused", or which ranks are missing.
    private func outcome(_ make: () throws -> [FinishedRun]) throws -> String {
        do {
            let runs = try make()
            _ = try merge(runs)
            return ResultMerge.missingRanks(runs.map { ($0.context.id, $0) }) ?? "none"
        } catch is MergeError { return "refused" }
    }

    @Test("refusals and missing ranks are the same however parts are grouped", arguments: 0..<40)
    func grouping(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        func chance(_ share: Int) -> Bool { Int.random(in: 0..<share, using: &random) == 0 }
        let numbers = (0..<6).shuffled(using: &random)
        let parts = try (0..<4).map { id in
            let count = chance(12) ? 7 : 6
            let number = chance(12) ? 0 : numbers[id]
            let rank = chance(12) ? nil : ProcessRank(number, of: count)
            return try run(id, rank, seed: chance(12) ? 8 : 7)
        }
        let flat = try outcome { parts }
        #expect(flat == (try outcome { parts.reversed() }))
        for grouped in [
            try outcome { [try merge([parts[0], parts[1]]), parts[2], parts[3]] },
            try outcome { [try merge([parts[3], parts[1]]), try merge([parts[0], parts[2]])] },
            try outcome { [parts[1], try merge([parts[2], try merge([parts[3], parts[0]])])] },
        ] {
            #expect(grouped == flat)
        }
    }

    @Test("the outcomes that grouping must not change do occur") func outcomes() throws {
        let (one, two) = (try run(0, ProcessRank(0, of: 2)), try run(1, ProcessRank(1, of: 2)))
        let both = try merge([one, two])
        func refusal(_ other: FinishedRun) -> String {
            do throws(MergeError) {
                _ = try ResultMerge.merge(
                    [("all", both), ("other", other)],
                    allowUnlike: false,
                    toolVersion: "9"
                )
                return ""
            } catch { return error.sentence }
        }
        #expect(refusal(try run(2, ProcessRank(1, of: 2))).contains("are both rank 1 of 2"))
        #expect(refusal(try run(2, nil)).contains("all is of a load of 2 ranks, and other is not"))
        #expect(refusal(try run(2, ProcessRank(2, of: 3))).contains("of a load of 2 ranks"))
        #expect(refusal(try run(2, ProcessRank(0, of: 2), seed: 8)) != "")
        #expect(try outcome { [both, try run(2, ProcessRank(1, of: 2))] } == "refused")
        #expect(ResultMerge.missingRanks([("all", both)]) == nil)
        let twice = try merge([two, try run(3, ProcessRank(1, of: 2))], allowUnlike: true)
        #expect(ResultMerge.missingRanks([("twice", twice)]) == nil)
        #expect(throws: MergeError.self) { try merge([one, twice]) }
        let lost = try merge([try run(4, ProcessRank(0, of: 3)), try run(5, ProcessRank(2, of: 3))])
        let sentence = ResultMerge.missingRanks([("lost", lost)])
        #expect(sentence?.contains("of 3 ranks 1 is missing") == true)
    }

    @Test("ranks that can't be are no ranks of a file") func damaged() throws {
        let document = try merge([run(0, ProcessRank(0, of: 2)), run(1, ProcessRank(1, of: 2))])
            .file.document
        for (rank, of) in [(2, 2), (-1, 2), (0, 1_001)] {
            var other = document
            other.run.merged?.ranks?[0].rank = rank
            other.run.merged?.ranks?[0].of = of
            #expect(throws: ResultFault.self) { try FinishedRun(restoring: other) }
        }
        var other = document
        other.run.merged?.parts = ["a"]
        #expect(throws: ResultFault.self) { try FinishedRun(restoring: other) }
    }
}
