internal import Columns
#if canImport(Glibc)
  internal import Glibc
#endif

/// Strings of a column: how many distinct, the most frequent, the least and the greatest (by bytes).
///
/// Up to 4,096 distinct strings are counted one by one (told apart by their 64-bit hashes); beyond that the counts are
/// dropped for a ``DistinctCounter``. Which of the two it is depends on the strings alone, not on the order of updates.
final class StringTally {
  /// Bytes kept of a frequent string.
  static let keptBytesMax = 128

  private let counter = DistinctCounter()
  /// Entry number + 1, 0 where free; empty once counting has stopped.
  private var slots = [UInt32](repeating: 0, count: 128)
  private var hashes: [UInt64] = []
  private var counts: [UInt64] = []
  /// The beginnings of the strings, in `text`.
  private var views: [ByteView] = []
  private var text = ByteArena()
  private var least: Extreme?
  private var greatest: Extreme?

  /// A bound, and its first eight bytes as a number, which decide most comparisons.
  private struct Extreme {
    var bytes: [UInt8]
    var head: UInt64
  }

  private var isCounting: Bool { !slots.isEmpty }

  /// Adds the strings that are not null.
  func add(
    _ strings: UnsafePointer<ByteView>, _ validity: UnsafePointer<UInt8>, _ rows: Int, text: UnsafePointer<UInt8>
  ) {
    var row = 0
    while row < rows && isCounting {
      if validity[row] != 0 {
        let view = strings[row]
        let bytes = text + Int(view.start)
        let hash = Hashing.hash64(bytes, view.length)
        if !bump(hash, by: 1) {
          insert(hash, bytes, view.length, count: 1)
          widen(bytes, view.length)
        }
      }
      row += 1
    }
    if row < rows { addUncounted(strings + row, validity + row, rows - row, text: text) }
  }

  private func addUncounted(
    _ strings: UnsafePointer<ByteView>, _ validity: UnsafePointer<UInt8>, _ rows: Int, text: UnsafePointer<UInt8>
  ) {
    guard var low = least?.head, var high = greatest?.head else { return }
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: rows) { hashes in
      guard let base = hashes.baseAddress else { return }
      var n = 0
      for row in 0..<rows where validity[row] != 0 {
        let view = strings[row]
        let bytes = text + Int(view.start)
        base[n] = Hashing.hash64(bytes, view.length)
        n &+= 1
        let head = StringTally.head(bytes, view.length)
        if head <= low || head >= high {
          widen(bytes, view.length)
          low = least?.head ?? low
          high = greatest?.head ?? high
        }
      }
      counter.add(base, n)
    }
  }

  func merge(_ other: StringTally) {
    for extreme in [other.least, other.greatest] {
      guard let extreme else { continue }
      extreme.bytes.withUnsafeBufferPointer { buffer in
        var none: UInt8 = 0
        if let base = buffer.baseAddress { widen(base, buffer.count) } else { widen(&none, 0) }
      }
    }
    guard other.isCounting else {
      stopCounting()
      counter.merge(other.counter)
      return
    }
    for entry in other.hashes.indices {
      guard isCounting else {
        var hash = other.hashes[entry]
        counter.add(&hash, 1)
        continue
      }
      if !bump(other.hashes[entry], by: other.counts[entry]) {
        let view = other.views[entry]
        insert(other.hashes[entry], other.text.base + Int(view.start), view.length, count: other.counts[entry])
      }
    }
  }

  var distinct: Int { isCounting ? hashes.count : counter.estimate }
  var distinctIsExact: Bool { isCounting }
  var min: [UInt8]? { least?.bytes }
  var max: [UInt8]? { greatest?.bytes }

  /// The `limit` most frequent strings (their first ``keptBytesMax`` bytes), ties in the order of their bytes; nil where
  /// there are too many distinct ones.
  func top(_ limit: Int) -> [(bytes: [UInt8], count: UInt64)]? {
    guard isCounting else { return nil }
    let all = hashes.indices.map { entry in
      let view = views[entry]
      return (
        bytes: Array(UnsafeBufferPointer(start: text.base + Int(view.start), count: view.length)),
        count: counts[entry]
      )
    }
    let sorted = all.sorted { a, b in
      a.count != b.count ? a.count > b.count : a.bytes.lexicographicallyPrecedes(b.bytes)
    }
    return Array(sorted.prefix(limit))
  }

  // MARK: Counting

  /// Adds to a string that is there; false if it is not.
  @inline(__always)
  private func bump(_ hash: UInt64, by count: UInt64) -> Bool {
    let mask = slots.count &- 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let entry = Int(slots[slot] &- 1)
      if hashes[entry] == hash {
        counts[entry] &+= count
        return true
      }
      slot = (slot &+ 1) & mask
    }
    return false
  }

  private func insert(_ hash: UInt64, _ bytes: UnsafePointer<UInt8>, _ length: Int, count: UInt64) {
    let kept = Swift.min(length, StringTally.keptBytesMax)
    views.append(ByteView(start: text.append(bytes, kept), length: UInt32(truncatingIfNeeded: kept)))
    hashes.append(hash)
    counts.append(count)
    if hashes.count > DistinctCounter.exactMax {
      stopCounting()
    } else if hashes.count * 2 > slots.count {
      slots = [UInt32](repeating: 0, count: slots.count * 2)
      for entry in hashes.indices { place(entry) }
    } else {
      place(hashes.count - 1)
    }
  }

  private func place(_ entry: Int) {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hashes[entry]) & mask
    while slots[slot] != 0 { slot = (slot &+ 1) & mask }
    slots[slot] = UInt32(truncatingIfNeeded: entry + 1)
  }

  private func stopCounting() {
    hashes.withUnsafeBufferPointer { buffer in
      if let base = buffer.baseAddress { counter.add(base, buffer.count) }
    }
    slots = []
    hashes = []
    counts = []
    views = []
    text = ByteArena()
  }

  // MARK: Bounds

  @inline(__always)
  private static func head(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> UInt64 {
    if length >= 8 { return UInt64(bigEndian: UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self)) }
    var head: UInt64 = 0
    for i in 0..<length { head |= UInt64(bytes[i]) &<< UInt64(56 &- 8 &* i) }
    return head
  }

  private func widen(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
    let head = StringTally.head(bytes, length)
    if least == nil || StringTally.order(bytes, length, least?.bytes ?? []) < 0 {
      least = Extreme(bytes: Array(UnsafeBufferPointer(start: bytes, count: length)), head: head)
    }
    if greatest == nil || StringTally.order(bytes, length, greatest?.bytes ?? []) > 0 {
      greatest = Extreme(bytes: Array(UnsafeBufferPointer(start: bytes, count: length)), head: head)
    }
  }

  private static func order(_ a: UnsafePointer<UInt8>, _ length: Int, _ b: [UInt8]) -> Int {
    let common = b.withUnsafeBufferPointer { b in
      guard let base = b.baseAddress else { return 0 }
      return Int(memcmp(a, base, Swift.min(length, b.count)))
    }
    return common != 0 ? common : length - b.count
  }
}
