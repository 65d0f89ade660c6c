internal import Columns

/// Copying chosen rows into a batch: a column at a time.
extension RowBatch {
  /// All of the batch's own rows. Valid as long as the batch is.
  var rows: RowColumns {
    RowColumns(
      count: count, keyArena: arena, keys: UnsafePointer(keys), hashes: UnsafePointer(hashes),
      times: UnsafePointer(times), columns: columns, origins: UnsafePointer(origins))
  }

  /// A copy of the rows whose input (its number in the attempt) is to be kept, in the same order.
  public func filtered(keepingInputs isKept: (Int) -> Bool) -> RowBatch { filtering { isKept($0.input) } }

  /// The rows with such an origin, in a batch of their own.
  public func filtering(_ isKept: (RowOrigin) -> Bool) -> RowBatch {
    var kept: [UInt32] = []
    kept.reserveCapacity(count)
    for row in 0..<count where isKept(origins[row]) { kept.append(UInt32(truncatingIfNeeded: row)) }
    let batch = RowBatch(
      shard: shard, types: columns.map(\.type), capacity: max(kept.count, 1),
      arenaBytes: count == 0 ? 0 : arena.count / count * kept.count)
    kept.withUnsafeBufferPointer { batch.append($0, of: rows) }
    return batch
  }

  /// Gives each row's input another number: input n becomes `numbers[n]`, all below ``RowOrigin/inputsMax``.
  ///
  /// In place, so only before the batch is handed over. The checksum changes with it.
  public func renumberInputs(_ numbers: [Int]) {
    for row in 0..<count {
      let origin = origins[row]
      precondition(numbers[origin.input] < RowOrigin.inputsMax)
      origins[row] = RowOrigin(input: numbers[origin.input], row: origin.row, isRemoval: origin.isRemoval)
    }
  }

  /// Copies rows of `source`, whose columns are of the batch's types, behind its own; there must be room. Without keys
  /// those and their hashes are left undefined.
  func append(_ chosen: UnsafeBufferPointer<UInt32>, of source: RowColumns, withKeys: Bool = true) {
    precondition(count + chosen.count <= capacity)
    let at = count
    if withKeys {
      arena.gather(chosen, from: source.keys, of: source.keyArena, to: keys + at)
      if let from = source.hashes {
        gather(chosen, from, to: hashes + at)
      } else {
        Hashing.hash64(of: keys + at, chosen.count, in: arena, into: hashes + at)
      }
    }
    if let from = source.origins {
      gather(chosen, from, to: origins + at)
    } else {
      let (first, origins) = (source.firstOrigin.packed, origins + at)
      for i in 0..<chosen.count { origins[i] = RowOrigin(packed: first &+ UInt64(chosen[i])) }
    }
    if let from = source.times {
      gather(chosen, from, to: times + at)
    } else {
      // Nobody reads them, but they are written out: no bytes of other data.
      (times + at).update(repeating: 0, count: chosen.count)
    }
    for (from, to) in zip(source.columns, columns) {
      gather(chosen, from.validity, to: to.validity + at)
      switch from.type {
      case .string:
        arena.gather(chosen, from: from.views, of: from.arena, to: to.views + at)
      case .int, .timestamp, .double: gather(chosen, from.int64s, to: to.int64s + at)
      case .date: gather(chosen, from.int32s, to: to.int32s + at)
      case .bool: gather(chosen, from.bytes, to: to.bytes + at)
      case .decimal: gather(chosen, from.int128s, to: to.int128s + at)
      }
    }
    count += chosen.count
  }

  @inline(__always)
  private func gather<T>(
    _ rows: UnsafeBufferPointer<UInt32>, _ from: UnsafePointer<T>, to: UnsafeMutablePointer<T>
  ) {
    for i in 0..<rows.count { to[i] = from[Int(rows[i])] }
  }
}

extension ByteArena {
  /// Copies the bytes behind views and writes views of their copies here. A null's view may be undefined in the
  /// source, so nulls must have length 0 there (``Cast`` sees to it).
  func gather(
    _ rows: UnsafeBufferPointer<UInt32>, from: UnsafePointer<ByteView>, of source: ByteArena,
    to: UnsafeMutablePointer<ByteView>
  ) {
    var total = 0
    for i in 0..<rows.count { total &+= from[Int(rows[i])].length }
    // Word copies below may write up to 7 bytes past the end: within the arena's padding.
    reserve(total)
    var at = count
    let target = UnsafeMutableRawPointer(base)
    let bytes = UnsafeRawPointer(source.base)
    for i in 0..<rows.count {
      let view = from[Int(rows[i])]
      let length = view.length
      to[i] = ByteView(start: UInt32(truncatingIfNeeded: at), length: UInt32(truncatingIfNeeded: length))
      let from = bytes + Int(view.start)
      if length <= 16 {
        // Two words cover the short strings that keys and categories are; both arenas are padded by 64 bytes.
        let low = from.loadUnaligned(as: UInt64.self)
        let high = from.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        (target + at).storeBytes(of: low, as: UInt64.self)
        (target + at).storeBytes(of: high, toByteOffset: 8, as: UInt64.self)
      } else {
        (target + at).copyMemory(from: from, byteCount: length)
      }
      at &+= length
    }
    setCount(at)
  }
}
