// Where the keys of a scenario stand: the TOML library gives positions of syntax errors alone, and
// an error in a value has to name its line, too.

/// The lines of a scenario's text.
struct ScenarioLines {
    /// A key and its line, from 1.
    struct Key {
        var name: String
        var line: Int
    }

    private(set) var top: [Key] = []
    private var classes: [(heading: Int, keys: [Key])] = []

    init(_ text: String) {
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        for (index, line) in lines.enumerated() {
            let number = index + 1
            let words = line.filter { $0 != " " && $0 != "\t" }
            if words.hasPrefix("[[class]]") {
                classes.append((number, []))
            } else if words.hasPrefix("["), words.contains("]") {
                // A table, which nothing in a scenario is but a class.
                let name = words.drop { $0 == "[" }.prefix { $0 != "]" }
                top.append(Key(name: String(name), line: number))
            } else if let equals = line.firstIndex(of: "=") {
                let name = line[..<equals].filter { !" \t\"'".contains($0) }
                let key = Key(name: String(name), line: number)
                if classes.isEmpty {
                    top.append(key)
                } else {
                    classes[classes.count - 1].keys.append(key)
                }
            }
        }
    }

    /// The line of a class's heading.
    func line(ofClass index: Int) -> Int {
        classes.indices.contains(index) ? classes[index].heading : 1
    }

    /// The line of `key` in a class, or above all of them; the heading's where it isn't found.
    func line(of key: String, in index: Int?) -> Int {
        guard let index else { return top.first { $0.name == key }?.line ?? 1 }
        return keys(in: index).first { $0.name == key }?.line ?? line(ofClass: index)
    }

    /// The keys of a class.
    func keys(in index: Int) -> [Key] {
        classes.indices.contains(index) ? classes[index].keys : []
    }
}
