// What one request of a trace asks for: lengths, and which parts of its prompt it shares with
// others. Filled in by who reads the trace; RequestSource makes bytes of it.

/// The shape of one request.
///
/// What is left nil or empty is the source's to decide. The pointers need to be valid only while
/// the request is rendered.
public struct RequestShape {
    /// Length of the prompt in about as many tokens; the prompt is then made of words.
    public var promptTokens: UInt32?
    /// What takes the place of `max_tokens`.
    public var maxTokens: UInt32?
    /// Names of the prompt's leading blocks: prompts that begin with the same names begin with the
    /// same text. What is longer than the blocks gets words of its own.
    public var blocks = UnsafeBufferPointer<UInt64>(start: nil, count: 0)
    /// About as many tokens a block; Mooncake's traces have 512.
    public var tokensPerBlock: UInt32 = 512
    /// A whole body, byte-exact; the other fields then say nothing.
    public var body: UnsafeRawBufferPointer?

    /// A shape that leaves everything to the source.
    public init() {}
}
