internal import CScan
internal import Columns

/// How rows lie in ``PackedRows``: near to how they will be written, so that little of each is copied about.
///
/// It begins as narrow as a source's first block allows, and gives way where a later one does not, never back: batches
/// that were begun in another form are finished, so it must not change often.
struct PackedForm: Equatable {
  /// nil: keys are texts.
  var keys: DigitKeys?
  var columns: [Values]
  var times: Times

  enum Values: Equatable {
    /// Texts that are the keys', in every row.
    case keys
    /// Texts as numbers of a dictionary of few.
    case few
    /// Elements as they are in the column, texts among them.
    case plain
  }

  enum Times: Equatable {
    case none
    /// They are a column's, which is a timestamp and never null.
    case column(Int)
    case own
  }
}

/// Keys of one length that all begin alike and end in digits: they are told by the number that these are.
struct DigitKeys: Equatable {
  let length: Int
  /// Bytes before the digits.
  let prefix: Int
  private let low: UInt64
  private let high: UInt64

  var digits: Int { length - prefix }

  /// What this text has in common with all others, if they are of this kind; nil if it is none itself.
  init?(_ text: UnsafeRawPointer, _ length: Int) {
    var digits = 0
    while digits < min(length, RowSections.digitsMax),
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(
        text.load(fromByteOffset: length - 1 - digits, as: UInt8.self))
    { digits += 1 }
    guard digits > 0, length - digits <= RowSections.prefixMax else { return nil }
    self.length = length
    prefix = length - digits
    (low, high) = RowSections.words(text, length - digits)
  }

  /// The beginning's bytes and then those of `number`, as many as ``length``, at a place with room for 40.
  func write(_ number: UInt64, to target: UnsafeMutableRawPointer) {
    target.storeBytes(of: low.littleEndian, as: UInt64.self)
    target.storeBytes(of: high.littleEndian, toByteOffset: 8, as: UInt64.self)
    var rest = number
    for at in stride(from: length - 1, through: prefix, by: -1) {
      target.storeBytes(of: UInt8(ascii: "0") + UInt8(rest % 10), toByteOffset: at, as: UInt8.self)
      rest /= 10
    }
  }

  /// The keys' numbers; false if one of a good row's is of another kind. Arenas are padded, so whole words may be loaded.
  func read(_ rows: RowColumns, _ faults: RowFaults, into numbers: UnsafeMutablePointer<UInt64>) -> Bool {
    if let areAll = readEight(rows, faults, into: numbers) { return areAll }
    let text = UnsafeRawPointer(rows.keyArena.base)
    let codes = faults.count > 0 ? UnsafePointer(faults.codes) : nil
    let (first, last) = (max(0, digits - 8), min(digits, 8))
    let (lowBytes, highBytes) = (min(prefix, 8), max(0, prefix - 8))
    let lowMask = lowBytes == 8 ? UInt64.max : (1 &<< UInt64(8 * lowBytes)) &- 1
    let highMask = highBytes == 8 ? UInt64.max : (1 &<< UInt64(8 * highBytes)) &- 1
    var isOther: UInt64 = 0
    for row in 0..<rows.count {
      if let codes, codes[row] != 0 { continue }
      let key = rows.keys[row]
      guard key.length == length else { return false }
      let at = text + Int(key.start)
      isOther |= (UInt64(littleEndian: at.loadUnaligned(as: UInt64.self)) ^ low) & lowMask
      if highMask != 0 {
        isOther |= (UInt64(littleEndian: at.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) ^ high) & highMask
      }
      let end = RowSections.padded(at + prefix + first, last)
      isOther |= RowSections.others(end)
      var number = RowSections.number(end)
      if first > 0 {
        let begin = RowSections.padded(at + prefix, first)
        isOther |= RowSections.others(begin)
        number &+= RowSections.number(begin) &* 100_000_000
      }
      numbers[row] = number
    }
    return isOther == 0
  }

  /// The same of short keys without faults, eight at a time; nil: they are to be read one by one.
  private func readEight(
    _ rows: RowColumns, _ faults: RowFaults, into numbers: UnsafeMutablePointer<UInt64>
  ) -> Bool? {
    guard faults.count == 0, length <= 16, prefix <= 8, digits <= 8 else { return nil }
    return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(rows.count, 1)) { short in
      guard let short = short.baseAddress else { return nil }
      let shape = cscan_numbered(beginning: low, length: UInt32(length), digits: UInt32(digits))
      // Views are two 32-bit words on both sides, and trivial types.
      let views = UnsafeRawPointer(rows.keys).assumingMemoryBound(to: cscan_view.self)
      let done = cscan_numbers_of_keys(UnsafePointer(rows.keyArena.base), views, rows.count, shape, .max, nil, short)
      guard done == rows.count else { return nil }
      // One more than the number, or 0.
      var areAll = true
      for row in 0..<rows.count {
        areAll = areAll && short[row] != 0
        numbers[row] = UInt64(short[row] &- 1)
      }
      return areAll
    }
  }
}
