public import Pipeline

/// A snapshot's manifest for people: what `inspect` shows.
public struct ManifestReport: Sendable {
  private let manifest: Manifest
  /// Where the manifest lies.
  private let location: String

  /// Parts and missing inputs that are listed; of the rest the number is given.
  private static let listedMax = 20

  public init(_ manifest: Manifest, location: String) {
    self.manifest = manifest
    self.location = location
  }

  public func render(_ style: TerminalStyle) -> String {
    [head(style), inputs(style), ranges(style), missing(style), parts(style), columns(style), checks(style)]
      .filter { !$0.isEmpty }.joined(separator: "\n")
  }

  private func head(_ style: TerminalStyle) -> String {
    let dot = style.isUnicode ? " · " : " "
    var text = style.paint(DisplayText.printable(manifest.dataset), .bold) + dot
    text += DisplayText.printable(manifest.snapshot) + "\n\n"
    var facts: [(String, String)] = [
      ("as of", manifest.asOf), ("fingerprint", manifest.fingerprint), ("manifest", location),
      ("made by", "tributary \(manifest.tributary)"), ("rows", NumberText.grouped(manifest.rows)),
    ]
    let splits = manifest.splits.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }
    let digits = NumberText.grouped(manifest.rows).count
    for (name, rows) in splits {
      let share = manifest.rows > 0 ? Double(rows) / Double(manifest.rows) : 0
      let number = DisplayText.pad(NumberText.grouped(rows), digits, isRight: true)
      let percent = DisplayText.pad(NumberText.percent(share), 6, isRight: true)
      facts.append(("  " + name, "\(number) \(percent)\(bar(share, style))"))
    }
    let width = facts.map { DisplayText.width($0.0) }.max() ?? 0
    for (name, value) in facts {
      let label = style.paint(DisplayText.pad(DisplayText.printable(name), width), .dim)
      // The bar holds colour codes, so only what came from the manifest is made printable.
      let shown = name.hasPrefix("  ") ? value : DisplayText.printable(value)
      text += "  \(label)  \(shown)\n"
    }
    return text
  }

  private func bar(_ share: Double, _ style: TerminalStyle) -> String {
    guard style.isUnicode else { return "" }
    let done = Int((min(1, max(0, share)) * 24).rounded())
    return "  " + style.paint(String(repeating: "█", count: done), .cyan)
      + style.paint(String(repeating: "░", count: 24 - done), .dim)
  }

  private func inputs(_ style: TerminalStyle) -> String {
    struct Sum {
      var objects = 0
      var bytes: Int64 = 0
      var read: UInt64 = 0
      var applied: UInt64 = 0
      var rejected: UInt64 = 0
      var afterAsOf: UInt64 = 0
    }
    var order: [String] = []
    var sums: [String: Sum] = [:]
    for input in manifest.inputs {
      if sums[input.source] == nil { order.append(input.source) }
      var sum = sums[input.source] ?? Sum()
      sum.objects += 1
      sum.bytes &+= input.size
      sum.read &+= input.rowsRead
      sum.applied &+= input.rowsApplied
      sum.rejected &+= input.rowsRejected
      sum.afterAsOf &+= input.rowsAfterAsOf ?? 0
      sums[input.source] = sum
    }
    var table = TextTable([
      .init("source"), .init("objects", isRight: true), .init("bytes", isRight: true),
      .init("rows read", isRight: true), .init("applied", isRight: true), .init("rejected", isRight: true),
      .init("after as-of", isRight: true),
    ])
    for source in order {
      guard let sum = sums[source] else { continue }
      table.append([
        source, NumberText.grouped(sum.objects), NumberText.bytes(sum.bytes), NumberText.grouped(sum.read),
        NumberText.grouped(sum.applied), NumberText.grouped(sum.rejected), NumberText.grouped(sum.afterAsOf),
      ])
    }
    // A snapshot of record topics alone has no objects to show.
    let isEmpty = manifest.inputs.isEmpty && !(manifest.ranges ?? []).isEmpty
    var text = title("Inputs", style) + (isEmpty ? "" : table.render(style))
    let reasons = manifest.rejected.reasons.sorted {
      $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value
    }
    for (reason, rows) in reasons.prefix(5) {
      let number = DisplayText.pad(NumberText.grouped(rows), 11, isRight: true)
      text += "  \(style.paint(number, .yellow)) rejected: \(DisplayText.printable(reason))\n"
    }
    if reasons.count > 5 { text += "  and \(reasons.count - 5) more reasons\n" }
    return isEmpty && reasons.isEmpty ? "" : text
  }

  private func ranges(_ style: TerminalStyle) -> String {
    guard let ranges = manifest.ranges, !ranges.isEmpty else { return "" }
    var table = TextTable([
      .init("source"), .init("topic", cutTo: 16), .init("partition", isRight: true), .init("from", isRight: true),
      .init("to", isRight: true), .init("rows read", isRight: true), .init("applied", isRight: true),
      .init("rejected", isRight: true),
    ])
    for range in ranges.prefix(Self.listedMax) {
      table.append([
        range.source, range.topic, String(range.partition), NumberText.grouped(range.from),
        NumberText.grouped(range.to), NumberText.grouped(range.rowsRead), NumberText.grouped(range.rowsApplied),
        NumberText.grouped(range.rowsRejected),
      ])
    }
    return title("Records", style) + table.render(style) + more(ranges.count, style)
  }

  private func missing(_ style: TerminalStyle) -> String {
    guard !manifest.missing.isEmpty else { return "" }
    var table = TextTable([
      .init("source"), .init("missing input", cutTo: 24, keepsEnd: true), .init("state"),
      .init("reason", cutTo: 20),
    ])
    for input in manifest.missing.prefix(Self.listedMax) {
      table.append([input.source, input.key, input.state, input.reason])
    }
    return title("Not in this snapshot", style) + table.render(style) + more(manifest.missing.count, style)
  }

  private func parts(_ style: TerminalStyle) -> String {
    var table = TextTable([
      .init("part", cutTo: 24, keepsEnd: true), .init("rows", isRight: true), .init("bytes", isRight: true),
      .init("sha256", cutTo: 12),
    ])
    for part in manifest.parts.prefix(Self.listedMax) {
      table.append([
        part.key, NumberText.grouped(part.rows), NumberText.bytes(Int64(part.bytes)),
        String(part.sha256.prefix(16)),
      ])
    }
    return title("Parts", style) + table.render(style) + more(manifest.parts.count, style)
  }

  private func columns(_ style: TerminalStyle) -> String {
    var table = TextTable([
      .init("column", cutTo: 14), .init("type"), .init("role", isMinor: true), .init("nulls", isRight: true),
      .init("distinct", isRight: true), .init("min", isRight: true, cutTo: 10),
      .init("~median", isRight: true, cutTo: 10, isMinor: true), .init("mean", isRight: true, isMinor: true),
      .init("max", isRight: true, cutTo: 10), .init("stddev", isRight: true, isMinor: true),
      .init("most frequent", cutTo: 12, isMinor: true),
    ])
    for field in manifest.schema {
      guard let column = manifest.profile[field.name] else {
        table.append([field.name, field.type, field.role] + Array(repeating: "", count: 8))
        continue
      }
      let rows = Double(column.count) + Double(column.nulls)
      let top = column.top?.first.map { "\($0.value) (\(percent($0.count, of: rows)))" }
      table.append([
        field.name, field.type, field.role, percent(column.nulls, of: rows),
        (column.distinctIsExact ? "" : "~") + NumberText.grouped(column.distinct),
        text(column.min, column.type),
        text(column.quantiles?["p50"], column.type), number(column.mean),
        text(column.max, column.type), number(column.stddev), top ?? "",
      ])
    }
    table.dropEmptyColumns()
    return title("Columns", style) + table.render(style)
  }

  private func percent(_ rows: Int, of all: Double) -> String {
    NumberText.percent(all > 0 ? Double(rows) / all : 0)
  }

  private func number(_ value: Double?) -> String {
    value.map { NumberText.groupedFraction(NumberText.significant($0, digits: 5)) } ?? ""
  }

  /// A timestamp as its day: the manifest has the rest.
  private func text(_ value: SummaryValue?, _ type: String) -> String {
    switch value {
    case .bool(let value): value ? "true" : "false"
    case .int(let value): NumberText.grouped(value)
    case .double(let value): number(value)
    case .text(let value) where type == "timestamp" && value.hasSuffix("Z"):
      String(value.prefix { $0 != "T" })
    case .text(let value): value
    case nil: ""
    }
  }

  private func checks(_ style: TerminalStyle) -> String {
    guard !manifest.checks.isEmpty else { return "" }
    var text = title("Checks", style)
    for check in manifest.checks {
      let good = style.isUnicode ? "✔" : "ok    "
      let bad = style.isUnicode ? "✘" : "failed"
      let mark = check.passed ? style.paint(good, .green) : style.paint(bad, .red)
      text += "  \(mark) \(DisplayText.printable(check.name))"
      text += (check.detail.isEmpty ? "" : ": " + DisplayText.printable(check.detail)) + "\n"
    }
    return text
  }

  private func title(_ text: String, _ style: TerminalStyle) -> String { style.paint(text, .bold) + "\n" }

  private func more(_ count: Int, _ style: TerminalStyle) -> String {
    count > Self.listedMax ? "  and \(NumberText.grouped(count - Self.listedMax)) more\n" : ""
  }
}
