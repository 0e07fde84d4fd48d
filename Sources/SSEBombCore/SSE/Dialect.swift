// Which API's events a stream carries. A dialect is either given by flag, and then stays, or
// recognised from the first event whose shape is known. Knows no bytes; TokenProbe reads them.

/// The API whose events a stream carries.
public enum Dialect: UInt8, Sendable, BitwiseCopyable {
    /// Not known yet: the first event with a known shape decides.
    case undetermined
    /// OpenAI chat completions: `choices[].delta`.
    case openaiChat
    /// OpenAI completions: `choices[].text`.
    case openaiCompletions
    /// Any event stream: every event counts as a token, the end is the end of the body.
    case raw
}
