internal import Columns
public import Definition
internal import Formats
public import Pipeline

/// Changed customers' rows of one shard as JSON, for the topic of features.
///
/// `{"customer_id":"C1",…,"_ledger":123,"_as_of":"2026-11-21T03:00:00Z"}`: the snapshot's columns in its order, then
/// the ledger's position and the as-of time. What a row holds stands at ``LiveState``. One thread at a time,
/// hence `@unchecked Sendable`.
public final class LiveFeatures: @unchecked Sendable {
  private let state: LiveState
  private let encoder: JSONLinesEncoder
  private static let extra = [Field(name: "_ledger", type: .int), Field(name: "_as_of", type: .timestamp)]

  public init(definition: Definition, shards: Int, shard: Int, asOf: Int64) throws(PlanError) {
    state = try LiveState(definition, shards: shards, shard: shard, asOf: asOf)
    for field in LiveFeatures.extra where state.plan.fields.contains(where: { $0.name == field.name }) {
      throw PlanError(message: "'\(field.name)' is what the topic of features adds to each row; rename the column")
    }
    encoder = JSONLinesEncoder(fields: state.plan.fields + LiveFeatures.extra)
  }

  /// Stands in for another one, once all live batches were applied: what differs is touched; see
  /// ``LiveState/replace(_:asOf:tables:oldTables:)``.
  public func replace(_ old: LiveFeatures, asOf: Int64, tables: [InputTable], oldTables: [InputTable]) {
    state.replace(old.state, asOf: asOf, tables: tables, oldTables: oldTables)
  }

  /// How many keys have changed since the last look, rows apart whose time has not come.
  public var touchedCount: Int { state.touchedCount }

  /// Whether ``rows(asOf:ledgerPosition:tables:body:)`` would have anything to look at.
  public func hasChanges(asOf: Int64) -> Bool { state.hasChanges(asOf: asOf) }

  /// Adds an accepted batch, which carries all columns. `inputs[n]` is the number in `table`, the source's, of the
  /// attempt's n-th input.
  public func apply(_ batch: RowBatch, source: Int, inputs: [UInt32], table: InputTable) {
    state.apply(batch, source: source, inputs: inputs, table: table)
  }

  /// Gives one row for each key touched since the last time: the key's bytes and its JSON, or nil where the key is no
  /// row any more. The bytes are borrowed. The as-of time never goes back; an earlier one is taken as the last.
  ///
  /// Throws ``SnapshotTableBuilder/OverflowError`` (no snapshot could be made either) or what `body` throws; everything
  /// stays touched then.
  public func rows(
    asOf: Int64, ledgerPosition: Int, tables: [InputTable],
    body: (_ key: UnsafeRawBufferPointer, _ json: UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    try state.changes(asOf: asOf, tables: tables) { changes in
      let bytes = encoder.encode(extended(changes.table, ledgerPosition: ledgerPosition))
      try bytes.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        let text = base.assumingMemoryBound(to: UInt8.self)
        var from = 0
        for key in changes.keys {
          // Line ends within strings are escaped.
          guard let end = RecordBoundary.firstLineEnd(text, from: from, to: bytes.count) else { break }
          try body(state.key(key), UnsafeRawBufferPointer(rebasing: bytes[from..<end]))
          from = end + 1
        }
      }
      for key in changes.removed { try body(state.key(key), nil) }
    }
  }

  /// Takes what was touched as told already; after a restart, once all batches were applied again.
  public func settle(asOf: Int64, tables: [InputTable]) { state.settle(asOf: asOf, tables: tables) }

  private func extended(_ table: Table, ledgerPosition: Int) -> Table {
    let ledger = Column(type: .int, capacity: table.count, zeroed: false)
    let asOf = Column(type: .timestamp, capacity: table.count, zeroed: false)
    for row in 0..<table.count {
      ledger.int64s[row] = Int64(ledgerPosition)
      ledger.validity[row] = 1
      asOf.int64s[row] = state.asOf
      asOf.validity[row] = 1
    }
    return Table(
      fields: table.fields + LiveFeatures.extra, columns: table.columns + [ledger, asOf], count: table.count)
  }
}
