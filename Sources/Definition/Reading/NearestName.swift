/// Finds the known name that a user most likely meant.
public enum NearestName {
  /// The known name with the fewest typing errors, if they are few for the name's length; the first of equals.
  /// Names that differ only in case or in `-`, `_` and spaces count as equal to one error.
  public static func find(_ name: String, among known: some Sequence<String>) -> String? {
    let wanted = Array(name.unicodeScalars.prefix(64))
    guard !wanted.isEmpty else { return nil }
    let folded = fold(name)
    var best: String?
    var bestDistance = max(1, min(3, wanted.count / 3)) + 1
    for candidate in known {
      if candidate != name && fold(candidate) == folded && bestDistance > 1 {
        best = candidate
        bestDistance = 1
        continue
      }
      let other = Array(candidate.unicodeScalars)
      guard abs(other.count - wanted.count) < bestDistance, other.count <= 64 else { continue }
      let distance = distance(wanted, other)
      if distance < bestDistance && distance < max(wanted.count, other.count) {
        best = candidate
        bestDistance = distance
      }
    }
    return best
  }

  /// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other (optimal string
  /// alignment, the restricted Damerau–Levenshtein distance).
  static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in 1...a.count {
      var row = [i]
      row.reserveCapacity(b.count + 1)
      for j in 1...b.count {
        let cost = a[i - 1] == b[j - 1] ? 0 : 1
        var value = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
        if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
          value = min(value, beforeLast[j - 2] + 1)
        }
        row.append(value)
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }

  private static func fold(_ name: String) -> String {
    name.lowercased().filter { $0 != "-" && $0 != "_" && $0 != " " }
  }
}
