internal import Pipeline

extension SnapshotDifference {
  /// Everything, unabridged. `before` and `after` are where the manifests lie.
  public func json(before: String, after: String) -> JSONValue {
    .object([
      ("equal", .bool(isEqual)),
      ("before", Self.snapshot(old, before)),
      ("after", Self.snapshot(new, after)),
      ("definition_changed", .bool(old.semanticHash != new.semanticHash)),
      ("inputs", Self.list(inputs)),
      ("missing", Self.list(missing)),
      ("columns", .array(columns.map(Self.column))),
      ("profile", .array(profiles.map(Self.profile))),
    ])
  }

  private static func snapshot(_ manifest: Manifest, _ location: String) -> JSONValue {
    let splits = manifest.splits.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.int(Int64($0.value))) }
    return .object([
      ("dataset", .string(manifest.dataset)), ("snapshot", .string(manifest.snapshot)), ("manifest", .string(location)),
      ("as_of", .string(manifest.asOf)), ("fingerprint", .string(manifest.fingerprint)),
      ("rows", .int(Int64(manifest.rows))), ("splits", .object(splits)), ("tributary", .string(manifest.tributary)),
    ])
  }

  private static func list(_ changes: [Change]) -> JSONValue {
    .array(
      changes.map {
        .object([
          ("change", .string($0.kind.rawValue)), ("source", .string($0.source)), ("input", .string($0.name)),
          ("detail", .string($0.detail)),
        ])
      })
  }

  private static func column(_ change: ColumnChange) -> JSONValue {
    func field(_ field: Manifest.SchemaField?) -> JSONValue {
      field.map { .object([("type", .string($0.type)), ("role", .string($0.role))]) } ?? .null
    }
    return .object([
      ("column", .string(change.name)), ("before", field(change.old)), ("after", field(change.new)),
    ])
  }

  private static func profile(_ change: ProfileChange) -> JSONValue {
    func values(_ column: ColumnSummary) -> JSONValue {
      .object([
        ("count", .int(Int64(column.count))), ("nulls", .int(Int64(column.nulls))),
        ("distinct", .int(Int64(column.distinct))), ("distinct_is_exact", .bool(column.distinctIsExact)),
        ("mean", column.mean.map { .double($0) } ?? .null),
      ])
    }
    return .object([("column", .string(change.name)), ("before", values(change.old)), ("after", values(change.new))])
  }
}
