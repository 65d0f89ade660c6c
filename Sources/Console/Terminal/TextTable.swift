/// Rows of text in aligned columns: with box drawing where there is Unicode, else plain ASCII.
///
/// ```
/// ┌────────────┬────────┬───────┐
/// │ column     │ type   │ nulls │
/// ├────────────┼────────┼───────┤
/// │ plan       │ string │  0.2% │
/// └────────────┴────────┴───────┘
/// ```
/// If the table is wider than the style's width, the widest of its flexible columns are cut with an ellipsis; if that is not
/// enough, whole columns are left out, minor ones first and from the right, and ``render(_:)`` says how many.
public struct TextTable: Sendable {
  public struct Column: Sendable {
    public var title: String
    public var isRight: Bool
    /// May be cut down to this many characters; nil: never.
    public var cutTo: Int?
    /// The end matters more than the start (paths).
    public var keepsEnd: Bool
    /// Among the first to be left out.
    public var isMinor: Bool

    public init(
      _ title: String, isRight: Bool = false, cutTo: Int? = nil, keepsEnd: Bool = false, isMinor: Bool = false
    ) {
      self.title = title
      self.isRight = isRight
      self.cutTo = cutTo
      self.keepsEnd = keepsEnd
      self.isMinor = isMinor
    }
  }

  public var columns: [Column]
  /// Each as long as `columns`.
  public private(set) var rows: [[String]] = []

  public init(_ columns: [Column]) { self.columns = columns }

  public mutating func append(_ row: [String]) {
    precondition(
      row.count == columns.count, "a row has \(row.count) cells, the table \(columns.count) columns")
    rows.append(row.map(DisplayText.printable))
  }

  /// Leaves out columns without any text, such as the means of a table of strings.
  public mutating func dropEmptyColumns() {
    let used = columns.indices.filter { column in rows.contains { !$0[column].isEmpty } }
    columns = used.map { columns[$0] }
    rows = rows.map { row in used.map { row[$0] } }
  }

  /// Lines with their ends; "" for a table without columns.
  public func render(_ style: TerminalStyle) -> String {
    let shown = layout(style)
    guard !shown.isEmpty else { return "" }
    let widths = shown.map(\.width)
    var text = ""
    if style.isUnicode { text += style.paint(rule(widths, "┌", "┬", "┐"), .dim) + "\n" }
    text += line(columns.map(\.title), shown, style, isTitle: true)
    text += style.isUnicode ? style.paint(rule(widths, "├", "┼", "┤"), .dim) + "\n" : underline(widths)
    for row in rows { text += line(row, shown, style, isTitle: false) }
    if style.isUnicode { text += style.paint(rule(widths, "└", "┴", "┘"), .dim) + "\n" }
    let left = columns.count - shown.count
    if left > 0 {
      text += "(\(NumberText.counted(left, "more column")) fit\(left == 1 ? "s" : "") a wider terminal)\n"
    }
    return text
  }

  /// A column that is shown, and how wide.
  private struct Shown {
    var column: Int
    var width: Int
  }

  private func layout(_ style: TerminalStyle) -> [Shown] {
    var shown = columns.indices.map { index in
      Shown(
        column: index,
        width: rows.reduce(DisplayText.width(columns[index].title)) { max($0, DisplayText.width($1[index])) })
    }
    // A pipe has no width: what reads it wants everything.
    guard style.isInteractive else { return shown }
    while total(shown, style) > style.width {
      let flexible = shown.indices.filter { index in
        let column = columns[shown[index].column]
        return shown[index].width > max(column.cutTo ?? Int.max, DisplayText.width(column.title))
      }
      if let widest = flexible.max(by: { shown[$0].width < shown[$1].width }) {
        shown[widest].width -= 1
      } else if shown.count > 1 {
        shown.remove(at: shown.lastIndex { columns[$0.column].isMinor } ?? shown.count - 1)
      } else {
        break
      }
    }
    return shown
  }

  private func total(_ shown: [Shown], _ style: TerminalStyle) -> Int {
    style.isUnicode ? shown.reduce(1) { $0 + $1.width + 3 } : shown.reduce(-2) { $0 + $1.width + 2 }
  }

  private func line(_ cells: [String], _ shown: [Shown], _ style: TerminalStyle, isTitle: Bool) -> String {
    var parts: [String] = []
    for place in shown {
      let column = columns[place.column]
      let fitted = DisplayText.fit(
        cells[place.column], place.width, fromStart: column.keepsEnd, isUnicode: style.isUnicode)
      let padded = DisplayText.pad(fitted, place.width, isRight: column.isRight)
      parts.append(isTitle ? style.paint(padded, .bold) : padded)
    }
    guard style.isUnicode else { return trimEnd(parts.joined(separator: "  ")) + "\n" }
    let bar = style.paint("│", .dim)
    return bar + " " + parts.joined(separator: " \(bar) ") + " " + bar + "\n"
  }

  private func rule(_ widths: [Int], _ start: String, _ middle: String, _ end: String) -> String {
    start + widths.map { String(repeating: "─", count: $0 + 2) }.joined(separator: middle) + end
  }

  private func underline(_ widths: [Int]) -> String {
    widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ") + "\n"
  }

  private func trimEnd(_ text: String) -> String {
    var text = text
    while text.hasSuffix(" ") { text.removeLast() }
    return text
  }
}
