/// Dates or timestamps in at most 4,096 bins of equal width, for quantiles.
///
/// A relative error makes no sense for times (1 % of a timestamp is half a year), so the bins are even: a bin holds the
/// values with the same `value >> shift`, where `shift` is the least that puts the least and the greatest value fewer
/// than 4,096 bins apart. Bins of one shift nest in those of the next, so growing and merging only ever add neighbours
/// up: the result depends on the values alone. The error of a quantile is at most 1/2,048 of the whole range.
struct TimeSketch {
  static let binsMax: UInt64 = 4096

  /// The least and greatest value; nil before the first.
  private(set) var range: ClosedRange<Int64>?
  private var shift: Int64 = 0
  /// From the bin of the least value to that of the greatest.
  private var counts: [UInt64] = []

  /// A bin: the least value that would lie in it, and how many do.
  struct Bin {
    let start: Int64
    let count: UInt64
  }

  /// About how much memory it takes.
  var bytes: Int { counts.capacity * MemoryLayout<UInt64>.stride }

  mutating func add<T: FixedWidthInteger & SignedInteger>(_ values: UnsafePointer<T>, _ number: Int) {
    add(values, number) { _ in 1 }
  }

  /// Each value as often as its count says.
  mutating func add<T: FixedWidthInteger & SignedInteger>(
    _ values: UnsafePointer<T>, _ times: UnsafePointer<UInt32>, _ number: Int
  ) {
    add(values, number) { UInt64(times[$0]) }
  }

  @inline(__always)
  private mutating func add<T: FixedWidthInteger & SignedInteger>(
    _ values: UnsafePointer<T>, _ number: Int, times: (Int) -> UInt64
  ) {
    guard number > 0 else { return }
    var low = values[0]
    var high = values[0]
    for i in 0..<number {
      low = min(low, values[i])
      high = max(high, values[i])
    }
    cover(Int64(low)...Int64(high))
    guard let range else { return }
    let shift = shift
    let first = range.lowerBound &>> shift
    counts.withUnsafeMutableBufferPointer { counts in
      for i in 0..<number { counts[Int(truncatingIfNeeded: (Int64(values[i]) &>> shift) &- first)] &+= times(i) }
    }
  }

  mutating func merge(_ other: TimeSketch) {
    guard let theirs = other.range else { return }
    cover(theirs)
    guard let range else { return }
    let first = range.lowerBound >> shift
    for bin in other.bins {
      // A bin's start may lie below the least value, but in the same bin of any greater shift.
      let at = max(bin.start, theirs.lowerBound) >> shift
      counts[Int(at - first)] &+= bin.count
    }
  }

  func write(to out: inout StateWriter) {
    guard let range else {
      out.put(0)
      return
    }
    out.put(1)
    out.put(fixed: range.lowerBound)
    out.put(fixed: range.upperBound)
    for count in counts { out.put(count: count) }
  }

  /// Into an empty sketch of `count` values.
  mutating func read(_ state: inout StateReader, count: Int) throws(StateError) {
    switch try state.byte() {
    case 0:
      guard count == 0 else { throw StateReader.damaged("bins hold other numbers of values") }
    case 1:
      let low: Int64 = try state.fixed()
      let high: Int64 = try state.fixed()
      guard low <= high else { throw StateReader.damaged("a column's bounds are none") }
      cover(low...high)
      var total: UInt64 = 0
      for bin in counts.indices {
        counts[bin] = try state.count()
        total += counts[bin]
        guard total <= StateReader.countMax else { throw StateReader.damaged("a count is too large") }
      }
      guard total == UInt64(count), total > 0 else {
        throw StateReader.damaged("bins hold other numbers of values")
      }
    default: throw StateReader.damaged("a sketch's form is not known")
    }
  }

  /// The bins that hold something, ascending.
  var bins: [Bin] {
    guard let range else { return [] }
    let first = range.lowerBound >> shift
    return counts.enumerated().filter { $0.element > 0 }.map { index, count in
      Bin(start: (first + Int64(index)) << shift, count: count)
    }
  }

  /// How many values lie between a bin's start and its end, less one.
  var binSpan: Int64 { (1 << shift) - 1 }

  private mutating func cover(_ added: ClosedRange<Int64>) {
    guard let old = range else {
      range = added
      shift = TimeSketch.shift(added)
      counts = [UInt64](repeating: 0, count: TimeSketch.bins(added, shift))
      return
    }
    let joined = min(old.lowerBound, added.lowerBound)...max(old.upperBound, added.upperBound)
    guard joined != old else { return }
    let newShift = TimeSketch.shift(joined)
    let first = joined.lowerBound >> newShift
    var moved = [UInt64](repeating: 0, count: TimeSketch.bins(joined, newShift))
    for (index, count) in counts.enumerated() {
      let bin = ((old.lowerBound >> shift) + Int64(index)) >> (newShift - shift)
      moved[Int(bin - first)] &+= count
    }
    counts = moved
    shift = newShift
    range = joined
  }

  /// At most 52: 2⁶⁴ values in 4,096 bins.
  private static func shift(_ range: ClosedRange<Int64>) -> Int64 {
    var shift: Int64 = 0
    while distance(range, shift) >= binsMax { shift += 1 }
    return shift
  }

  private static func bins(_ range: ClosedRange<Int64>, _ shift: Int64) -> Int {
    Int(distance(range, shift)) + 1
  }

  /// Bins between the least and the greatest value's; as an unsigned difference it cannot overflow.
  private static func distance(_ range: ClosedRange<Int64>, _ shift: Int64) -> UInt64 {
    UInt64(bitPattern: range.upperBound >> shift) &- UInt64(bitPattern: range.lowerBound >> shift)
  }
}
