/// Records in which a column takes more room.
extension LatestState {
  /// Copies a record of the state's layout to one of zeros of a wider one.
  func copy(
    _ old: UnsafeMutableRawPointer, to new: UnsafeMutableRawPointer, _ wider: LatestLayout, _ texts: TextChunks
  ) {
    // The row's number, the first presence bits, the time.
    new.copyMemory(from: old, byteCount: layout.isTimed ? LatestLayout.timeOffset + 8 : LatestLayout.timeOffset)
    (new + wider.inputOffset).copyMemory(from: old + layout.inputOffset, byteCount: 4)
    for (was, now) in zip(layout.places, wider.places) {
      if isThere(was, old) {
        (new + now.presenceOffset).assumingMemoryBound(to: UInt8.self).pointee |= now.presenceBit
      }
      switch (was.form, now.form) {
      case (.value(let few), .value(let more)) where few < more:
        let value =
          few == 2
          ? Int64(old.load(fromByteOffset: was.offset, as: Int16.self))
          : Int64(old.load(fromByteOffset: was.offset, as: Int32.self))
        if more == 4 {
          new.storeBytes(of: Int32(truncatingIfNeeded: value), toByteOffset: now.offset, as: Int32.self)
        } else {
          new.storeBytes(of: value, toByteOffset: now.offset, as: Int64.self)
        }
      case (_, .text): break
      default: (new + now.offset).copyMemory(from: old + was.offset, byteCount: now.form.byteCount)
      }
    }
    if !wider.texts.isEmpty { copyTexts(old, to: new, wider, texts) }
  }

  private func copyTexts(
    _ old: UnsafeMutableRawPointer, to new: UnsafeMutableRawPointer, _ wider: LatestLayout, _ texts: TextChunks
  ) {
    var length = 0
    for index in wider.texts { withText(index, old) { length += $0.count } }
    let start = texts.take(length)
    var end = 0
    for index in wider.texts {
      withText(index, old) { text in
        if let bytes = text.baseAddress { (start + end).copyMemory(from: bytes, byteCount: text.count) }
        end += text.count
      }
      new.storeBytes(of: UInt32(truncatingIfNeeded: end), toByteOffset: wider.places[index].offset, as: UInt32.self)
    }
    new.storeBytes(of: UInt(bitPattern: start), toByteOffset: wider.textsOffset, as: UInt.self)
  }

  /// Calls `body` with a column's text of a record of the state's layout; of a null it is empty.
  private func withText(_ index: Int, _ record: UnsafeMutableRawPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
    let place = layout.places[index]
    if !isThere(place, record) {
      body(UnsafeRawBufferPointer(start: nil, count: 0))
    } else if place.form == .text {
      body(layout.text(index, record))
    } else if let dictionary = dictionaries[index] {
      let entry = dictionary[Int(record.load(fromByteOffset: place.offset, as: UInt8.self))]
      withUnsafeBytes(of: (entry.words.0.littleEndian, entry.words.1.littleEndian)) {
        body(UnsafeRawBufferPointer(rebasing: $0[..<entry.length]))
      }
    }
  }

  private func isThere(_ place: LatestLayout.Place, _ record: UnsafeMutableRawPointer) -> Bool {
    record.load(fromByteOffset: place.presenceOffset, as: UInt8.self) & place.presenceBit != 0
  }
}
