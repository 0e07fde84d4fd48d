// The text of a prompt block: made of its number alone, so that equal numbers are equal texts in
// every request, run and program. Pure; knows no trace.

/// Words that stand for about one token each, as many as a block has.
enum BlockText {
    /// Every word takes the space before it and four letters, so that the size is known before the
    /// text is.
    static let bytesPerWord = 5

    /// Frequent English words of four letters: tokenizers of current models have most of them, with
    /// the space before, as one token.
    private static let words: StaticString = """
        that with have this will your from they know want been good much some time very when come \
        here just like long make many more only over such take than them well were what work year \
        back call came each even find give hand high keep last left life live look made most move \
        must name need next open part play said same seem show side tell turn used week went word
        """
    private static let wordCount: UInt64 = 72

    /// Writes the text of block `id`, `tokens` words, to the start of `memory`, which has room for
    /// `bytesPerWord` bytes each. Letters and spaces only: nothing that JSON would escape.
    static func write(_ id: UInt64, tokens: Int, to memory: UnsafeMutableRawBufferPointer) {
        var random = SeededRandom(seed: id)
        let list = UnsafeRawPointer(words.utf8Start)
        for word in 0..<tokens {
            // The high half of the product: even but for less than one in 2^57.
            let pick = Int(random.next().multipliedFullWidth(by: wordCount).high)
            let place = word * bytesPerWord
            memory[place] = UInt8(ascii: " ")
            for letter in 0..<4 {
                memory[place + 1 + letter] = list.load(
                    fromByteOffset: pick * bytesPerWord + letter,
                    as: UInt8.self
                )
            }
        }
    }
}
