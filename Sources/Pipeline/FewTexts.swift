internal import CScan
internal import Columns

/// Distinct short texts, numbered as they come: a hash table without deletion, in memory of the caller's.
struct FewTexts {
  struct Entry {
    var words: (UInt64, UInt64)
    var length: Int
  }

  static let slots = 1024
  private static let free = UInt16.max

  /// ``RowSections/fewMax`` of them.
  let entries: UnsafeMutablePointer<Entry>
  private let numbers: UnsafeMutablePointer<UInt16>
  private(set) var count = 0

  /// `numbers`: ``slots`` of them.
  init(_ entries: UnsafeMutablePointer<Entry>, _ numbers: UnsafeMutablePointer<UInt16>) {
    self.entries = entries
    self.numbers = numbers
    numbers.update(repeating: FewTexts.free, count: FewTexts.slots)
  }

  /// Of no text that ``find(_:_:into:)`` knows.
  static let unknown = UInt8.max
  private static let findMax = 12

  /// The numbers of texts that are there, of others ``unknown``; false, and nothing is found, where there are too many to
  /// compare each with all. The column has no null.
  func find(_ column: Column, _ rows: Int, into codes: UnsafeMutablePointer<UInt8>) -> Bool {
    guard count > 0, count <= FewTexts.findMax else { return false }
    return withUnsafeTemporaryAllocation(of: cscan_constant.self, capacity: count) { constants in
      for index in 0..<count {
        let entry = entries[index]
        constants.initializeElement(
          at: index,
          to: cscan_constant(first: entry.words.0, second: entry.words.1, length: UInt64(entry.length)))
      }
      guard let known = constants.baseAddress else { return false }
      // Views are two 32-bit words on both sides, and trivial types.
      let views = UnsafeRawPointer(column.views).assumingMemoryBound(to: cscan_view.self)
      let done = cscan_which(
        UnsafePointer(column.arena.base), views, column.validity, rows, known, count, codes)
      guard done == rows else { return false }
      // One more than the number, or 0.
      for row in 0..<rows { codes[row] &-= 1 }
      return true
    }
  }

  /// The text's number; nil if there are too many. `words` as by ``RowSections/words(_:_:)``.
  @inline(__always)
  mutating func code(_ words: (UInt64, UInt64), _ length: Int) -> UInt8? {
    let both = words.0 &+ words.1 &* 0xc2b2_ae3d_27d4_eb4f &+ UInt64(truncatingIfNeeded: length)
    let hash = both &* 0x9e37_79b9_7f4a_7c15
    var slot = Int(truncatingIfNeeded: hash &>> 54)
    while numbers[slot] != FewTexts.free {
      let entry = entries + Int(numbers[slot])
      if entry.pointee.words.0 == words.0 && entry.pointee.words.1 == words.1 && entry.pointee.length == length {
        return UInt8(truncatingIfNeeded: numbers[slot])
      }
      slot = (slot &+ 1) & (FewTexts.slots - 1)
    }
    guard count < RowSections.fewMax else { return nil }
    numbers[slot] = UInt16(truncatingIfNeeded: count)
    (entries + count).initialize(to: Entry(words: words, length: length))
    count += 1
    return UInt8(count - 1)
  }
}

/// A column's few texts, for as long as they are few.
final class TextDictionary {
  private var texts: FewTexts
  private let numbers: UnsafeMutablePointer<UInt16>

  init() {
    numbers = .allocate(capacity: FewTexts.slots)
    texts = FewTexts(.allocate(capacity: RowSections.fewMax), numbers)
  }

  deinit {
    texts.entries.deallocate()
    numbers.deallocate()
  }

  /// What one takes.
  static let byteCount =
    FewTexts.slots * MemoryLayout<UInt16>.stride + RowSections.fewMax * MemoryLayout<FewTexts.Entry>.stride

  /// How many there are.
  var count: Int { texts.count }

  /// By number.
  var entries: UnsafePointer<FewTexts.Entry> { UnsafePointer(texts.entries) }

  subscript(code: Int) -> FewTexts.Entry { texts.entries[code] }

  /// The rows' numbers, of nulls that of the empty text; false if a good row's text is long or one too many.
  func read(
    _ column: Column, rows: Int, _ faults: RowFaults, isValid: Bool, into codes: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    // A copy: an object's own is looked at for others' access each time.
    var texts = texts
    defer { self.texts = texts }
    let text = UnsafeRawPointer(column.arena.base)
    let bad = faults.count > 0 ? UnsafePointer(faults.codes) : nil
    // Most texts are known by now.
    let areKnown = bad == nil && isValid && texts.find(column, rows, into: codes)
    for row in 0..<rows where !areKnown || codes[row] == FewTexts.unknown {
      if let bad, bad[row] != 0 { continue }
      let view = isValid || column.validity[row] != 0 ? column.views[row] : ByteView(start: 0, length: 0)
      guard view.length <= RowSections.fewBytesMax,
        let code = texts.code(RowSections.words(text + Int(view.start), view.length), view.length)
      else { return false }
      codes[row] = code
    }
    return true
  }

  /// The numbers of the chosen rows' texts, one after the other, of nulls any; false if a text is long or one too many.
  func read(
    _ column: Column, _ chosen: UnsafeBufferPointer<UInt32>, into codes: UnsafeMutablePointer<UInt8>
  ) -> Bool {
    var texts = texts
    defer { self.texts = texts }
    let (text, views, validity) = (UnsafeRawPointer(column.arena.base), column.views, column.validity)
    for i in 0..<chosen.count {
      let row = Int(chosen[i])
      codes[i] = 0
      if validity[row] == 0 { continue }
      let view = views[row]
      guard view.length <= RowSections.fewBytesMax,
        let code = texts.code(RowSections.words(text + Int(view.start), view.length), view.length)
      else { return false }
      codes[i] = code
    }
    return true
  }
}
