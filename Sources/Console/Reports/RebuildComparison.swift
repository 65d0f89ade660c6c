public import Pipeline

/// A snapshot beside its rebuilt self.
public struct RebuildComparison: Sendable, Hashable {
  /// The fingerprints, row counts and schemas are equal.
  public let isEqual: Bool
  /// What differs, a line each; inputs first.
  public let differences: [String]
  /// Why inputs came out of retained segments, a sentence each.
  private let retained: [String]
  private let old: Manifest
  private let new: Manifest

  /// Inputs out of segments that are named one by one.
  private static let retainedMax = 10

  public init(published old: Manifest, rebuilt new: Manifest, retained: [String] = []) {
    self.old = old
    self.new = new
    self.retained = retained
    isEqual = old.fingerprint == new.fingerprint && old.rows == new.rows && old.splits == new.splits
    let inputs = isEqual ? [] : Self.inputs(old, new) + Self.ranges(old.ranges ?? [], new.ranges ?? [])
    differences =
      isEqual
      ? []
      : (inputs.isEmpty ? ["no input differs, so the program does"] : inputs) + Self.wholes(old, new)
  }

  public func render(_ style: TerminalStyle) -> String {
    if isEqual {
      let mark = style.paint(style.isUnicode ? "✔ " : "", .green)
      let inputs = new.inputs.count + (new.ranges?.count ?? 0)
      var text =
        "\(mark)\(DisplayText.printable(old.dataset)) \(old.snapshot) rebuilds to the same "
        + "\(NumberText.counted(new.rows, "row")) from \(NumberText.counted(inputs, "input")): "
        + "fingerprint \(new.fingerprint)\n"
      if retained.isEmpty { return text }
      text += "the rows of \(NumberText.counted(retained.count, "input")) came out of retained segments:\n"
      for reason in retained.prefix(Self.retainedMax) { text += "  \(DisplayText.printable(reason))\n" }
      if retained.count > Self.retainedMax { text += "  and \(retained.count - Self.retainedMax) more\n" }
      return text
    }
    return differences.map { "  " + DisplayText.printable($0) + "\n" }.joined()
  }

  public func json(location: String?) -> JSONValue {
    .object([
      ("equal", .bool(isEqual)),
      ("dataset", .string(old.dataset)),
      ("snapshot", .string(old.snapshot)),
      ("fingerprint", .string(old.fingerprint)),
      ("rebuilt_fingerprint", .string(new.fingerprint)),
      ("rows", .int(Int64(old.rows))),
      ("rebuilt_rows", .int(Int64(new.rows))),
      ("differences", .array(differences.map { .string($0) })),
      ("retained", .array(retained.map { .string($0) })),
      ("location", .optional(location)),
    ])
  }

  private struct Identity: Hashable {
    var source: String
    var bucket: String
    var key: String
    init(_ input: Manifest.InputRecord) {
      source = input.source
      bucket = input.bucket
      key = input.key
    }
    var text: String { "\(source): " + (bucket.isEmpty ? key : "s3://\(bucket)/\(key)") }
  }

  private static func inputs(_ old: Manifest, _ new: Manifest) -> [String] {
    let rebuilt = Dictionary(new.inputs.map { (Identity($0), $0) }) { first, _ in first }
    let known = Set(old.inputs.map { Identity($0) })
    var lines: [String] = []
    for input in old.inputs {
      let identity = Identity(input)
      guard let other = rebuilt[identity] else {
        lines.append("\(identity.text): was not read again")
        continue
      }
      let changes = changes(input, other)
      if !changes.isEmpty { lines.append("\(identity.text): \(changes.joined(separator: ", "))") }
    }
    for input in new.inputs where !known.contains(Identity(input)) {
      lines.append("\(Identity(input).text): was not an input before")
    }
    return lines
  }

  private static func ranges(_ old: [Manifest.RangeRecord], _ new: [Manifest.RangeRecord]) -> [String] {
    func name(_ range: Manifest.RangeRecord) -> String {
      "\(range.source): \(range.topic)[\(range.partition)], offsets \(range.from) to \(range.to)"
    }
    let rebuilt = Dictionary(new.map { (name($0), $0) }) { first, _ in first }
    return old.compactMap { range in
      guard let other = rebuilt[name(range)] else { return "\(name(range)): was not read again" }
      if range.rowsApplied == other.rowsApplied && range.rowsRejected == other.rowsRejected { return nil }
      return "\(name(range)): "
        + gave(range.rowsApplied, range.rowsRejected, other.rowsApplied, other.rowsRejected)
    }
  }

  private static func gave(_ oldRows: UInt64, _ oldRejects: UInt64, _ rows: UInt64, _ rejects: UInt64) -> String {
    "gave \(NumberText.counted(oldRows, "row")) and \(NumberText.grouped(oldRejects)) rejects, gives "
      + "\(NumberText.grouped(rows)) and \(NumberText.grouped(rejects))"
  }

  private static func changes(_ old: Manifest.InputRecord, _ new: Manifest.InputRecord) -> [String] {
    var changes: [String] = []
    if old.size != new.size {
      changes.append("was \(NumberText.grouped(old.size)) bytes, is \(NumberText.grouped(new.size))")
    }
    let content = old.sha256 != nil && new.sha256 != nil ? old.sha256 != new.sha256 : old.etag != new.etag
    if content { changes.append("its content has changed") }
    if old.version != new.version { changes.append("its version has changed") }
    if old.rowsApplied != new.rowsApplied || old.rowsRejected != new.rowsRejected {
      changes.append(gave(old.rowsApplied, old.rowsRejected, new.rowsApplied, new.rowsRejected))
    }
    return changes
  }

  private static func wholes(_ old: Manifest, _ new: Manifest) -> [String] {
    var lines: [String] = []
    if old.rows != new.rows || old.splits != new.splits {
      lines.append("rows: were \(NumberText.grouped(old.rows)), are \(NumberText.grouped(new.rows))")
    }
    if old.schema != new.schema { lines.append("the columns or their types differ") }
    lines.append("fingerprint: was \(old.fingerprint), is \(new.fingerprint)")
    if old.tributary != new.tributary {
      lines.append("made by tributary \(old.tributary); this is \(new.tributary)")
    }
    return lines
  }
}
