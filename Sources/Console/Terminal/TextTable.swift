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
/// enough, whole columns are left out from the right, and ``render(_:)`` says how many.
public struct TextTable: Sendable {
  public struct Column: Sendable {
    public var title: String
    public var isRight: Bool
    /// May be cut down to this many characters; nil: never.
    public var cutTo: Int?
    /// The end matters more than the start (paths).
    public var keepsEnd: Bool

    public init(_ title: String, isRight: Bool = false, cutTo: Int? = nil, keepsEnd: Bool = false) {
      self.title = title
      self.isRight = isRight
      self.cutTo = cutTo
      self.keepsEnd = keepsEnd
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
    let (widths, left) = layout(style)
    guard !widths.isEmpty else { return "" }
    var text = ""
    if style.isUnicode { text += style.paint(rule(widths, "┌", "┬", "┐"), .dim) + "\n" }
    text += line(columns.prefix(widths.count).map(\.title), widths, style, isTitle: true)
    text += style.isUnicode ? style.paint(rule(widths, "├", "┼", "┤"), .dim) + "\n" : underline(widths)
    for row in rows { text += line(Array(row.prefix(widths.count)), widths, style, isTitle: false) }
    if style.isUnicode { text += style.paint(rule(widths, "└", "┴", "┘"), .dim) + "\n" }
    if left > 0 {
      text += "(\(left) more column\(left == 1 ? "" : "s") fit\(left == 1 ? "s" : "") a wider terminal)\n"
    }
    return text
  }

  /// Widths of the columns that fit, and how many do not.
  private func layout(_ style: TerminalStyle) -> (widths: [Int], left: Int) {
    var widths = columns.indices.map { index in
      rows.reduce(DisplayText.width(columns[index].title)) { max($0, DisplayText.width($1[index])) }
    }
    // A pipe has no width: what reads it wants everything.
    guard style.isInteractive else { return (widths, 0) }
    func total(_ widths: [Int]) -> Int {
      style.isUnicode ? widths.reduce(1) { $0 + $1 + 3 } : widths.reduce(-2) { $0 + $1 + 2 }
    }
    while total(widths) > style.width {
      let candidates = widths.indices.filter {
        widths[$0] > max(columns[$0].cutTo ?? Int.max, columns[$0].title.count)
      }
      if let widest = candidates.max(by: { widths[$0] < widths[$1] }) {
        widths[widest] -= 1
      } else if widths.count > 1 {
        widths.removeLast()
      } else {
        break
      }
    }
    return (widths, columns.count - widths.count)
  }

  private func line(_ cells: [String], _ widths: [Int], _ style: TerminalStyle, isTitle: Bool) -> String {
    var parts: [String] = []
    for (index, cell) in cells.enumerated() {
      let column = columns[index]
      let fitted = DisplayText.fit(
        cell, widths[index], fromStart: column.keepsEnd, isUnicode: style.isUnicode)
      let padded = DisplayText.pad(fitted, widths[index], isRight: column.isRight)
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
