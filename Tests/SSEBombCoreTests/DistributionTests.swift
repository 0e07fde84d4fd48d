// Distributions: their grammar, and that draws have the shape that their name promises.

import Testing

@testable import SSEBombCore

@Suite struct DistributionTests {
    @Test(
        "a duration is read in every spelling",
        arguments: [
            ("200ms", Distribution.constant(200e6)), ("1.5s", .constant(1.5e9)),
            ("2", .constant(2e9)), ("0", .constant(0)), ("7us", .constant(7e3)),
            ("5ns", .constant(5)), ("1m", .constant(60e9)),
            ("exp:200ms", .exponential(mean: 200e6)),
            ("lognormal:200ms,0.5", .lognormal(median: 200e6, sigma: 0.5)),
            ("uniform:10ms,80ms", .uniform(10e6, 80e6)),
            ("normal:200ms,50ms", .normal(mean: 200e6, deviation: 50e6)),
        ]
    )
    func reads(text: String, expected: Distribution) throws {
        #expect(try Distribution(parsing: text, as: .duration, flag: "--itl") == expected)
    }

    @Test(
        "a count is read as a plain number",
        arguments: [
            ("100", Distribution.constant(100)), ("2k", .constant(2_000)),
            ("uniform:10,200", .uniform(10, 200)), ("exp:64", .exponential(mean: 64)),
        ]
    )
    func readsCount(text: String, expected: Distribution) throws {
        #expect(try Distribution(parsing: text, as: .count, flag: "--tokens") == expected)
    }

    @Test(
        "what is no distribution is refused with a sentence that names the flag",
        arguments: [
            "", "fast", "-1ms", "200mss", "exp", "exp:", "exp:1ms,2ms", "lognormal:1ms",
            "lognormal:1ms,2ms", "uniform:80ms,10ms", "uniform:1ms", "normal:1ms", "exp:exp:1ms",
            "1e400", "nan", "400000h", "constant:5ms", "1..5s",
        ]
    )
    func refuses(text: String) {
        let error = #expect(throws: SetupError.self) {
            try Distribution(parsing: text, as: .duration, flag: "--itl")
        }
        #expect(error?.kind == .usage)
        #expect(error?.sentence.contains("--itl") == true)
    }

    @Test("a count has no unit of time")
    func countHasNoTime() {
        #expect(throws: SetupError.self) {
            try Distribution(parsing: "100ms", as: .count, flag: "--tokens")
        }
    }

    private func sorted(_ distribution: Distribution, _ count: Int = 100_000) -> [Double] {
        var random = SeededRandom(seed: 7)
        return (0..<count).map { _ in distribution.sample(&random) }.sorted()
    }

    private func mean(_ values: [Double]) -> Double {
        values.reduce(0, +) / Double(values.count)
    }

    // With 100,000 draws the standard error of each figure is below a third of its tolerance.

    @Test("an exponential draw has its mean, and ln 2 of it as median")
    func exponential() {
        let values = sorted(.exponential(mean: 1_000))
        #expect(abs(mean(values) - 1_000) < 15)
        #expect(abs(values[50_000] - 693.1) < 15)
        #expect(values[0] >= 0)
    }

    @Test("a lognormal draw has its median and spread")
    func lognormal() {
        let values = sorted(.lognormal(median: 1_000, sigma: 0.5))
        #expect(abs(values[50_000] - 1_000) < 15)
        // One sigma above the median: e to the 0.5.
        #expect(abs(values[84_134] - 1_648.7) < 30)
        #expect(abs(mean(values) - 1_133.1) < 15)
    }

    @Test("a normal draw has its mean and spread, and is never negative")
    func normal() {
        let values = sorted(.normal(mean: 1_000, deviation: 100))
        #expect(abs(mean(values) - 1_000) < 2)
        #expect(abs(values[84_134] - 1_100) < 3)
        #expect(sorted(.normal(mean: 0, deviation: 100))[0] == 0)
    }

    @Test("a uniform draw fills its range and stays in it")
    func uniform() {
        let values = sorted(.uniform(100, 300))
        #expect(values[0] >= 100 && values[0] < 101)
        #expect(values[99_999] <= 300 && values[99_999] > 299)
        #expect(abs(mean(values) - 200) < 1)
    }

    @Test(
        "what can only be 0 is known to be",
        arguments: [
            (Distribution.constant(0), true), (.exponential(mean: 0), true),
            (.lognormal(median: 0, sigma: 3), true), (.normal(mean: 0, deviation: 0), true),
            (.uniform(0, 0), true), (.constant(1), false), (.exponential(mean: 1), false),
            (.lognormal(median: 1, sigma: 0), false), (.normal(mean: 0, deviation: 1), false),
            (.uniform(0, 1), false),
        ]
    )
    func zero(law: Distribution, isZero: Bool) {
        #expect(law.isZero == isZero)
        #expect(sorted(law, 100).allSatisfy { $0 == 0 } == isZero)
    }

    @Test("no draw exceeds a day")
    func bounded() {
        let values = sorted(.lognormal(median: 80_000e9, sigma: 10), 1_000)
        #expect(values.allSatisfy { $0 >= 0 && $0 <= 86_400e9 })
        #expect(values[999] == 86_400e9)
    }
}
