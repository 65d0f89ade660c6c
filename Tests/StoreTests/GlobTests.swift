import Foundation
import Platform
import TestKit
import Testing

struct GlobTests {
  @Test(arguments: [
    ("*.csv", ["a.csv", ".csv", "ä.csv"], ["a.csv.gz", "d/a.csv", ""]),
    ("data/*/x?.json", ["data/a/x1.json", "data//xü.json"], ["data/a/b/x1.json", "data/a/x/.json", "data/a/x.json"]),
    ("**/a", ["a", "b/a", "b/c/a"], ["ab", "b/ca", "/a"]),
    ("a/**", ["a/b", "a/b/c", "a/.b"], ["a", "a/", "b/a"]),
    ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "a//b"]),
    ("a**b", ["ab", "axb"], ["a/b"]),
    ("[a-c]x", ["ax", "cx"], ["dx", "-x", "/x"]),
    ("[!a-c]x", ["dx", "-x"], ["ax", "/x"]),
    ("[^a]", ["b"], ["a"]),
    ("[]a]", ["]", "a"], ["b"]),
    ("[!]a]", ["b"], ["]", "a"]),
    ("[a", ["[a"], ["a"]),
    ("[z-a]", [], ["z", "a", "m", "-"]),
    ("[a-]", ["a", "-"], ["b"]),
    ("{a,bc}.{csv,json}", ["a.csv", "bc.json"], ["b.csv", "a.{csv,json}", "abc.csv"]),
    ("x{,y}", ["x", "xy"], ["y", "x,y"]),
    ("{a,{b,c}d}", ["a", "bd", "cd"], ["b", "d", "ad"]),
    ("{a,{b}}", ["a", "{b}"], ["b", "a}"]),
    ("{a", ["{a"], ["a"]),
    ("{a}", ["{a}"], ["a"]),
    ("a}", ["a}"], ["a"]),
    ("{a,[,}]}", ["a", ",", "}"], ["[,"]),
    ("p/{**/x,y}", ["p/x", "p/a/b/x", "p/y"], ["p/a/y"]),
    ("\\*\\[\\\\", ["*[\\"], ["a", "*["]),
    ("日?語", ["日本語"], ["日語"]),
    ("", [""], ["a"]),
  ]) func means(_ pattern: String, _ matching: [String], _ others: [String]) throws {
    let glob = try Glob(pattern)
    for path in matching { #expect(glob.matches(path), "'\(pattern)' should match '\(path)'") }
    for path in others { #expect(!glob.matches(path), "'\(pattern)' should not match '\(path)'") }
  }

  @Test func aPatternWithoutSlashIsForNames() throws {
    #expect(try Glob("*.csv").matches(key: "lake/part.csv"))
    #expect(try !Glob("*.csv").matches("lake/part.csv"))
    #expect(try !Glob("x/*.csv").matches(key: "lake/x/part.csv"))
    #expect(try Glob("**/x/*.csv").matches(key: "lake/x/part.csv"))
  }

  @Test func hiddenNamesAreLeftAloneWhereAsked() throws {
    for pattern in ["*", "?a", "[.]a", "**", "{*,b}"] {
      #expect(try Glob(pattern).matches(".a"), "\(pattern)")
      #expect(try !Glob(pattern, wildcardsMatchHidden: false).matches(".a"), "\(pattern)")
      #expect(try !Glob("d/" + pattern, wildcardsMatchHidden: false).matches("d/.a"), "\(pattern)")
    }
    #expect(try Glob(".*", wildcardsMatchHidden: false).matches(".a"))
    #expect(try Glob("*", wildcardsMatchHidden: false).matches("a.b"))
  }

  @Test(arguments: [
    ("data/2026-*/x", "data/2026-"), ("plain/file", "plain/file"), ("a\\*b/*", "a*b/"), ("{a,b}", ""), ("x[ab]", "x"),
    ("x[ab", "x[ab"), ("x{a", "x{a"),
  ]) func knowsWhatEachMatchBeginsWith(_ pattern: String, _ prefix: String) throws {
    #expect(try Glob(pattern).literalPrefix == prefix)
  }

  /// Patterns that take backtracking matchers longer than the universe has.
  @Test(.timeLimit(.minutes(1))) func timeIsLinear() throws {
    let text = String(repeating: "a", count: 20_000)
    #expect(try !Glob(String(repeating: "*a", count: 40) + "b").matches(text))
    #expect(try !Glob(String(repeating: "{a,aa}", count: 40) + "b").matches(String(text.prefix(2000))))
    let deep = String(repeating: "a/", count: 2000)
    #expect(try !Glob(String(repeating: "**/", count: 20) + "b").matches(deep))
    _ = try Glob(String(repeating: "{", count: 4000)).matches(text)
    _ = try Glob(String(repeating: "[", count: 4000)).matches(text)
  }

  @Test func tooLargePatternsAreRefused() {
    #expect(throws: GlobError.self) { try Glob(String(repeating: "a", count: 5000)) }
    let nested = String(repeating: "{", count: 100) + "a" + String(repeating: ",b}", count: 100)
    #expect(throws: GlobError.self) { try Glob(nested) }
  }

  /// Random patterns and names against Python's fnmatch, where both mean the same: no `/`, `\`, `{` or `^`, a name
  /// that is not empty (`**` takes at least one part of a path here), and no `!` behind a `-` in brackets: Python drops a
  /// range that is empty, and what it finds in its place may negate.
  @Test func agreesWithPythonsFnmatch() throws {
    let seed = testSeed()
    var random = SeededRandom(seed: seed)
    func text(_ letters: [Character], _ lengthMax: Int) -> String {
      String(
        (0..<Int.random(in: 0...lengthMax, using: &random)).map { _ in letters.randomElement(using: &random) ?? "a" })
    }
    func isAmbiguous(_ pattern: String) -> Bool {
      guard let bracket = pattern.firstIndex(of: "["), let dash = pattern[bracket...].firstIndex(of: "-") else {
        return false
      }
      return pattern[dash...].contains("!")
    }
    let cases = (0..<20_000).map { _ in
      (pattern: text(Array("aabb.[]-!*?ü"), 10), name: text(Array("aab.-]!ü"), 7) + "a")
    }.filter { !isAmbiguous($0.pattern) }
    let script = """
      import fnmatch, json, sys
      print("".join("1" if fnmatch.fnmatchcase(n, p) else "0" for p, n in json.load(sys.stdin)))
      """
    let answer = try runPython(script, input: JSONEncoder().encode(cases.map { [$0.pattern, $0.name] }))
    #expect(answer.utf8.count == cases.count)
    #expect(answer.utf8.contains(UInt8(ascii: "1")))
    for (sample, expected) in zip(cases, answer) {
      #expect(
        try Glob(sample.pattern).matches(sample.name) == (expected == "1"),
        "pattern '\(sample.pattern)', name '\(sample.name)', seed \(seed)")
    }
  }
}

/// Runs a script with some input; gives its output without the last line end.
func runPython(_ script: String, input: Data, directory: URL? = nil) throws -> String {
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = ["python3", "-c", script]
  if let directory { process.currentDirectoryURL = directory }
  let stdin = Pipe()
  let stdout = Pipe()
  process.standardInput = stdin
  process.standardOutput = stdout
  try process.run()
  // The scripts read all of their input before they write.
  try stdin.fileHandleForWriting.write(contentsOf: input)
  try stdin.fileHandleForWriting.close()
  let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  #expect(process.terminationStatus == 0)
  return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .newlines)
}
