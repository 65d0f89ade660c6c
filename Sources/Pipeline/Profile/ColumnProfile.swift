public import Columns

/// What a column holds: counts, distinct values, bounds, mean, spread, quantiles, frequent strings.
///
/// Order-free and mergeable: ``summary(name:)`` depends on the multiset of the values alone, not on how they were cut
/// into updates or in which order profiles were merged. Sums are exact, bins are fixed functions of the value, distinct
/// values are a set. Memory is bounded: tens of KB typically, 1 MB for 4,096 long strings, 2 MB for doubles of every
/// order of magnitude. Keep one a thread, not one a shard.
///
/// One thread at a time; handed over whole, hence `@unchecked Sendable`.
public final class ColumnProfile: @unchecked Sendable {
  public let type: ColumnType
  /// Values that are not null.
  public internal(set) var count = 0
  public internal(set) var nulls = 0

  /// What is kept depends on the type.
  enum Values {
    case doubles(DoubleProfile)
    case integers(IntegerProfile)
    case decimals(DecimalProfile)
    case bools(BoolProfile)
    case times(TimeProfile)
    case strings(StringTally)
  }
  let values: Values

  /// Rows that are taken at once: their values and hashes stay in the nearest cache.
  private static let blockRows = 1024

  public init(type: ColumnType) {
    self.type = type
    switch type {
    case .string: values = .strings(StringTally())
    case .int: values = .integers(IntegerProfile())
    case .double: values = .doubles(DoubleProfile())
    case .bool: values = .bools(BoolProfile())
    case .date, .timestamp: values = .times(TimeProfile())
    case .decimal: values = .decimals(DecimalProfile())
    }
  }

  /// Takes the first `rows` rows of a column of the same type.
  public func update(_ column: Column, count rows: Int) {
    precondition(column.type == type, "a profile takes columns of its own type")
    precondition(rows <= column.capacity)
    // Pointers into the column are taken below; the column outlives them all.
    defer { withExtendedLifetime(column) {} }
    let validity = UnsafePointer(column.validity)
    switch values {
    case .strings(let tally):
      let text = UnsafePointer(column.arena.base)
      ColumnProfile.forBlocks(rows) { from, number in
        tally.add(UnsafePointer(column.views) + from, validity + from, number, text: text)
        take(validity + from, number)
      }
    case .bools(let profile):
      ColumnProfile.forBlocks(rows) { from, number in
        profile.add(UnsafePointer(column.bytes) + from, validity + from, number)
        take(validity + from, number)
      }
    case .doubles(let profile): each(column.doubles, validity, rows, profile.add)
    case .integers(let profile): each(column.int64s, validity, rows, profile.add)
    case .decimals(let profile): each(column.int128s, validity, rows, profile.add)
    case .times(let profile):
      if type == .date {
        each(column.int32s, validity, rows, profile.add)
      } else {
        each(column.int64s, validity, rows, profile.add)
      }
    }
  }

  /// Adds what another profile of the same type has seen.
  public func merge(_ other: ColumnProfile) {
    precondition(other.type == type, "profiles of different types cannot be merged")
    count += other.count
    nulls += other.nulls
    switch (values, other.values) {
    case (.strings(let mine), .strings(let theirs)): mine.merge(theirs)
    case (.bools(let mine), .bools(let theirs)): mine.merge(theirs)
    case (.doubles(let mine), .doubles(let theirs)): mine.merge(theirs)
    case (.integers(let mine), .integers(let theirs)): mine.merge(theirs)
    case (.decimals(let mine), .decimals(let theirs)): mine.merge(theirs)
    case (.times(let mine), .times(let theirs)): mine.merge(theirs)
    default: preconditionFailure("profiles of one type keep the same values")
    }
  }

  /// About how much memory it takes.
  var bytes: Int {
    switch values {
    case .strings(let tally): tally.bytes
    case .bools: 64
    case .doubles(let profile): profile.distinct.bytes + profile.sketch.bytes
    case .integers(let profile): profile.distinct.bytes + profile.sketch.bytes
    case .decimals(let profile): profile.distinct.bytes + profile.sketch.bytes
    case .times(let profile): profile.distinct.bytes + profile.sketch.bytes
    }
  }

  private static func forBlocks(_ rows: Int, _ body: (Int, Int) -> Void) {
    var row = 0
    while row < rows {
      let number = min(blockRows, rows - row)
      body(row, number)
      row += number
    }
  }

  private func take(_ validity: UnsafePointer<UInt8>, _ rows: Int) {
    var valid = 0
    for row in 0..<rows { valid &+= Int(validity[row]) }
    count += valid
    nulls += rows - valid
  }

  /// Hands the values that are not null to `add`, block by block, with room for a hash of each.
  @inline(__always)
  private func each<T: BitwiseCopyable>(
    _ source: UnsafeMutablePointer<T>, _ validity: UnsafePointer<UInt8>, _ rows: Int,
    _ add: (UnsafePointer<T>, Int, UnsafeMutablePointer<UInt64>) -> Void
  ) {
    let room = ColumnProfile.blockRows
    withUnsafeTemporaryAllocation(of: T.self, capacity: room + Compaction.room) { dense in
      withUnsafeTemporaryAllocation(of: UInt64.self, capacity: room) { hashes in
        guard let dense = dense.baseAddress, let hashes = hashes.baseAddress else { return }
        ColumnProfile.forBlocks(rows) { from, number in
          let valid = ColumnProfile.compact(source + from, validity + from, number, to: dense)
          // Without nulls the column's own memory serves.
          add(valid == number ? UnsafePointer(source + from) : UnsafePointer(dense), valid, hashes)
          count += valid
          nulls += number - valid
        }
      }
    }
  }

  /// Copies the values that are not null, unless all are; gives their number.
  @inline(__always)
  private static func compact<T: BitwiseCopyable>(
    _ source: UnsafeMutablePointer<T>, _ validity: UnsafePointer<UInt8>, _ rows: Int,
    to dense: UnsafeMutablePointer<T>
  ) -> Int {
    var valid = 0
    for row in 0..<rows { valid &+= Int(validity[row]) }
    guard valid < rows else { return valid }
    return Compaction.copy(source, validity, rows, to: dense)
  }
}
