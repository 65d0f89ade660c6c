import Definition
import Testing

@testable import Console

@Suite struct ProblemReportTests {
  private let terminal = TerminalStyle(isInteractive: true, width: 60, isUnicode: true, hasColor: false)

  private func report(_ text: String, line: Int, column: Int, hint: String = "") -> ProblemReport {
    ProblemReport(
      problems: [Problem(file: "d.yaml", line: line, column: column, path: "", message: "no", hint: hint)],
      warnings: [], text: text)
  }

  @Test func oneLineEachInAPipe() {
    let report = ProblemReport(
      problems: [
        Problem(file: "d.yaml", line: 9, column: 2, path: "", message: "second"),
        Problem(file: "d.yaml", line: 2, column: 1, path: "", message: "first", hint: "do this"),
      ],
      warnings: [Problem(file: "d.yaml", line: 4, column: 1, path: "", message: "odd\u{1b}[0m")],
      text: "a\nb\n")
    #expect(
      report.render(.plain) == """
        d.yaml:2:1: error: first; do this
        d.yaml:4:1: warning: odd\\u{1b}[0m
        d.yaml:9:2: error: second

        """)
    #expect(report.count == "2 problems and 1 warning")
  }

  @Test func theCaretStandsBelowTheCharacter() {
    #expect(
      report("a: 1\r\n名前: x # c", line: 2, column: 5, hint: "h").render(terminal) == """
        d.yaml:2:5: error: no
            2 │ 名前: x # c
              │       ^
              = h

        """)
    #expect(
      report("k:\tv", line: 1, column: 4).render(terminal) == """
        d.yaml:1:4: error: no
            1 │ k: v
              │    ^

        """)
  }

  @Test func aLongLineIsCutAroundTheCaret() {
    let text = String(repeating: "a", count: 5000) + "X" + String(repeating: "b", count: 5000)
    let lines = report(text, line: 1, column: 5001).render(terminal).split(separator: "\n").map(String.init)
    #expect(lines.allSatisfy { $0.count <= 60 })
    let caret = lines[2].firstIndex(of: "^").map { lines[2].distance(from: lines[2].startIndex, to: $0) }
    let mark = lines[1].firstIndex(of: "X").map { lines[1].distance(from: lines[1].startIndex, to: $0) }
    #expect(caret != nil && caret == mark)
  }

  /// Problems may point behind the last character, and what is unreadable as text has lines of its own.
  @Test func placesOutsideTheFile() {
    for (line, column) in [(1, 4), (1, 99), (2, 1), (3, 1), (0, 0), (99, 99)] {
      #expect(report("abc\n", line: line, column: column).render(terminal).contains("error: no"))
    }
  }
}
