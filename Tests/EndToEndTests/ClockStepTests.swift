// A step of the wall clock in the middle of a run, through a clock that a preloaded fixture
// injects: the machine's own is never set. The mock, whose truth the client is held against, has no
// preload.

import Foundation
import Glibc
import Testing

@Suite(
    "Steps of the wall clock",
    .serialized,
    .enabled(if: Contention.isAlone, Comment(rawValue: Contention.notAlone)),
    .enabled(if: Tool.compiler != nil || Tool.mustExist, Comment(rawValue: Tool.noCompiler)),
    .disabled(if: Binary.isSanitized, "a sanitizer's runtime takes no preloaded library")
)
struct ClockStepTests {
    /// The fixture, compiled once a process.
    private enum Fixture {
        static let place = Result { try TemporaryDirectory() }
        static let built = Task { () throws -> String in
            let directory = try place.get()
            atexit {
                if case .success(let directory) = Fixture.place {
                    try? FileManager.default.removeItem(atPath: directory.path)
                }
            }
            let object = directory.file("clock_step.so")
            guard let compiler = Tool.compiler else { throw TestFailure(Tool.noCompiler) }
            let outcome = try await Tool.run(
                compiler,
                ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", object]
                    + [Tool.fixture("clock_step.c"), "-ldl"]
            )
            guard outcome.status == 0 else {
                throw TestFailure("can't compile clock_step.c: \(outcome.stderr)")
            }
            return object
        }
    }

    private static let hour = 3_600_000_000_000
    private static let never = -1
    private static let streams = 50

    /// One load of 1.5 s over the step, beside the truth.
    private func run(step: Int, toldAfter: Int) async throws -> (run: LoadRun, truth: JSONValue) {
        let mock = try await Mock(["--ttft", "50ms", "--itl", "100ms", "--tokens", "15"])
        let object = try await Fixture.built.value
        let run = try await LoadRun.run(
            // Spread over one gap, so that something arrives all the time.
            Mock.chatBody + ["-c", "\(Self.streams)", "-n", "\(Self.streams)"]
                + ["--connect-rate", "500", mock.chat],
            environment: [
                "LD_PRELOAD": object, "STEP_AFTER_NS": "700000000", "STEP_NS": "\(step)",
                "STEP_TOLD_NS": "\(toldAfter)",
            ]
        )
        return (run, try await mock.stop())
    }

    /// Every latency is the mock's. A step that was taken for time would show in the gap that
    /// spans it, of every stream: 1 in 14 gaps, so from p93 on, by the length of the step.
    private func expectTruth(_ run: LoadRun, _ truth: JSONValue) throws {
        #expect(run.failures == [:])
        #expect(run.completed == Self.streams)
        for name in ["ttft", "gap"] {
            let (told, real) = (run.result["metrics"][name], truth["metrics"][name])
            #expect(told["count"].int == real["count"].int)
            for figure in ["p50", "p99", "min", "max"] {
                let seen = try #require(told[figure].int)
                let actual = try #require(real[figure].int)
                // Less than half of the least step.
                #expect(
                    abs(seen - actual) < 2_000_000,
                    "\(name) \(figure): \(seen), in truth \(actual)"
                )
            }
        }
        // Nothing that isn't in the mock's record may be at the scale of the step either.
        for metric in run.result["metrics"].keys ?? [] {
            let most = try #require(run.result["metrics"][metric]["max"].int)
            #expect(most < 20_000_000_000, "\(metric): \(most)")
        }
        let replaced = try #require(run.result["counts"]["stamps_replaced"].int)
        let reads = try #require(run.result["client"]["loops"][0]["reads"].int)
        #expect(replaced < reads / 10, "\(replaced) of \(reads)")
    }

    @Test(
        "a step that the loop is told of leaves every latency right, and is counted",
        arguments: [hour, -hour, 5_000_000, -5_000_000]
    )
    func told(step: Int) async throws {
        let (run, truth) = try await run(step: step, toldAfter: 0)
        try expectTruth(run, truth)
        #expect(run.result["counts"]["clock_steps"].int == 1)
        let reasons = run.result["verdict"]["reasons"].array ?? []
        #expect(reasons.contains { $0["code"].text == "clock_step" })
    }

    @Test("until the loop hears of a step, or finds it, stamps are replaced")
    func toldLate() async throws {
        var replaced = 0
        for step in [Self.hour, -Self.hour] {
            for delay in [20_000_000, Self.never] {
                let (run, truth) = try await run(step: step, toldAfter: delay)
                try expectTruth(run, truth)
                let steps = run.result["counts"]["clock_steps"].int
                #expect(steps == (delay == Self.never ? 0 : 1))
                replaced += run.result["counts"]["stamps_replaced"].int ?? 0
            }
        }
        // In a single run the loop's own look, every 50 ms, may follow the step at once.
        #expect(replaced > 0)
    }
}
