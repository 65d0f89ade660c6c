/// A metric's labels in the order of their names.
struct Labels: Sendable, Hashable, Comparable {
  let pairs: [Pair]

  struct Pair: Sendable, Hashable {
    var name: String
    var value: String
  }

  init(_ labels: KeyValuePairs<String, String>) {
    pairs = labels.map { Pair(name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
    for (index, pair) in pairs.enumerated() {
      precondition(Self.isName(pair.name) && !pair.name.hasPrefix("__"), "\(pair.name) cannot be a label's name")
      precondition(index == 0 || pairs[index - 1].name != pair.name, "the label \(pair.name) stands twice")
    }
  }

  /// Numbers in values by their size: shard 2 before shard 10.
  static func < (a: Labels, b: Labels) -> Bool {
    for (left, right) in zip(a.pairs, b.pairs) where left != right {
      if left.name != right.name { return left.name < right.name }
      if let low = Int64(left.value), let high = Int64(right.value), low != high { return low < high }
      return left.value < right.value
    }
    return a.pairs.count < b.pairs.count
  }

  /// Letters, digits and `_`, no digit first. (Colons are for names that Prometheus' own rules make.)
  static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= first) else { return false }
    return text.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
  }
}
