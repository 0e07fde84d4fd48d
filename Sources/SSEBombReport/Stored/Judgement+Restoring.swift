// A stored verdict and stored gates back as values. They are what was judged then, by what was
// known then: nothing is judged again.

import SSEBombCore

extension Verdict {
    /// - Parameter parts: how many runs the result was merged from; nil for one run's.
    init(
        restoring record: ResultDocument.VerdictRecord,
        parts: Int?
    ) throws(ResultFault) {
        var reasons: [Reason] = []
        for reason in record.reasons { reasons.append(try Reason(restoring: reason, parts)) }
        var server: [Reason] = []
        for reason in record.server { server.append(try Reason(restoring: reason, parts)) }
        let calibration = record.calibration.map {
            Calibration.Coverage(
                file: PrintableText.line($0.file),
                transport: $0.transport,
                streams: $0.streams,
                rate: $0.rate,
                loops: $0.loops,
                within: $0.within
            )
        }
        self.init(reasons: reasons, server: server, calibration: calibration)
        guard state.rawValue == record.state else { throw .field("verdict.state") }
    }
}

extension Verdict.Reason {
    fileprivate init(
        restoring record: ResultDocument.VerdictRecord.Reason,
        _ all: Int?
    ) throws(ResultFault) {
        var state = Verdict.State.valid
        if let name = record.state {
            guard let known = Verdict.State(rawValue: name) else {
                throw .unknown("verdict.reasons.state", name)
            }
            state = known
        }
        self.init(
            code: PrintableText.line(record.code),
            state: state,
            sentence: PrintableText.line(record.sentence),
            value: record.value,
            bound: record.bound,
            parts: try all.flatMap { (all) throws(ResultFault) in
                guard let count = record.parts else { return nil }
                guard (1...max(1, all)).contains(count) else {
                    throw .field("verdict.reasons.parts")
                }
                return Parts(count: count, all: all)
            }
        )
    }
}

extension ThresholdResult {
    init(restoring record: ResultDocument.ThresholdRecord) throws(ResultFault) {
        guard let outcome = Outcome(rawValue: record.outcome) else {
            throw .unknown("thresholds.outcome", record.outcome)
        }
        self.init(
            threshold: try Threshold(restoring: record),
            outcome: outcome,
            value: record.value,
            samples: record.samples,
            floor: record.floor,
            unfinished: record.unfinished ?? 0,
            sentence: PrintableText.line(record.sentence),
            hasEndedRun: record.endedRun ?? false
        )
    }
}

extension Threshold {
    fileprivate init(restoring record: ResultDocument.ThresholdRecord) throws(ResultFault) {
        guard let subject = Subject(named: record.metric) else {
            throw .unknown("thresholds.metric", record.metric)
        }
        guard let aggregate = Aggregate(named: record.aggregate) else {
            throw .unknown("thresholds.aggregate", record.aggregate)
        }
        guard let comparison = Comparison(rawValue: record.operator) else {
            throw .unknown("thresholds.operator", record.operator)
        }
        self.init(
            expression: PrintableText.line(record.expression),
            subject: subject,
            aggregate: aggregate,
            comparison: comparison,
            bound: record.bound,
            scope: record.scope
        )
    }
}

extension Threshold.Subject {
    fileprivate init?(named name: String) {
        if let metric = Metric(rawValue: name) {
            self = .metric(metric)
            return
        }
        let counted: [Threshold.Subject] = [
            .failures, .requests, .tokens, .events, .attainment, .goodput,
        ]
        guard let known = counted.first(where: { $0.name == name }) else { return nil }
        self = known
    }
}

extension Threshold.Aggregate {
    fileprivate init?(named name: String) {
        let words: [Threshold.Aggregate] = [.average, .least, .greatest, .share, .count, .rate]
        if let known = words.first(where: { $0.name == name }) {
            self = known
            return
        }
        guard name.hasPrefix("p"), let percentile = Double(name.dropFirst()), percentile > 0,
            percentile < 100
        else { return nil }
        self = .percentile(percentile)
    }
}
