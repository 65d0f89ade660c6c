internal import Columns

extension LatestState {
  /// Writes one row's value into row 0 of `column`, and nothing else stays there.
  func read(_ kept: Int, of key: UInt32, into column: Column) {
    column.arena.removeAll()
    var record = absent
    if let found = records.record(key), LatestLayout.hasRow(found) { record = found }
    withUnsafePointer(to: record) { read(kept, UnsafeBufferPointer(start: $0, count: 1), into: column, at: 0) }
  }

  /// Writes a kept column of the found records into `column` from row `at` on; the record of a key without a row is one of
  /// zeros. Nothing of these rows is left as it was.
  /// `coded`: of texts of this state that are in the column already.
  func read(
    _ kept: Int, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, into column: Column, at: Int,
    _ coded: CodedTexts? = nil
  ) {
    let place = layout.places[kept]
    let validity = column.validity + at
    for row in 0..<found.count {
      let byte = found[row].load(fromByteOffset: place.presenceOffset, as: UInt8.self)
      validity[row] = byte & place.presenceBit != 0 ? 1 : 0
    }
    let offset = place.offset
    switch (place.form, place.type) {
    case (.code, _): readCodes(kept, found, into: column, at: at, coded)
    case (.text, _), (_, .string): readTexts(kept, found, into: column, at: at)
    case (.value(2), .int): read(offset, Int16.self, found, validity, into: column.int64s + at)
    case (.value(4), .int): read(offset, Int32.self, found, validity, into: column.int64s + at)
    case (_, .int), (_, .timestamp), (_, .double): read(offset, Int64.self, found, validity, into: column.int64s + at)
    case (_, .date): read(offset, Int32.self, found, validity, into: column.int32s + at)
    case (_, .bool): read(offset, UInt8.self, found, validity, into: column.bytes + at)
    case (_, .decimal): read(offset, Int128.self, found, validity, into: column.int128s + at)
    }
  }

  /// Nulls are zeros: nothing that a snapshot is made of depends on what was in a record.
  @inline(__always)
  private func read<Kept: FixedWidthInteger & BitwiseCopyable, T: FixedWidthInteger & BitwiseCopyable>(
    _ offset: Int, _: Kept.Type, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>,
    _ validity: UnsafePointer<UInt8>,
    into values: UnsafeMutablePointer<T>
  ) {
    for row in 0..<found.count {
      let value = found[row].loadUnaligned(fromByteOffset: offset, as: Kept.self)
      values[row] = validity[row] != 0 ? T(truncatingIfNeeded: value) : 0
    }
  }

  /// A text stands in the column once: rows share it.
  private func readCodes(
    _ kept: Int, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, into column: Column, at: Int,
    _ coded: CodedTexts?
  ) {
    let offset = layout.places[kept].offset
    let (views, validity) = (column.views + at, column.validity + at)
    let none = ByteView(start: 0, length: 0)
    guard let dictionary = dictionaries[kept] else {
      // No row has a text.
      views.update(repeating: none, count: found.count)
      return
    }
    let coded = coded ?? CodedTexts()
    let known = coded.views
    for row in 0..<found.count {
      // A null's code is that of some text, or 0.
      let code = Int(found[row].load(fromByteOffset: offset, as: UInt8.self))
      if known[code] == CodedTexts.none && validity[row] != 0 { coded.add(code, of: dictionary, to: column.arena) }
      let view = known[code]
      views[row] = validity[row] != 0 ? view : none
    }
  }

  private func readTexts(
    _ kept: Int, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, into column: Column, at: Int
  ) {
    let (offset, textsOffset) = (layout.places[kept].offset, layout.textsOffset)
    let before = layout.textsBefore(kept)
    let (views, validity) = (column.views + at, column.validity + at)
    var bytes = 0
    for row in 0..<found.count {
      let start = before.map { found[row].load(fromByteOffset: $0, as: UInt32.self) } ?? 0
      let length = found[row].load(fromByteOffset: offset, as: UInt32.self) &- start
      // A null's text is empty; its view must not point behind the column's bytes.
      views[row] = ByteView(start: validity[row] != 0 ? start : 0, length: length)
      bytes &+= Int(length)
    }
    let arena = column.arena
    arena.reserve(bytes)
    let target = UnsafeMutableRawPointer(arena.base)
    var end = arena.count
    for row in 0..<found.count where validity[row] != 0 {
      let (from, length) = (Int(views[row].start), views[row].length)
      views[row] = ByteView(start: UInt32(truncatingIfNeeded: end), length: UInt32(truncatingIfNeeded: length))
      // Who has a text has an address.
      let texts = UnsafeRawPointer(
        bitPattern: found[row].load(fromByteOffset: textsOffset, as: UInt.self)
      ).unsafelyUnwrapped
      if length <= 16 {
        // Sixteen bytes at once: both sides are padded by more.
        let word = (texts + from).loadUnaligned(as: UInt128.self)
        (target + end).storeBytes(of: word, as: UInt128.self)
      } else {
        (target + end).copyMemory(from: texts + from, byteCount: length)
      }
      end &+= length
    }
    arena.setCount(end)
  }
}

/// Where the texts of one state's dictionary stand in a column, by their codes: those that a row has had.
final class CodedTexts {
  static let none = ByteView.null
  let views: UnsafeMutablePointer<ByteView>
  private static let codes = Int(UInt8.max) + 1

  init() {
    views = .allocate(capacity: CodedTexts.codes)
    removeAll()
  }

  deinit { views.deallocate() }

  func removeAll() { views.initialize(repeating: CodedTexts.none, count: CodedTexts.codes) }

  @inline(never)
  func add(_ code: Int, of dictionary: TextDictionary, to arena: ByteArena) {
    let entry = dictionary[code]
    // Sixteen bytes at once.
    arena.reserve(RowSections.fewBytesMax)
    let start = arena.count
    let end = UnsafeMutableRawPointer(arena.base) + start
    end.storeBytes(of: entry.words.0.littleEndian, as: UInt64.self)
    end.storeBytes(of: entry.words.1.littleEndian, toByteOffset: 8, as: UInt64.self)
    arena.setCount(start + entry.length)
    views[code] = ByteView(
      start: UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: entry.length))
  }
}
