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

  /// By row, what the directory found; of use while there is one.
  private var places: UnsafeMutablePointer<UInt32>
  /// The directory knew most keys, so nothing was made ready for searching those of all rows.
  private var isFewSearched = false
  /// Of a shard's rows, those whose keys have to be searched.
  private var searched: [UInt32] = []
  private var searchedProbes: [KeyProbe] = []

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
    places = .allocate(capacity: 1)
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
    look(rows)
    order.sort(rows, faults, probing: !isFewSearched)
  }

  /// Takes all of a batch's rows, for the shard.
  public func prepare(_ batch: RowBatch, shard: Int) {
    take(batch.rows)
    look(batch.rows)
    order.sort(batch.rows, shard: shard, probing: !isFewSearched)
  }

  private func look(_ rows: RowColumns) {
    isFewSearched = (directory?.find(rows, into: numbers, places: places) ?? 0) > rows.count / 2
  }

  /// Takes rows whose keys' numbers are known: `numbers[i]` is row i's. Their keys may be undefined.
  func prepare(_ batch: RowBatch, numbers known: UnsafePointer<UInt32>) {
    take(batch.rows)
    order.sort(batch.rows, shard: 0, probing: false)
    numbers.update(from: known, count: batch.count)
  }

  /// How many rows are a shard's.
  public func count(_ shard: Int) -> Int { order.range(shard).count }

  /// Lets go of the rows.
  public func removeAll() { rows = nil }

  /// Writes the numbers of some of a shard's rows' keys, `chosen`, whose ``withProbes(_:_:)`` these are, and asks for their
  /// records.
  func number(
    _ chosen: UnsafeBufferPointer<UInt32>, _ probes: UnsafeBufferPointer<KeyProbe>, keys: KeyTable,
    records: RecordPages
  ) {
    guard let rows else { return }
    guard let directory else {
      keys.numbers(of: rows, chosen, probes, into: numbers, records: records)
      return
    }
    if searched.count < chosen.count {
      searched = Array(repeating: 0, count: chosen.count)
      searchedProbes = Array(repeating: .none, count: chosen.count)
    }
    var count = 0
    searched.withUnsafeMutableBufferPointer { searched in
      searchedProbes.withUnsafeMutableBufferPointer { searchedProbes in
        records.withPrefetch { prefetch in
          for i in 0..<chosen.count {
            let row = Int(chosen[i])
            // A number is of the key's own shard, so it is there, unless rows came to the wrong one.
            if places[row] == KeyDirectory.known && Int(numbers[row]) < keys.count {
              prefetch(numbers[row])
            } else {
              searched[count] = chosen[i]
              searchedProbes[count] = isFewSearched ? KeyProbe(rows, row) : probes[i]
              count &+= 1
            }
          }
        }
        let rest = UnsafeBufferPointer(rebasing: searched[..<count])
        keys.numbers(
          of: rows, rest, UnsafeBufferPointer(rebasing: searchedProbes[..<count]), into: numbers, records: records)
        for row in rest { directory.set(places[Int(row)], numbers[Int(row)]) }
      }
    }
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
    records = .allocate(capacity: rows)
    base = .allocate(capacity: rows)
    selection = .allocate(capacity: rows)
  }

  private func free() {
    truths.deallocate()
    codes.deallocate()
    numbers.deallocate()
    places.deallocate()
    records.deallocate()
    base.deallocate()
    selection.deallocate()
  }
}
