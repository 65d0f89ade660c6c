internal import Columns

/// One shard's newest row a key of one `latest` source: versions and kept columns, by key number.
///
/// Rows at or after the as-of time are passed over, so the state is the newest row *before* it. A removal is a row like
/// any other in that order; where it is the newest, the key has no row.
final class LatestState {
  /// Its as-of time may move forward while no row was passed over for it; see ``RollingState``.
  var plan: SourcePlan
  /// The row's number stands doubled, with 1 added for a removal: it orders as before.
  private(set) var versions: UnsafeMutablePointer<RowVersion>
  private(set) var columns: [Column]
  /// Bytes that views in `columns` no longer point at.
  private var garbage: [Int]
  private var capacity = 0
  private var winners: [(row: UInt32, key: UInt32)] = []

  init(plan: SourcePlan) {
    self.plan = plan
    versions = .allocate(capacity: 1)
    columns = plan.kept.map { Column(type: $0.type, capacity: 0) }
    garbage = Array(repeating: 0, count: plan.kept.count)
  }

  deinit { versions.deallocate() }

  /// Whether the source has a row for the key.
  @inline(__always)
  func has(_ key: UInt32) -> Bool {
    guard Int(key) < capacity else { return false }
    let row = versions[Int(key)].row
    return row != 0 && row & 1 == 0
  }

  /// About how much memory it takes.
  var bytes: Int {
    columns.reduce(capacity * MemoryLayout<RowVersion>.stride) {
      $0 + capacity * ($1.type.stride + 1) + $1.arena.capacity
    }
  }

  /// Adds the chosen rows, whose key numbers stand in `prepared`, all below `keyCount`; `inputs` maps an input's number in
  /// the attempt to its number in `table`.
  func apply(
    _ prepared: PreparedRows, _ chosen: UnsafeBufferPointer<UInt32>, keyCount: Int, inputs: [UInt32], table: InputTable
  ) {
    guard let rows = prepared.rows else { return }
    grow(to: keyCount)
    winners.removeAll(keepingCapacity: true)
    let numbers = prepared.numbers
    // A timeless source has no as-of time.
    let times = plan.asOf == nil ? nil : rows.times
    let asOf = plan.asOf ?? .max
    for row in chosen {
      let key = numbers[Int(row)]
      let origin = rows.origin(Int(row))
      let input = inputs[origin.input]
      var time: Int64
      if let times {
        time = times[Int(row)]
        if time >= asOf { continue }
      } else {
        time = table.entries[Int(input)].modified
      }
      let version = RowVersion(
        time: time, input: input, row: origin.row &<< 1 | (origin.isRemoval ? 1 : 0))
      if version.isAfter(versions[Int(key)], table) {
        versions[Int(key)] = version
        winners.append((row, key))
      }
    }
    // In row order, so that of two winners for one key the later one stays.
    for (index, kept) in plan.kept.enumerated() {
      copy(rows.columns[kept.carried], to: index)
    }
  }

  private func copy(_ from: Column, to index: Int) {
    let to = columns[index]
    for (row, key) in winners { to.validity[Int(key)] = from.validity[Int(row)] }
    switch from.type {
    case .int, .timestamp, .double:
      for (row, key) in winners { to.int64s[Int(key)] = from.int64s[Int(row)] }
    case .date:
      for (row, key) in winners { to.int32s[Int(key)] = from.int32s[Int(row)] }
    case .bool:
      for (row, key) in winners { to.bytes[Int(key)] = from.bytes[Int(row)] }
    case .decimal:
      for (row, key) in winners { to.int128s[Int(key)] = from.int128s[Int(row)] }
    case .string:
      for (row, key) in winners {
        garbage[index] += to.views[Int(key)].length
        guard from.validity[Int(row)] != 0 else {
          to.views[Int(key)] = ByteView(start: 0, length: 0)
          continue
        }
        let view = from.views[Int(row)]
        let start = to.arena.append(from.arena.base + Int(view.start), view.length)
        to.views[Int(key)] = ByteView(start: start, length: UInt32(truncatingIfNeeded: view.length))
      }
      compact(index)
    }
  }

  /// Rewrites a string column's bytes when more than half of them are garbage.
  private func compact(_ index: Int) {
    let column = columns[index]
    guard garbage[index] > 1 << 16, garbage[index] * 2 > column.arena.count else { return }
    let arena = ByteArena(capacity: column.arena.count - garbage[index])
    for key in 0..<capacity {
      let view = column.views[key]
      let start = arena.append(column.arena.base + Int(view.start), view.length)
      column.views[key] = ByteView(start: start, length: UInt32(truncatingIfNeeded: view.length))
    }
    column.arena = arena
    garbage[index] = 0
  }

  private func grow(to keys: Int) {
    guard keys > capacity else { return }
    let grown = max(keys, capacity * 2, 16)
    let newVersions = UnsafeMutablePointer<RowVersion>.allocate(capacity: grown)
    newVersions.update(from: versions, count: capacity)
    (newVersions + capacity).initialize(repeating: .none, count: grown - capacity)
    versions.deallocate()
    versions = newVersions
    columns = columns.map { old in
      let column = Column(type: old.type, capacity: grown, arena: old.arena)
      column.values.copyMemory(from: old.values, byteCount: capacity * old.type.stride)
      column.validity.update(from: old.validity, count: capacity)
      return column
    }
    capacity = grown
  }
}
