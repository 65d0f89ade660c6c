public import Columns
public import Definition

/// A shard's features as they stand now, and which keys have changed since one last looked.
///
/// A changed key's row is what a snapshot of the same rows at the as-of time would hold of it: rows at or after that time
/// wait, and windows end there. A row that leaves a window changes nothing until its key is touched again. A step function
/// without I/O; one thread at a time.
///
/// What has no window is folded as in a batch; windowed aggregates are computed afresh, over the rows of the touched
/// keys alone (``WindowRows``).
public final class LiveState: @unchecked Sendable {
  public let plan: DatasetPlan
  /// Never goes back.
  public private(set) var asOf: Int64
  let state: ShardState
  private let windows: [WindowRows?]
  private var future = FutureRows()
  private let keyCasts: [Cast]
  /// Key numbers, in the order in which they were touched.
  private(set) var touched: [UInt32] = []
  /// By key number.
  private(set) var marks: [Mark] = []

  struct Mark: OptionSet {
    let rawValue: UInt8
    static let touched = Mark(rawValue: 1)
    /// Its row was given out, and not its removal since.
    static let isOut = Mark(rawValue: 2)
  }

  /// Some of the changed keys.
  public struct Changes {
    /// Keys' numbers, for ``LiveState/key(_:)``, in the order of the table's rows.
    public let keys: [UInt32]
    /// The snapshot's columns.
    public let table: Table
    /// Keys that were rows when they were last given out, and are none now.
    public let removed: [UInt32]
  }

  /// Keys that are looked at together: more, and tables and JSON no longer stay in a core's cache (a third slower).
  static let keysMax = 1024

  /// A shard's state as of `asOf`, without rows. Batches carry all columns.
  public init(_ definition: Definition, shards: Int, shard: Int, asOf: Int64) throws(PlanError) {
    var definition = definition
    definition.shards = shards
    let plan = try DatasetPlan(definition, asOf: .max, carriesAll: true)
    self.plan = plan
    self.asOf = asOf
    state = ShardState(shard: shard, plan: plan)
    windows = try plan.sources.indices.map { index throws(PlanError) in
      try WindowPlan(plan, source: index).map { WindowRows(plan: $0) }
    }
    do {
      keyCasts = try definition.key.indices.map { try Cast(type: plan.output[$0].type) }
    } catch {
      throw PlanError(message: "the key: \(error)")
    }
  }

  /// The bytes of a key; valid until the next batch.
  public func key(_ number: UInt32) -> UnsafeRawBufferPointer {
    let view = state.keys.views[Int(number)]
    return UnsafeRawBufferPointer(start: state.keys.arena.base + Int(view.start), count: view.length)
  }

  /// How many keys have changed, rows that wait for their time apart.
  public var touchedCount: Int { touched.count }

  /// Whether a look at `asOf` would find changes: also by rows that waited for their time.
  public func hasChanges(asOf: Int64) -> Bool {
    // A clock may be behind the one of whoever looked last.
    !touched.isEmpty || future.earliest.map { $0 < max(asOf, self.asOf) } ?? false
  }

  /// Adds an accepted batch's rows. `inputs[n]` is the number in `table`, the source's, of the attempt's n-th input.
  public func apply(_ batch: RowBatch, source: Int, inputs: [UInt32], table: InputTable) {
    if plan.sources[source].timeColumn != nil {
      for row in 0..<batch.count where batch.times[row] >= asOf {
        future.add(FutureRows.Waiting(batch: batch, source: source, inputs: inputs))
        return
      }
    }
    absorb(batch, source: source, inputs: inputs, table: table)
  }

  /// Gives the rows of all keys that were touched since the last time, as of `asOf` (or the time before, if that was
  /// later), a few thousand at a time. `tables` by source.
  ///
  /// If it throws, everything stays touched, also what was given out already.
  public func changes(asOf: Int64, tables: [InputTable], _ body: (Changes) throws -> Void) throws {
    advance(to: asOf, tables: tables)
    var from = 0
    while from < touched.count {
      let to = min(from + LiveState.keysMax, touched.count)
      var present: [UInt32] = []
      var removed: [UInt32] = []
      for key in touched[from..<to] {
        if state.isRow(key) {
          present.append(key)
        } else if marks[Int(key)].contains(.isOut) {
          removed.append(key)
        }
      }
      let table = try table(of: present, tables)
      // Before: whoever fails to give them out may have done so all the same.
      for key in present { marks[Int(key)].insert(.isOut) }
      try body(Changes(keys: present, table: table, removed: removed))
      for key in removed { marks[Int(key)].remove(.isOut) }
      from = to
    }
    forgetTouched()
  }

  /// Takes what was touched as known: after a restart, when all batches were applied again. Rows count as given out.
  public func settle(asOf: Int64, tables: [InputTable]) {
    advance(to: asOf, tables: tables)
    for key in touched {
      if state.isRow(key) { marks[Int(key)].insert(.isOut) } else { marks[Int(key)].remove(.isOut) }
    }
    forgetTouched()
  }

  /// Somebody else gave out a key's row, or its removal: it is touched, and removed if it is out and no row.
  public func expect(_ key: UnsafeRawBufferPointer, isOut: Bool) {
    guard let base = key.baseAddress else { return }
    let number = state.keys.number(of: base.assumingMemoryBound(to: UInt8.self), key.count)
    touch(number)
    if isOut { marks[Int(number)].insert(.isOut) } else { marks[Int(number)].remove(.isOut) }
  }

  func forgetTouched() {
    for key in touched { marks[Int(key)].remove(.touched) }
    touched.removeAll(keepingCapacity: true)
  }

  func advance(to time: Int64, tables: [InputTable]) {
    asOf = max(asOf, time)
    future.release(before: asOf) { waiting in
      absorb(waiting.batch, source: waiting.source, inputs: waiting.inputs, table: tables[waiting.source])
    }
    for rows in windows { rows?.expire(asOf: asOf) }
  }

  private func absorb(_ batch: RowBatch, source: Int, inputs: [UInt32], table: InputTable) {
    state.apply(batch, source: source, inputs: inputs, table: table)
    for row in 0..<batch.count { touch(state.numbers[row]) }
    windows[source]?.add(batch, numbers: state.numbers, keyCount: state.keyCount, inputs: inputs, asOf: asOf)
  }

  @inline(__always)
  func touch(_ key: UInt32) {
    let key = Int(key)
    reserveMarks(key)
    if marks[key].contains(.touched) { return }
    marks[key].insert(.touched)
    touched.append(UInt32(truncatingIfNeeded: key))
  }

  /// Its row was given out by another state that this one stands in for.
  func noteOut(_ key: UInt32) {
    reserveMarks(Int(key))
    marks[Int(key)].insert(.isOut)
  }

  @inline(__always)
  private func reserveMarks(_ key: Int) {
    if key >= marks.count {
      marks.append(contentsOf: repeatElement([], count: max(state.keyCount, marks.count * 2) - marks.count))
    }
  }

  func table(of keys: [UInt32], _ tables: [InputTable]) throws -> Table {
    var detours: [Int: SnapshotTableBuilder.Detour] = [:]
    for (source, rows) in windows.enumerated() {
      guard let rows else { continue }
      let windowed = rows.state(of: keys[...], asOf: asOf, table: tables[source])
      for (output, reading) in rows.plan.readings {
        detours[output] = SnapshotTableBuilder.Detour(state: windowed, reading: reading)
      }
    }
    var builder = SnapshotTableBuilder(plan: plan, keyCasts: keyCasts, rows: keys.count)
    try builder.append(state, keys: keys[...], detours: detours)
    return builder.finish()
  }
}
