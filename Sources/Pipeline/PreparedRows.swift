public import Columns

/// Rows made ready for the states of their shards: sorted by shard, without being moved, and their conditions decided.
///
/// Has the room, too, for what applying finds of each row. Reused from block to block; one thread at a time, hence
/// `@unchecked Sendable`.
public final class PreparedRows: @unchecked Sendable {
  private let layout: AccumulatorLayout
  /// Where keys' numbers may be found without a search.
  private let directory: KeyDirectory?
  /// The rows; nil before the first.
  private(set) var rows: RowColumns?
  private var order: ShardOrder
  private var capacity = 0
  /// By row: whether it fulfils each filter's condition (``PredicateProgram``), one run of rows after the other.
  private var truths: UnsafeMutablePointer<UInt8>
  /// By row: which constant of each of the layout's switches it has, one run of rows after the other.
  private var codes: UnsafeMutablePointer<UInt8>
  /// By row: which lanes it adds to.
  private var lanes = LaneIndices()

  /// The directory knew most keys, so nothing was made ready for searching those of all rows.
  private var isFewSearched = false
  /// All rows' keys were made ready for searching.
  private var isProbed = false
  // By row, what the directory said; of use while there is one.
  private var places: UnsafeMutablePointer<UInt32>
  private var shards: UnsafeMutablePointer<UInt32>
  /// The rows whose keys the directory does not know; then those of the rows numbered last whose keys were searched.
  private var searched: UnsafeMutablePointer<UInt32>
  private var searchedProbes: [KeyProbe] = []
  /// Of rows that are searched, those for whose keys the directory has no place: as indices, then as rows.
  private var left: [UInt32] = []
  /// How many of `searched` have no record yet, all others of the rows numbered last having theirs; nil: none has.
  private var lateCount: Int?
  /// Of all keys, where they came without.
  private var hashes: UnsafeMutablePointer<UInt64>

  // By row, of the rows of the shards applied so far.
  private(set) var numbers: UnsafeMutablePointer<UInt32>
  private(set) var records: UnsafeMutablePointer<UnsafeMutableRawPointer>
  // Of the shard at hand.
  private(set) var base: UnsafeMutablePointer<UInt32>
  private(set) var selection: UnsafeMutablePointer<UInt32>

  /// For rows of one source; its layout says which conditions there are. `directory`: of the states that the rows go to.
  public convenience init(_ plan: SourcePlan, shards: Int, directory: KeyDirectory? = nil) {
    self.init(plan.layout, shards: shards, directory: directory)
  }

  init(_ layout: AccumulatorLayout, shards: Int, directory: KeyDirectory? = nil) {
    self.layout = layout
    self.directory = directory
    precondition(directory.map { $0.shards == shards } ?? true)
    places = .allocate(capacity: 1)
    self.shards = .allocate(capacity: 1)
    searched = .allocate(capacity: 1)
    hashes = .allocate(capacity: 1)
    order = ShardOrder(shards: shards)
    truths = .allocate(capacity: 1)
    codes = .allocate(capacity: 1)
    numbers = .allocate(capacity: 1)
    records = .allocate(capacity: 1)
    base = .allocate(capacity: 1)
    selection = .allocate(capacity: 1)
  }

  deinit {
    free()
    lanes.deallocate()
  }

  /// Takes a block's rows but for those at fault.
  public func prepare(_ rows: RowColumns, _ faults: RowFaults) {
    take(rows)
    let unknown = look(rows)
    if isFewSearched {
      for row in unknown {
        shards[Int(row)] = UInt32(truncatingIfNeeded: ShardOrder.shard(of: rows, Int(row), among: order.shards))
      }
      order.sort(rows, faults, by: shards)
    } else {
      order.sort(hashed(rows), faults, probing: isProbed)
    }
  }

  /// Takes all of a batch's rows, for the shard.
  public func prepare(_ batch: RowBatch, shard: Int) {
    let rows = batch.rows
    take(rows)
    let unknown = look(rows)
    // A directory's numbers are of the keys' own shards: those of rows that came to another are neither taken nor set.
    for row in unknown
    where places[Int(row)] != KeyDirectory.noPlace
      && ShardOrder.shard(of: rows, Int(row), among: order.shards) != shard
    {
      places[Int(row)] = KeyDirectory.noPlace
    }
    if directory != nil {
      for row in 0..<rows.count where Int(shards[row]) != shard && numbers[row] != KeyDirectory.unknown {
        numbers[row] = KeyDirectory.unknown
        places[row] = KeyDirectory.noPlace
      }
    }
    order.sort(isFewSearched ? rows : hashed(rows), shard: shard, probing: isProbed)
  }

  /// Asks the directory for all rows' keys; gives the rows whose keys it does not know.
  private func look(_ rows: RowColumns) -> UnsafeBufferPointer<UInt32> {
    (isFewSearched, isProbed) = (false, true)
    guard let directory else { return UnsafeBufferPointer(start: searched, count: 0) }
    let count = directory.find(
      rows, into: KeyDirectory.Found(numbers: numbers, shards: shards, places: places, unknown: searched))
    let unknown = UnsafeBufferPointer(start: UnsafePointer(searched), count: count)
    isFewSearched = count <= rows.count / 2
    isProbed = !isFewSearched && unknown.contains { places[Int($0)] == KeyDirectory.noPlace }
    return unknown
  }

