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
  /// One distinct string: its hash, how often it came, and its beginning in `text`.
  private struct Entry: BitwiseCopyable {
    var hash: UInt64
    var count: UInt64
    var view: ByteView
  }
  /// An open-addressing table of entries, `count` 0 where free; nil once counting has stopped.
  private var entries: UnsafeMutablePointer<Entry>?
  private var capacity = 128
  private var used = 0
  private var text = ByteArena()
  private var least: Extreme?
  private var greatest: Extreme?

  /// A bound, and its first eight bytes as a number, which decide most comparisons.
  private struct Extreme {
    var bytes: [UInt8]
    var head: UInt64
  }

  init() { entries = StringTally.table(capacity) }

  deinit { entries?.deallocate() }

  /// About how much memory it takes.
  var bytes: Int { counter.bytes + (isCounting ? capacity * MemoryLayout<Entry>.stride : 0) + text.capacity }

  private var isCounting: Bool { entries != nil }

  /// Adds the strings that are not null.
  func add(
    _ strings: UnsafePointer<ByteView>, _ validity: UnsafePointer<UInt8>, _ rows: Int,
    text: UnsafePointer<UInt8>
  ) {
    var row = 0
    while row < rows, let entries {
      // Until a new string comes, the table stands still.
      let mask = capacity &- 1
      while row < rows {
        if validity[row] != 0 {
          let view = strings[row]
          let bytes = text + Int(view.start)
          let hash = Hashing.hash64(bytes, view.length)
          let slot = StringTally.find(hash, entries, mask)
          if entries[slot].count == 0 {
            insert(hash, bytes, view.length, count: 1)
            widen(bytes, view.length)
            row &+= 1
            break
          }
          entries[slot].count &+= 1
        }
        row &+= 1
      }
    }
    if row < rows { addUncounted(strings + row, validity + row, rows - row, text: text) }
  }

  /// Adds one string so many times.
  func add(_ bytes: UnsafePointer<UInt8>, _ length: Int, times: UInt64) {
    var hash = Hashing.hash64(bytes, length)
    guard let entries else {
      counter.add(&hash, 1)
      widen(bytes, length)
      return
    }
    let slot = StringTally.find(hash, entries, capacity &- 1)
    if entries[slot].count == 0 {
      insert(hash, bytes, length, count: times)
      widen(bytes, length)
    } else {
      entries[slot].count &+= times
    }
  }

  private func addUncounted(
    _ strings: UnsafePointer<ByteView>, _ validity: UnsafePointer<UInt8>, _ rows: Int,
    text: UnsafePointer<UInt8>
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
      if let extreme { widen(extreme.bytes[...]) }
    }
    guard other.isCounting else {
      stopCounting()
      counter.merge(other.counter)
      return
    }
    for entry in other.all {
      guard let entries else {
        var hash = entry.hash
        counter.add(&hash, 1)
        continue
      }
      let slot = StringTally.find(entry.hash, entries, capacity - 1)
      if entries[slot].count == 0 {
        insert(entry.hash, other.text.base + Int(entry.view.start), entry.view.length, count: entry.count)
      } else {
        entries[slot].count &+= entry.count
      }
    }
  }

  var distinct: Int { isCounting ? used : counter.estimate }
  var distinctIsExact: Bool { isCounting }
  var min: [UInt8]? { least?.bytes }
  var max: [UInt8]? { greatest?.bytes }

  /// The `limit` most frequent strings (their first ``keptBytesMax`` bytes), ties in the order of their bytes; nil where
  /// there are too many distinct ones.
  func top(_ limit: Int) -> [(bytes: [UInt8], count: UInt64)]? {
    guard isCounting else { return nil }
    let all = all.map { entry in
      let bytes = UnsafeBufferPointer(start: text.base + Int(entry.view.start), count: entry.view.length)
      return (bytes: Array(bytes), count: entry.count)
    }
    let sorted = all.sorted { a, b in
      a.count != b.count ? a.count > b.count : a.bytes.lexicographicallyPrecedes(b.bytes)
    }
    return Array(sorted.prefix(limit))
  }

  // MARK: As bytes

  func write(to out: inout StateWriter) {
    guard let least, let greatest else {
      out.put(0)
      return
    }
    out.put(isCounting ? 1 : 2)
    out.put(least.bytes)
    out.put(greatest.bytes)
    guard isCounting else {
      counter.write(to: &out)
      return
    }
    let sorted = all.sorted { $0.hash < $1.hash }
    out.put(count: sorted.count)
    for entry in sorted {
      out.put(fixed: entry.hash)
      out.put(count: entry.count)
      out.put(UnsafeBufferPointer(start: text.base + Int(entry.view.start), count: entry.view.length))
    }
  }

  /// Into an empty tally of `count` strings.
  func read(_ state: inout StateReader, count: Int) throws(StateError) {
    let form = try state.byte()
    guard form <= 2, (form == 0) == (count == 0) else { throw StateReader.damaged("a tally's form is not known") }
    if form == 0 { return }
    for _ in 0..<2 { widen(try state.run()) }
    guard form == 1 else {
      stopCounting()
      try counter.read(&state)
      return
    }
    var total: UInt64 = 0
    var last: UInt64?
    for _ in 0..<(try state.count(atMost: DistinctCounter.exactMax)) {
      let hash: UInt64 = try state.fixed()
      let number = try state.count()
      let bytes = try state.run()
      total += number
      guard last.map({ hash > $0 }) ?? true, number > 0, bytes.count <= StringTally.keptBytesMax,
        total <= StateReader.countMax
      else { throw StateReader.damaged("a string's count is none") }
      last = hash
      StringTally.withAddress(bytes) { insert(hash, $0, bytes.count, count: number) }
    }
    guard total == UInt64(count) else { throw StateReader.damaged("a column holds other numbers of values") }
  }

  private func widen(_ bytes: ArraySlice<UInt8>) { StringTally.withAddress(bytes) { widen($0, bytes.count) } }

  /// An address even for no bytes.
  private static func withAddress(_ bytes: ArraySlice<UInt8>, _ body: (UnsafePointer<UInt8>) -> Void) {
    bytes.withUnsafeBufferPointer { buffer in
      var none: UInt8 = 0
      if let base = buffer.baseAddress { body(base) } else { body(&none) }
    }
  }

  // MARK: Counting

  private var all: [Entry] {
    guard let entries else { return [] }
    return (0..<capacity).map { entries[$0] }.filter { $0.count > 0 }
  }

  private static func table(_ capacity: Int) -> UnsafeMutablePointer<Entry> {
    let table = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
    table.initialize(
      repeating: Entry(hash: 0, count: 0, view: ByteView(start: 0, length: 0)), count: capacity)
    return table
  }

  /// The slot of the string with this hash, or the free one where it belongs.
  @inline(__always)
  private static func find(_ hash: UInt64, _ entries: UnsafeMutablePointer<Entry>, _ mask: Int) -> Int {
    var slot = Int(truncatingIfNeeded: hash) & mask
    while entries[slot].count != 0 && entries[slot].hash != hash { slot = (slot &+ 1) & mask }
    return slot
  }

  /// Puts in a string that is not there, and makes the table larger or gives it up.
  @inline(never)
  private func insert(_ hash: UInt64, _ bytes: UnsafePointer<UInt8>, _ length: Int, count: UInt64) {
    guard let entries else { return }
    let kept = Swift.min(length, StringTally.keptBytesMax)
    let view = ByteView(start: text.append(bytes, kept), length: UInt32(truncatingIfNeeded: kept))
    entries[StringTally.find(hash, entries, capacity - 1)] = Entry(hash: hash, count: count, view: view)
    used += 1
    if used > DistinctCounter.exactMax {
      stopCounting()
    } else if used * 2 > capacity {
      let grown = StringTally.table(capacity * 2)
      for entry in all { grown[StringTally.find(entry.hash, grown, capacity * 2 - 1)] = entry }
      entries.deallocate()
      self.entries = grown
      capacity *= 2
    }
  }

  private func stopCounting() {
    guard let entries else { return }
    let hashes = all.map(\.hash)
    hashes.withUnsafeBufferPointer { buffer in
      if let base = buffer.baseAddress { counter.add(base, buffer.count) }
    }
    entries.deallocate()
    self.entries = nil
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
