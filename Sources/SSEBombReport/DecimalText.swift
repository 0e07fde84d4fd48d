// Numbers as people write bounds: digits and a point, nothing else. What `Double` reads beside them
// (hexadecimal, exponents, "inf", "nan", signs) would be a slip that passes for a bound. Pure
// functions.

/// Plain decimal numbers.
public enum DecimalText {
    /// The number that a text is; nil for anything but digits and at most one point among them.
    public static func value(_ text: some StringProtocol) -> Double? {
        guard text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }),
            let number = Double(text), number.isFinite
        else { return nil }
        return number
    }

    /// The same with a sign before it, or none.
    public static func signed(_ text: some StringProtocol) -> Double? {
        let sign = text.first { $0 == "+" || $0 == "-" }
        guard let sign, text.first == sign else { return value(text) }
        return value(text.dropFirst()).map { sign == "-" ? -$0 : $0 }
    }
}
