// The Kolmogorov-Smirnov test against published values, and the gamma distribution against its
// closed forms.

import Glibc
import Testing

@testable import SSEBombCore

@Suite("Kolmogorov-Smirnov") struct KolmogorovSmirnovTests {
    @Test(
        "The limiting distribution has its published critical values",
        arguments: [
            (0.5, 0.9639452437), (0.8275735552, 0.5), (1, 0.2699996717), (1.2238478702, 0.1),
            (1.3580986393, 0.05), (1.6276236115, 0.01), (1.9494746035, 0.001),
        ]
    )
    func survival(x: Double, share: Double) {
        #expect(abs(KolmogorovSmirnov.survival(x) - share) < 1e-9)
    }

    @Test("Its two series meet, and its ends are 1 and 0") func ends() {
        let below = KolmogorovSmirnov.survival(1.18 - 1e-12)
        #expect(abs(below - KolmogorovSmirnov.survival(1.18)) < 1e-11)
        #expect(KolmogorovSmirnov.survival(0) == 1 && KolmogorovSmirnov.survival(0.05) == 1)
        #expect(KolmogorovSmirnov.survival(20) == 0)
    }

    @Test("The statistic is the greatest distance, above or below") func statistic() throws {
        // Ten even samples, each in the middle of its tenth: 0.05 on either side.
        let even = (0..<10).map { (Double($0) + 0.5) / 10 }
        let uniform: (Double) -> Double = { min(max($0, 0), 1) }
        let fair = try #require(KolmogorovSmirnov(even.reversed(), against: uniform))
        #expect(abs(fair.statistic - 0.05) < 1e-12 && fair.count == 10 && fair.pValue > 0.999)
        // All in the lower half: at 0.5 all samples are below, and half of the law.
        let low = try #require(KolmogorovSmirnov(even.map { $0 / 2 }, against: uniform))
        #expect(abs(low.statistic - 0.525) < 1e-12)
        let high = try #require(KolmogorovSmirnov(even.map { 0.5 + $0 / 2 }, against: uniform))
        #expect(abs(high.statistic - 0.525) < 1e-12)
        #expect(low.pValue < 0.01 && low.pValue == high.pValue)
        #expect(KolmogorovSmirnov(Array(even.dropLast()), against: uniform) == nil)
    }

    @Test("The gamma distribution has its closed forms", arguments: [0.01, 0.3, 1, 2.5, 9, 40])
    func gamma(x: Double) {
        let cumulative = GammaDistribution.cumulative
        #expect(abs(cumulative(x, 1) - (1 - exp(-x))) < 1e-13)
        #expect(abs(cumulative(x, 0.5) - erf(x.squareRoot())) < 1e-13)
        #expect(abs(cumulative(x, 2) - (1 - (1 + x) * exp(-x))) < 1e-13)
        // P(a + 1, x) = P(a, x) - x^a e^-x / gamma(a + 1) (DLMF 8.8.5).
        for shape in [0.01, 0.7, 3.3, 30] {
            let step = pow(x, shape) * exp(-x) / tgamma(shape + 1)
            let next = cumulative(x, shape + 1)
            #expect(abs(next - (cumulative(x, shape) - step)) < 1e-12, "shape \(shape)")
        }
    }

    @Test("The gamma distribution of the greatest shape is that of a narrow normal one")
    func narrow() {
        // Shape 10^4, as of a coefficient of variation of 0.01: mean 10^4, deviation 100.
        let at = { GammaDistribution.cumulative(10_000 + 100 * $0, shape: 10_000) }
        #expect(abs(at(0) - 0.50133) < 1e-4)
        #expect(abs(at(1) - 0.8413) < 2e-3 && abs(at(-1) - 0.1587) < 2e-3)
        #expect(GammaDistribution.cumulative(0, shape: 3) == 0)
        #expect(GammaDistribution.cumulative(1e6, shape: 3) == 1)
    }
}
