internal import Pipeline

extension SnapshotDifference {
  /// Changes of one kind of thing that are listed; of the rest the number is given.
  private static let listedMax = 20

  public func render(_ style: TerminalStyle) -> String {
    [
      head(style), rows(style), changes("Inputs", inputs, style), changes("Missing inputs", missing, style),
      schema(style), profile(style),
    ].filter { !$0.isEmpty }.joined(separator: "\n")
  }

  private func head(_ style: TerminalStyle) -> String {
    var facts: [(String, String)] = []
    if old.dataset != new.dataset { facts.append(("dataset", Self.arrow(old.dataset, new.dataset))) }
    facts.append(("as of", Self.arrow(old.asOf, new.asOf)))
    facts.append(
      ("rows", isEqual ? "the same (fingerprint \(new.fingerprint))" : "other ones (fingerprints differ)"))
    if old.semanticHash != new.semanticHash { facts.append(("definition", "changed")) }
    if old.tributary != new.tributary {
      facts.append(("made by", "tributary " + Self.arrow(old.tributary, new.tributary)))
    }
    let width = facts.map { $0.0.count }.max() ?? 0
    var text = style.paint(DisplayText.printable(new.dataset), .bold) + (style.isUnicode ? " · " : " ")
    text += DisplayText.printable(Self.arrow(old.snapshot, new.snapshot)) + "\n\n"
    for (name, value) in facts {
      text += "  \(style.paint(DisplayText.pad(name, width), .dim))  \(DisplayText.printable(value))\n"
    }
    return text
  }

  private func rows(_ style: TerminalStyle) -> String {
    var table = TextTable([
      .init("rows"), .init("before", isRight: true), .init("after", isRight: true), .init("change", isRight: true),
    ])
    table.append(["all"] + Self.cells(old.rows, new.rows))
    let names = Set(old.splits.keys).union(new.splits.keys)
    // As in `inspect`: the largest first.
    let sorted = names.sorted {
      let (a, b) = (new.splits[$0] ?? 0, new.splits[$1] ?? 0)
      return a == b ? $0 < $1 : a > b
    }
    for name in sorted { table.append([name] + Self.cells(old.splits[name], new.splits[name])) }
    return title("Rows", style) + table.render(style)
  }

  private static func cells(_ before: Int?, _ after: Int?) -> [String] {
    let (difference, overflow) = (after ?? 0).subtractingReportingOverflow(before ?? 0)
    let change = overflow ? "?" : (difference > 0 ? "+" : "") + NumberText.grouped(difference)
    return [before.map { NumberText.grouped($0) } ?? "", after.map { NumberText.grouped($0) } ?? "", change]
  }

  private func changes(_ name: String, _ changes: [Change], _ style: TerminalStyle) -> String {
    guard !changes.isEmpty else { return "" }
    var table = TextTable([
      .init("change"), .init("source"), .init("input", cutTo: 24, keepsEnd: true), .init("what", cutTo: 20),
    ])
    for change in changes.prefix(Self.listedMax) {
      table.append([change.kind.rawValue, change.source, change.name, change.detail])
    }
    let rest = changes.count - Self.listedMax
    return title("\(name): \(Self.counts(changes))", style) + table.render(style)
      + (rest > 0 ? "  and \(NumberText.grouped(rest)) more\n" : "")
  }

  private func schema(_ style: TerminalStyle) -> String {
    let isReordered = columns.isEmpty && old.schema != new.schema
    guard !columns.isEmpty || isReordered else { return "" }
    if isReordered { return title("Columns", style) + "  the same ones in another order\n" }
    var table = TextTable([.init("change"), .init("column", cutTo: 14), .init("type"), .init("role", isMinor: true)])
    for column in columns {
      switch (column.old, column.new) {
      case (let before?, let after?):
        table.append([
          Change.Kind.changed.rawValue, column.name, Self.arrow(before.type, after.type),
          Self.arrow(before.role, after.role),
        ])
      case (nil, let after?): table.append([Change.Kind.added.rawValue, column.name, after.type, after.role])
      case (let before?, nil): table.append([Change.Kind.removed.rawValue, column.name, before.type, before.role])
      case (nil, nil): break
      }
    }
    return title("Columns", style) + table.render(style)
  }

  private func profile(_ style: TerminalStyle) -> String {
    guard !profiles.isEmpty else { return "" }
    var table = TextTable([
      .init("column", cutTo: 14), .init("nulls", isRight: true), .init("distinct", isRight: true),
      .init("mean", isRight: true),
    ])
    for change in profiles {
      table.append([
        change.name, Self.arrow(Self.nulls(change.old), Self.nulls(change.new)),
        Self.arrow(Self.distinct(change.old), Self.distinct(change.new)),
        Self.arrow(Self.mean(change.old), Self.mean(change.new)),
      ])
    }
    table.dropEmptyColumns()
    return title("What columns hold", style) + table.render(style)
  }

  private static func nulls(_ column: ColumnSummary) -> String {
    let rows = Double(column.count) + Double(column.nulls)
    return NumberText.percent(rows > 0 ? Double(column.nulls) / rows : 0)
  }

  private static func distinct(_ column: ColumnSummary) -> String {
    (column.distinctIsExact ? "" : "~") + NumberText.grouped(column.distinct)
  }

  private static func mean(_ column: ColumnSummary) -> String {
    column.mean.map { NumberText.groupedFraction(NumberText.significant($0, digits: 5)) } ?? ""
  }

  private func title(_ text: String, _ style: TerminalStyle) -> String { style.paint(text, .bold) + "\n" }
}
