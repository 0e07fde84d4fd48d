// What tells the work that a load asked for from other work, where a result must not hold the
// requests themselves: a few digits over them. Must not know who compares.

import SSEBombCore

/// FNV-1a, 32 bits: enough to tell two plans apart, too little for anything of a body to
/// be got from it.
struct RequestDigest {
    /// So many requests are looked at.
    private static let requests: UInt64 = 16
    /// So many bytes of each body.
    private static let mostBytes = 1 << 20
    /// Bodies are made with this seed whatever the run's was, for what is random in them is no
    /// difference between two plans.
    private static let seed: UInt64 = 1

    /// What may differ where digests do.
    static let words =
        "other bodies, another method, path or names in the query, by plan.request_digest"
    /// That of merged results of unlike work.
    static let mixed: UInt32 = 0

    private(set) var value: UInt32 = 0x811C_9DC5

    /// Of the requests of a plan that can be carried out; no value of a header or a query enters.
    init(_ plan: RunPlan) {
        let request = plan.request
        add(request.method.utf8)
        add(Self.withoutValues(request.target).utf8)
        guard let source = plan.source else {
            add(body: request.body)
            return
        }
        for number in 0..<Self.requests {
            add(body: source.preview(number, seed: Self.seed).body)
        }
    }

    /// Of classes by their digests. Their names don't count: with several URLs they say where the
    /// servers stand.
    init(classes: [UInt32]) {
        for digest in classes { add(number: UInt64(digest)) }
    }

    /// That of a result which was merged of two with these; nil stands for one that isn't known.
    static func joined(_ one: UInt32?, _ other: UInt32?) -> UInt32? {
        guard let one, let other else { return one ?? other }
        return one == other ? one : mixed
    }

    /// As the result file has it: 8 hexadecimal digits.
    static func text(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    /// nil for any other text.
    static func value(_ text: String) -> UInt32? {
        guard let value = UInt32(text, radix: 16), Self.text(value) == text else { return nil }
        return value
    }

    private static func withoutValues(_ target: String) -> String {
        guard let mark = target.firstIndex(of: "?") else { return target }
        let names = target[mark...].split(separator: "&", omittingEmptySubsequences: false)
        return target[..<mark] + names.map { $0.prefix { $0 != "=" } }.joined(separator: "&")
    }

    private mutating func add(body: [UInt8]?) {
        add(number: UInt64(body?.count ?? 0))
        body?.withUnsafeBytes { add(UnsafeRawBufferPointer(rebasing: $0.prefix(Self.mostBytes))) }
    }

    private mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { value = (value ^ UInt32(byte)) &* 0x0100_0193 }
        // So that no two fields run into one: no byte of UTF-8 is 255.
        value = (value ^ 0xFF) &* 0x0100_0193
    }

    private mutating func add(number: UInt64) {
        add((0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) })
    }
}

extension RunPlan {
    /// nil for a stored plan of before results had one.
    var requestDigest: UInt32? {
        storedRequests.map(\.digest) ?? RequestDigest(self).value
    }
}

extension RunResult {
    /// That of the plan; with classes of all of them, nil where one has none.
    var requestDigest: UInt32? {
        guard !classes.isEmpty else { return plan.requestDigest }
        let known = classes.compactMap(\.result.plan.requestDigest)
        return known.count == classes.count ? RequestDigest(classes: known).value : nil
    }

    /// Whether both have a digest, and not the same.
    func asksUnlike(_ other: RunResult) -> Bool {
        guard let mine = requestDigest, let theirs = other.requestDigest else { return false }
        return mine != theirs
    }
}
