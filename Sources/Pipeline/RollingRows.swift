/// What the last snapshot of a shard's state had: which rows, and each row's number in the fingerprint. The next one
/// makes anew only what rows have come for.
///
/// What a column holds for a key is a function of the key and of its source's state for it, and that changes by rows
/// that are applied, or by a source that is emptied (``RollingState/move(to:replaced:tables:)``, which empties a source
/// with windows whenever the as-of time moves). Both are noted (``TouchedKeys``), so whatever is not is as it was.
///
/// ```
/// begin ─▶ lists ─▶ (changes of a run of rows ─▶ their numbers ─▶ take) … ─▶ finish
/// ```
/// After an error in between it is of no use. One thread at a time, hence `@unchecked Sendable`; what ``changes(_:_:)``
/// reads stands still between `begin` and `finish`.
public final class RollingRows: @unchecked Sendable {
  private let state: ShardState
  /// Of the last snapshot; nil: there was none.
  private var last: SnapshotRows?
  private var rows: SnapshotRows?
  private var numbers = RowNumbers()
  private var touched: TouchedKeys?
  private var union: TouchedKeys.Union?
  /// Whether the rows are those of the last snapshot, in the same order; known from `begin` on.
  public private(set) var haveSameRows = false

  public init(_ state: ShardState) { self.state = state }

  /// About how much memory it takes.
  public var bytes: Int {
    numbers.bytes + (last?.keys.reduce(0) { $0 + $1.count } ?? 0) * MemoryLayout<UInt32>.stride
  }

  /// The rows of the next snapshot: as ``SnapshotRows/init(_:rule:by:)``, with the same rule as before.
  public func begin(rule: SplitRule, by: Int?) -> SnapshotRows {
    touched = last == nil ? nil : state.touched
    union = touched?.union
    // Where nothing has come for the source of rows, no key has become one, and none has changed its split.
    let rows: SnapshotRows
    if let last, let touched, !touched.touches(state.plan.rowsSource) {
      rows = last
      haveSameRows = true
    } else {
      rows = SnapshotRows(state, rule: rule, by: by)
      haveSameRows = last?.keys == rows.keys
    }
    self.rows = rows
    if let union { numbers.remove(union.keys) } else { numbers.removeAll() }
    return rows
  }

  /// What is other than in the last snapshot.
  public struct Changes: Sendable {
    /// One flag an output column: whether its values may have changed. All, where the rows are others.
    public var columns: [Bool]
    /// The keys whose numbers are not known; nil: none is.
    public var keys: [UInt32]?
    /// Where these stand in the run.
    public var rows: [UInt32] = []
    /// Whether the run has the keys that it had in the last snapshot, in the same order.
    public var hasSameKeys = false
  }

  /// Of a run of a split's rows.
  public func changes(_ split: Int, _ range: Range<Int>) -> Changes {
    let output = state.plan.output
    guard let touched, let rows, let last else {
      return Changes(columns: Array(repeating: true, count: output.count), keys: nil)
    }
    let keys = rows.keys[split][range]
    let before = last.keys[split]
    let isSame = haveSameRows || (range.upperBound <= before.count && before[range] == keys)
    let sources = state.plan.sources.indices.map { !isSame || touched.touches($0, keys) }
    var changes = Changes(columns: output.map { output in output.source.map { sources[$0] } ?? !isSame }, keys: nil)
    changes.hasSameKeys = isSame
    if let union {
      let changed = keys.enumerated().filter { union.contains($0.element) }
      changes.keys = changed.map(\.element)
      changes.rows = changed.map { UInt32(truncatingIfNeeded: $0.offset) }
    }
    return changes
  }

  /// Whether the snapshot after this one may well find few keys changed, known from `begin` on: this one did, or it is the
  /// first. (Where the as-of time moves and there are windows, none ever does.)
  public var mayBeFollowed: Bool { touched == nil || union != nil }

  /// Takes what ``Fingerprint/numbers(of:split:)`` says of the rows of `keys`.
  public func take(_ keys: ArraySlice<UInt32>, _ fresh: [UInt128]) {
    numbers.replace(keys, by: fresh, keyCount: state.keyCount)
  }

  /// Once all rows' numbers are known: the snapshot's fingerprint. From here on it is noted what comes.
  public func finish() -> Fingerprint {
    last = rows
    rows = nil
    touched = nil
    union = nil
    state.watch(true)
    return Fingerprint(rows: UInt64(last?.keys.reduce(0) { $0 + $1.count } ?? 0), sum: numbers.sum)
  }

  /// Forgets all, and nothing is noted any more.
  public func removeAll() {
    last = nil
    numbers.removeAll()
    state.watch(false)
  }
}
