// The report's part on what servers say of their own work, set beside what the client saw. Printed
// where a server said something.

import SSEBombCore

extension TextReport {
    func serverTimes(_ layout: inout TextLayout) {
        let pairs: [(says: Metric, word: String, saw: Metric)] = [
            (.serverQueue, "queue", .ttft), (.serverPrefill, "prefill", .ttft),
            (.serverDecode, "decode", .lastToken),
        ]
        let lines = pairs.compactMap { pair in
            median(pair.says).map { says in
                "server says \(pair.word) \(says)"
                    + (median(pair.saw).map { ", client saw \(pair.saw.rawValue) \($0)" } ?? "")
            }
        }
        guard !lines.isEmpty else { return }
        layout.section("The server's own times, medians")
        for line in lines { layout.note(line) { _ in { $0 } } }
    }

    private func median(_ metric: Metric) -> String? {
        guard let histogram = result.histograms[metric], !histogram.isEmpty else { return nil }
        let value = min(histogram.percentile(ReportedPercentile.p50.rawValue), histogram.max)
        return "\(Units.duration(value)) (n \(Units.count(histogram.count)))"
    }
}
