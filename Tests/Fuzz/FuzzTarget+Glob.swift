import Platform
import TestKit

extension FuzzTarget {
  /// Globs against paths: no pattern takes long, and a pattern without wildcards matches itself.
  static let glob = FuzzTarget(name: "glob") { fuzzCase in
    let alphabet = Array("aab/**??[]{},!-\\.é")
    let pattern = String((0..<fuzzCase.random.pick([1, 4, 12, 60])).map { _ in fuzzCase.random.pick(alphabet) })
    let path = String((0..<fuzzCase.random.pick([0, 3, 12, 200])).map { _ in fuzzCase.random.pick(Array("aab/.é-")) })
    fuzzCase.give(Array((pattern + "\n" + path).utf8))
    do {
      let glob = try Glob(pattern)
      _ = glob.matches(path)
      if !pattern.contains(where: { "*?[]{}\\".contains($0) }) {
        try require(glob.matches(pattern), "'\(pattern)' does not match itself")
      }
    } catch is GlobError {
      return
    }
  }
}
