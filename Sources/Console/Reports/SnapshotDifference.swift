public import Pipeline

/// What changed from one snapshot to another, as far as their manifests tell: what `diff` shows.
public struct SnapshotDifference: Sendable {
  let old: Manifest
  let new: Manifest
  /// Objects and record ranges that are in one of the two only, or in both with other contents; in the manifests' order,
  /// what went first.
  let inputs: [Change]
  /// Inputs that one of the two goes without.
  let missing: [Change]
  /// In the new snapshot's order, columns that went last.
  let columns: [ColumnChange]
  /// Columns of both with another profile, in the new snapshot's order.
  let profiles: [ProfileChange]

  struct Change: Sendable, Hashable {
    enum Kind: String, Sendable, Hashable { case removed, added, changed }
    var kind: Kind
    var source: String
    /// `s3://bucket/key`, a path, or `topic[partition]`.
    var name: String
    /// How much, or in what; for people.
    var detail: String
  }

  struct ColumnChange: Sendable, Hashable {
    var name: String
    /// nil: not there.
    var old: Manifest.SchemaField?
    var new: Manifest.SchemaField?
  }

  struct ProfileChange: Sendable, Hashable {
    var name: String
    var old: ColumnSummary
    var new: ColumnSummary
  }

  /// The same rows.
  public var isEqual: Bool { old.fingerprint == new.fingerprint }

  public init(_ old: Manifest, _ new: Manifest) {
    self.old = old
    self.new = new
    inputs = Self.objects(old, new) + Self.ranges(old, new)
    missing = Self.missing(old, new)
    columns = Self.columns(old, new)
    profiles = new.schema.compactMap { field in
      guard let before = old.profile[field.name], let after = new.profile[field.name], before.type == after.type,
        Self.shown(before) != Self.shown(after)
      else { return nil }
      return ProfileChange(name: field.name, old: before, new: after)
    }
  }

  /// What the difference tells of a column, in one comparable list.
  private static func shown(_ column: ColumnSummary) -> [Double?] {
    [Double(column.nulls), Double(column.count), Double(column.distinct), column.mean]
  }

  /// The sums of each kind: `3 added, 1 removed`; "" for none.
  static func counts(_ changes: [Change]) -> String {
    [Change.Kind.added, .removed, .changed].compactMap { kind in
      let count = changes.count { $0.kind == kind }
      return count == 0 ? nil : "\(NumberText.grouped(count)) \(kind.rawValue)"
    }.joined(separator: ", ")
  }

  // MARK: Comparing

  private struct Identity: Hashable {
    var source: String
    var name: String
  }

  /// Pairs two lists by what their elements are called.
  private static func compare<T>(
    _ old: [T], _ new: [T], _ identity: (T) -> Identity, alone: (T) -> String, changed: (T, T) -> String?
  ) -> [Change] {
    let before = Dictionary(old.map { (identity($0), $0) }) { first, _ in first }
    let after = Set(new.map(identity))
    let gone = old.filter { !after.contains(identity($0)) }.map {
      Change(kind: .removed, source: identity($0).source, name: identity($0).name, detail: alone($0))
    }
    return gone
      + new.compactMap { item in
        let name = identity(item)
        guard let other = before[name] else {
          return Change(kind: .added, source: name.source, name: name.name, detail: alone(item))
        }
        return changed(other, item).map { Change(kind: .changed, source: name.source, name: name.name, detail: $0) }
      }
  }

  private static func objects(_ old: Manifest, _ new: Manifest) -> [Change] {
    compare(
      old.inputs, new.inputs,
      { Identity(source: $0.source, name: $0.bucket.isEmpty ? $0.key : "s3://\($0.bucket)/\($0.key)") },
      alone: { NumberText.counted($0.rowsApplied, "row") },
      changed: { before, after in
        let isSame =
          before.sha256 != nil && after.sha256 != nil
          ? before.sha256 == after.sha256
          : before.etag == after.etag && before.version == after.version
            && (before.etag != nil || before.modifiedMicroseconds == after.modifiedMicroseconds)
        if isSame && before.size == after.size && before.rowsApplied == after.rowsApplied { return nil }
        return (before.rowsApplied == after.rowsApplied ? "other content, " : "")
          + rows(before.rowsApplied, after.rowsApplied)
      })
  }

  private static func ranges(_ old: Manifest, _ new: Manifest) -> [Change] {
    func offsets(_ range: Manifest.RangeRecord) -> String {
      "\(NumberText.grouped(range.from)) to \(NumberText.grouped(range.to))"
    }
    return compare(
      old.ranges ?? [], new.ranges ?? [],
      { Identity(source: $0.source, name: "\($0.topic)[\($0.partition)]") },
      alone: { "offsets \(offsets($0)), \(NumberText.counted($0.rowsApplied, "row"))" },
      changed: { before, after in
        if before.from == after.from, before.to == after.to, before.rowsApplied == after.rowsApplied { return nil }
        return "offsets \(arrow(offsets(before), offsets(after))), "
          + rows(before.rowsApplied, after.rowsApplied)
      })
  }

  private static func missing(_ old: Manifest, _ new: Manifest) -> [Change] {
    compare(
      old.missing, new.missing, { Identity(source: $0.source, name: $0.key) },
      alone: { $0.reason.isEmpty ? $0.state : "\($0.state): \($0.reason)" },
      changed: { $0.state == $1.state ? nil : arrow($0.state, $1.state) })
  }

  private static func columns(_ old: Manifest, _ new: Manifest) -> [ColumnChange] {
    let before = Dictionary(old.schema.map { ($0.name, $0) }) { first, _ in first }
    let after = Set(new.schema.map(\.name))
    let changed = new.schema.filter { before[$0.name] != $0 }
    return changed.map { ColumnChange(name: $0.name, old: before[$0.name], new: $0) }
      + old.schema.filter { !after.contains($0.name) }.map { ColumnChange(name: $0.name, old: $0, new: nil) }
  }

  /// `10 -> 12 rows`
  private static func rows(_ before: UInt64, _ after: UInt64) -> String {
    (before == after ? "" : NumberText.grouped(before) + " -> ") + NumberText.counted(after, "row")
  }

  /// `10 -> 12`, or one of them where both are the same.
  static func arrow(_ before: String, _ after: String) -> String { before == after ? after : "\(before) -> \(after)" }
}
