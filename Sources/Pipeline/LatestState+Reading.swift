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
  /// `repeated`: of texts of the same column.
  func read(
    _ kept: Int, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, into column: Column, at: Int,
    _ repeated: RepeatedTexts? = nil
  ) {
    let place = layout.places[kept]
    let validity = column.validity + at
    for row in 0..<found.count {
      let word = found[row].load(fromByteOffset: place.presenceOffset, as: UInt32.self)
      validity[row] = word & place.presenceBit != 0 ? 1 : 0
    }
    switch place.type {
    case .string: readTexts(kept, found, into: column, at: at, repeated)
    case .int, .timestamp, .double: read(place.offset, found, validity, into: column.int64s + at)
    case .date: read(place.offset, found, validity, into: column.int32s + at)
    case .bool: read(place.offset, found, validity, into: column.bytes + at)
    case .decimal: read(place.offset, found, validity, into: column.int128s + at)
    }
  }

  /// Nulls are zeros: nothing that a snapshot is made of depends on what was in a record.
  @inline(__always)
  private func read<T: FixedWidthInteger & BitwiseCopyable>(
    _ offset: Int, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, _ validity: UnsafePointer<UInt8>,
    into values: UnsafeMutablePointer<T>
  ) {
    for row in 0..<found.count {
      let value = found[row].loadUnaligned(fromByteOffset: offset, as: T.self)
      values[row] = validity[row] != 0 ? value : 0
    }
  }

  private func readTexts(
    _ kept: Int, _ found: UnsafeBufferPointer<UnsafeMutableRawPointer>, into column: Column, at: Int,
    _ repeated: RepeatedTexts?
  ) {
    let (offset, textsOffset) = (layout.places[kept].offset, layout.textsOffset)
    // The first text begins with the bytes: there is no end before it.
    let before = layout.texts.first == kept ? nil : offset - LatestLayout.textEndBytes
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
    let texts = TextReading(found: found, textsOffset: textsOffset, views: views, validity: validity)
    if let repeated, repeated.pays {
      texts.copy(into: arena, repeated)
    } else {
      texts.copy(into: arena)
    }
  }
}

/// Texts on their way from records to a column, which has room for their bytes.
private struct TextReading {
  let found: UnsafeBufferPointer<UnsafeMutableRawPointer>
  let textsOffset: Int
  /// Of a text's place among its record's texts; then of that in the column.
  let views: UnsafeMutablePointer<ByteView>
  let validity: UnsafePointer<UInt8>

  @inline(__always)
  private func text(_ row: Int) -> (bytes: UnsafeRawPointer, length: Int) {
    // Who has a text has an address.
    let texts = UnsafeRawPointer(
      bitPattern: found[row].load(fromByteOffset: textsOffset, as: UInt.self)
    ).unsafelyUnwrapped
    return (texts + Int(views[row].start), views[row].length)
  }

  /// Sixteen bytes at once where that is enough: both sides are padded by more.
  @inline(__always)
  private static func copy(_ bytes: UnsafeRawPointer, _ length: Int, to target: UnsafeMutableRawPointer) {
    if length <= 16 {
      target.storeBytes(of: bytes.loadUnaligned(as: UInt128.self), as: UInt128.self)
    } else {
      target.copyMemory(from: bytes, byteCount: length)
    }
  }

  func copy(into arena: ByteArena) {
    let target = UnsafeMutableRawPointer(arena.base)
    var end = arena.count
    for row in 0..<found.count where validity[row] != 0 {
      let (bytes, length) = text(row)
      TextReading.copy(bytes, length, to: target + end)
      views[row] = ByteView(start: UInt32(truncatingIfNeeded: end), length: UInt32(truncatingIfNeeded: length))
      end &+= length
    }
    arena.setCount(end)
  }

  func copy(into arena: ByteArena, _ repeated: RepeatedTexts) {
    let target = UnsafeMutableRawPointer(arena.base)
    let entries = repeated.entries
    var end = arena.count
    var (texts, again) = (0, 0)
    for row in 0..<found.count where validity[row] != 0 {
      let (bytes, length) = text(row)
      let start = UInt32(truncatingIfNeeded: end)
      let view = ByteView(start: start, length: UInt32(truncatingIfNeeded: length))
      texts &+= 1
      if length <= RepeatedTexts.bytesMax {
        let words = RowSections.words(bytes, length)
        let entry = entries + RepeatedTexts.slot(words, length)
        if entry.pointee.words.0 == words.0 && entry.pointee.words.1 == words.1
          && entry.pointee.view.length == length
        {
          views[row] = entry.pointee.view
          again &+= 1
          continue
        }
        entry.pointee = RepeatedTexts.Entry(words: words, view: view)
      }
      TextReading.copy(bytes, length, to: target + end)
      views[row] = view
      end &+= length
    }
    arena.setCount(end)
    repeated.count(texts, repeated: again)
  }
}
