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
  /// `coded`: where texts stand in the same column.
  func read(
    _ kept: Int, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, into column: Column, at: Int,
    _ coded: CodedTexts? = nil
  ) {
    let place = layout.places[kept]
    let validity = column.validity + at
    switch (place.form, place.type) {
    case (.code, _): readCodes(kept, found, into: column, at: at, coded)
    case (.text, _), (_, .string): readTexts(kept, found, into: column, at: at)
    case (.value(2), .int): read(place, Int16.self, found, validity, into: column.int64s + at)
    case (.value(4), .int): read(place, Int32.self, found, validity, into: column.int64s + at)
    case (_, .int), (_, .timestamp), (_, .double): read(place, Int64.self, found, validity, into: column.int64s + at)
    case (_, .date): read(place, Int32.self, found, validity, into: column.int32s + at)
    case (_, .bool): read(place, UInt8.self, found, validity, into: column.bytes + at)
    case (_, .decimal): read(place, Int128.self, found, validity, into: column.int128s + at)
    }
  }

  /// Nulls are zeros: nothing that a snapshot is made of depends on what was in a record.
  @inline(__always)
  private func read<Kept: FixedWidthInteger & BitwiseCopyable, T: FixedWidthInteger & BitwiseCopyable>(
    _ place: LatestLayout.Place, _: Kept.Type, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>,
    _ validity: UnsafeMutablePointer<UInt8>, into values: UnsafeMutablePointer<T>
  ) {
    let (offset, presenceOffset, bit) = (place.offset, place.presenceOffset, place.presenceBit)
    for row in 0..<found.count {
      let record = found[row]
      let isThere = record.load(fromByteOffset: presenceOffset, as: UInt8.self) & bit != 0
      let value = record.loadUnaligned(fromByteOffset: offset, as: Kept.self)
      validity[row] = isThere ? 1 : 0
      values[row] = isThere ? T(truncatingIfNeeded: value) : 0
    }
  }

  private func readPresence(
    _ place: LatestLayout.Place, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>,
    _ validity: UnsafeMutablePointer<UInt8>
  ) {
    let (offset, bit) = (place.presenceOffset, place.presenceBit)
    for row in 0..<found.count {
      validity[row] = found[row].load(fromByteOffset: offset, as: UInt8.self) & bit != 0 ? 1 : 0
    }
  }

  private func readCodes(
    _ kept: Int, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, into column: Column, at: Int,
    _ coded: CodedTexts?
  ) {
    let (views, validity, arena) = (column.views + at, column.validity + at, column.arena)
    let place = layout.places[kept]
    guard let dictionary = dictionaries[kept] else {
      // No row has a text.
      validity.update(repeating: 0, count: found.count)
      views.update(repeating: ByteView(start: 0, length: 0), count: found.count)
      return
    }
    let (presenceOffset, bit) = (place.presenceOffset, place.presenceBit)
    let (offset, entries) = (place.offset, dictionary.entries)
    // Freed with `coded`, which the caller has.
    let known = coded?.views(of: dictionary)
    for row in 0..<found.count {
      let isThere = found[row].load(fromByteOffset: presenceOffset, as: UInt8.self) & bit != 0
      validity[row] = isThere ? 1 : 0
      guard isThere else {
        views[row] = ByteView(start: 0, length: 0)
        continue
      }
      let code = Int(found[row].load(fromByteOffset: offset, as: UInt8.self))
      if let known, known[code].lengthAndFlags != CodedTexts.none.lengthAndFlags {
        views[row] = known[code]
        continue
      }
      let entry = entries[code]
      withUnsafeBytes(of: (entry.words.0.littleEndian, entry.words.1.littleEndian)) {
        guard let bytes = $0.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        views[row] = ByteView(start: arena.append(bytes, entry.length), length: UInt32(entry.length))
      }
      known?[code] = views[row]
    }
  }

  private func readTexts(
    _ kept: Int, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, into column: Column, at: Int
  ) {
    let (offset, textsOffset) = (layout.places[kept].offset, layout.textsOffset)
    let before = layout.textsBefore(kept)
    let (views, validity) = (column.views + at, column.validity + at)
    readPresence(layout.places[kept], found, validity)
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
