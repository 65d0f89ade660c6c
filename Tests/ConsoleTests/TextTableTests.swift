import TestKit
import Testing

@testable import Console

@Suite struct TextTableTests {
  private var table: TextTable {
    var table = TextTable([.init("column"), .init("nulls", isRight: true), .init("empty")])
    table.append(["plan", "0.2%", ""])
    table.append(["名前\u{7}", "100%", ""])
    table.dropEmptyColumns()
    return table
  }

  @Test func plain() {
    #expect(
      table.render(.plain) == """
        column     nulls
        ---------  -----
        plan        0.2%
        名前\\u{7}   100%

        """)
  }

  @Test func boxes() {
    let style = TerminalStyle(isInteractive: true, width: 80, isUnicode: true, hasColor: false)
    #expect(
      table.render(style) == """
        ┌───────────┬───────┐
        │ column    │ nulls │
        ├───────────┼───────┤
        │ plan      │  0.2% │
        │ 名前\\u{7} │  100% │
        └───────────┴───────┘

        """)
  }

  @Test func colourSurroundsButDoesNotShift() {
    let style = TerminalStyle(isInteractive: true, width: 80, isUnicode: true, hasColor: true)
    var plain = style
    plain.hasColor = false
    let bare = table.render(style).replacing(/\u{1b}\[[0-9]+m/, with: "")
    #expect(bare == table.render(plain))
    #expect(bare != table.render(style))
  }

  /// On a terminal no line is wider than it, whatever the cells hold; in a pipe nothing is cut.
  @Test func neverWiderThanTheTerminal() {
    let seed = testSeed()
    var random = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      let columns = Int.random(in: 1...12, using: &random)
      var table = TextTable(
        (0..<columns).map {
          .init(
            "c\($0)", isRight: Bool.random(using: &random), cutTo: Bool.random(using: &random) ? 6 : nil,
            keepsEnd: Bool.random(using: &random))
        })
      var longest = 0
      for _ in 0..<5 {
        let row = (0..<columns).map { _ in random.text(length: 0...12) }
        longest = max(longest, row.map { DisplayText.width(DisplayText.printable($0)) }.max() ?? 0)
        table.append(row)
      }
      let width = max(40, longest + 4)
      for isUnicode in [false, true] {
        let style = TerminalStyle(isInteractive: true, width: width, isUnicode: isUnicode, hasColor: false)
        for line in table.render(style).split(separator: "\n") where !line.hasPrefix("(") {
          #expect(DisplayText.width(String(line)) <= width, "seed \(seed)")
        }
      }
      // By bytes: a combining mark at a cell's start is one character with the blank before it. Lines end without blanks.
      let whole = Array(table.render(.plain).utf8)
      let missing = table.rows.joined().filter {
        !whole.contains(Array($0.utf8.reversed().drop { $0 == 0x20 }.reversed()))
      }
      #expect(missing.isEmpty, "seed \(seed)")
    }
  }

  @Test func stylesFollowTheEnvironment() {
    func style(_ isTerminal: Bool, _ environment: [String: String]) -> TerminalStyle {
      TerminalStyle(isTerminal: isTerminal, columns: 90, environment: environment)
    }
    let usual = ["TERM": "xterm", "LANG": "en_GB.UTF-8"]
    #expect(
      style(true, usual) == TerminalStyle(isInteractive: true, width: 90, isUnicode: true, hasColor: true))
    #expect(!style(true, usual.merging(["NO_COLOR": "1"]) { $1 }).hasColor)
    #expect(style(true, usual.merging(["NO_COLOR": ""]) { $1 }).hasColor)
    #expect(!style(true, usual.merging(["LC_ALL": "C"]) { $1 }).isUnicode)
    #expect(!style(true, usual.merging(["TERM": "dumb"]) { $1 }).isInteractive)
    #expect(style(false, usual) == TerminalStyle.plain)
  }
}