  /// The rows with their keys' hashes.
  private func hashed(_ rows: RowColumns) -> RowColumns {
    if rows.hashes != nil { return rows }
    Hashing.hash64(of: rows.keys, rows.count, in: rows.keyArena, into: hashes)
    var rows = rows
    rows.hashes = UnsafePointer(hashes)
    self.rows = rows
    return rows
  }

  /// Takes rows whose keys' numbers are known: `numbers[i]` is row i's. Their keys may be undefined.
  func prepare(_ batch: RowBatch, numbers known: UnsafePointer<UInt32>) {
    take(batch.rows)
    isProbed = false
    order.sort(batch.rows, shard: 0, probing: false)
    numbers.update(from: known, count: batch.count)
  }

  /// How many rows are a shard's.
  public func count(_ shard: Int) -> Int { order.range(shard).count }

  /// Lets go of the rows.
  public func removeAll() { rows = nil }

  /// Writes the numbers of some of a shard's rows' keys, `chosen`, whose ``withProbes(_:_:)`` these are, and asks for the
  /// records in `pages` of those that are searched or few. `keys` has the same directory.
  func number(
    _ chosen: UnsafeBufferPointer<UInt32>, _ probes: UnsafeBufferPointer<KeyProbe>, keys: KeyTable,
    records pages: RecordPages
  ) {
    guard let rows else { return }
    lateCount = nil
    if directory == nil { return keys.numbers(of: rows, chosen, probes, into: numbers, records: pages) }
    var rest = chosen
    if isFewSearched {
      // A number that the directory knows is of a key that is in its shard's table, so all are below its count.
      let count = pages.find(chosen, numbers, below: keys.count, into: records, rest: searched)
      lateCount = count
      rest = UnsafeBufferPointer(start: UnsafePointer(searched), count: count)
    }
    if rest.isEmpty { return }
    if left.count < rest.count { left = Array(repeating: 0, count: rest.count) }
    left.withUnsafeMutableBufferPointer { left in
      guard let base = left.baseAddress else { return }
      let count = keys.numbersOfPlaced(of: rows, rest, places, into: numbers, left: base)
      if count == 0 { return }
      if searchedProbes.count < count { searchedProbes = Array(repeating: .none, count: count) }
      searchedProbes.withUnsafeMutableBufferPointer { some in
        for i in 0..<count {
          let row = rest[Int(base[i])]
          some[i] = isProbed ? probes[Int(base[i])] : KeyProbe(rows, Int(row))
          base[i] = row
        }
        keys.numbers(
          of: rows, UnsafeBufferPointer(rebasing: left[..<count]), UnsafeBufferPointer(rebasing: some[..<count]),
          into: numbers, records: pages)
      }
    }
  }

  /// Finds the records of rows whose numbers are there; `chosen` are those numbered last, or all if none was numbered here.
  func findRecords(_ chosen: UnsafeBufferPointer<UInt32>, in pages: RecordPages) {
    let late = lateCount.map { UnsafeBufferPointer(start: UnsafePointer(searched), count: $0) }
    pages.find(late ?? chosen, numbers, into: records)
  }

  /// What is asked of the keys of a shard's rows, in their order.
  func withProbes<R>(_ shard: Int, _ body: (UnsafeBufferPointer<KeyProbe>) throws -> R) rethrows -> R {
    try order.withProbes(shard, body)
  }

  /// Rows of a shard, as ascending indices.
  func withChosen<R>(_ shard: Int, _ body: (UnsafeBufferPointer<UInt32>) throws -> R) rethrows -> R {
    let range = order.range(shard)
    return try order.withRows { try body(UnsafeBufferPointer(rebasing: $0[range])) }
  }

  func truth(_ filter: Int) -> UnsafePointer<UInt8> { UnsafePointer(truths + filter * capacity) }
  func codes(_ filters: Int) -> UnsafePointer<UInt8> { UnsafePointer(codes + filters * capacity) }

  /// By row, the layout's index of this number, as of a time.
  func laneIndex(_ number: Int, asOf: Int64?) -> UnsafePointer<UInt8> {
    if let rows {
      lanes.find(
        layout, rows, asOf: asOf, truth: { UnsafePointer(truths + $0 * capacity) },
        codes: { UnsafePointer(codes + $0 * capacity) })
    }
    return lanes[number]
  }

  private func take(_ rows: RowColumns) {
    self.rows = rows
    lateCount = nil
    lanes.forget()
    if rows.count > capacity { grow(max(rows.count, capacity * 2)) }
    for filter in layout.singleFilters {
      layout.programs[filter]?.evaluate(rows.columns, rows.count, into: truths + filter * capacity)
    }
    for (index, filters) in layout.switches.enumerated() {
      filters.constants.evaluate(rows.columns[filters.column], rows.count, into: codes + index * capacity)
    }
  }

  private func grow(_ rows: Int) {
    free()
    capacity = rows
    truths = .allocate(capacity: rows * layout.filters.count)
    codes = .allocate(capacity: rows * max(layout.switches.count, 1))
    numbers = .allocate(capacity: rows)
    places = .allocate(capacity: rows)
    shards = .allocate(capacity: rows)
    searched = .allocate(capacity: rows)
    hashes = .allocate(capacity: rows)
    records = .allocate(capacity: rows)
    base = .allocate(capacity: rows)
    selection = .allocate(capacity: rows)
  }

  private func free() {
    truths.deallocate()
    codes.deallocate()
    numbers.deallocate()
    places.deallocate()
    shards.deallocate()
    searched.deallocate()
    hashes.deallocate()
    records.deallocate()
    base.deallocate()
    selection.deallocate()
  }
}
