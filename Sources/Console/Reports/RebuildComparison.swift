public import Pipeline

/// A snapshot beside its rebuilt self.
public struct RebuildComparison: Sendable, Hashable {
  /// The fingerprints, row counts and schemas are equal.
  public let isEqual: Bool
  /// What differs, a line each; inputs first.
  public let differences: [String]
  private let old: Manifest
  private let new: Manifest

  public init(published old: Manifest, rebuilt new: Manifest) {
    self.old = old
    self.new = new
    isEqual = old.fingerprint == new.fingerprint && old.rows == new.rows && old.splits == new.splits
    let inputs = isEqual ? [] : Self.inputs(old, new)
    differences =
      isEqual
      ? []
      : (inputs.isEmpty ? ["no input differs, so the program does"] : inputs) + Self.wholes(old, new)
  }

  public func render(_ style: TerminalStyle) -> String {
    if isEqual {
      let mark = style.paint(style.isUnicode ? "✔ " : "", .green)
      return "\(mark)\(DisplayText.printable(old.dataset)) \(old.snapshot) rebuilds to the same "
        + "\(NumberText.counted(new.rows, "row")) from \(NumberText.counted(new.inputs.count, "input")): "
        + "fingerprint \(new.fingerprint)\n"
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
      ("location", .optional(location)),
    ])
  }

  /// Why this snapshot cannot be rebuilt yet; nil where it can.
  public static func refusal(of manifest: Manifest) -> String? {
    guard let ranges = manifest.ranges, !ranges.isEmpty else { return nil }
    let topics = Set(ranges.map(\.topic)).sorted().map { "'\(DisplayText.printable($0))'" }
    return
      "the snapshot '\(DisplayText.printable(manifest.snapshot))' holds records of the topic\(topics.count == 1 ? "" : "s") "
      + "\(topics.joined(separator: ", ")); 'rebuild' reads objects only and cannot read topics yet"
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

  private static func changes(_ old: Manifest.InputRecord, _ new: Manifest.InputRecord) -> [String] {
    var changes: [String] = []
    if old.size != new.size {
      changes.append("was \(NumberText.grouped(old.size)) bytes, is \(NumberText.grouped(new.size))")
    }
    let content = old.sha256 != nil && new.sha256 != nil ? old.sha256 != new.sha256 : old.etag != new.etag
    if content { changes.append("its content has changed") }
    if old.version != new.version { changes.append("its version has changed") }
    if old.rowsApplied != new.rowsApplied || old.rowsRejected != new.rowsRejected {
      changes.append(
        "gave \(NumberText.counted(old.rowsApplied, "row")) and \(NumberText.grouped(old.rowsRejected)) rejects, gives "
          + "\(NumberText.grouped(new.rowsApplied)) and \(NumberText.grouped(new.rowsRejected))")
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
