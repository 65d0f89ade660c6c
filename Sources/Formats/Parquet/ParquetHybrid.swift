internal import CScan

/// Parquet's RLE / bit-packing hybrid (Encodings.md, "RLE = 3"): runs of one value, or groups of eight packed values.
enum ParquetHybrid {
  /// A run shorter than this many *bits* of packed values is cheaper packed: its head and value take two bytes or more,
  /// and it breaks the packed groups around it.
  private static let runBitsMin = 32

  /// Bits that a dictionary of `count` entries needs for an index; 1 at least, for readers that know no width of 0.
  static func bitWidth(entries count: Int) -> Int {
    max(1, UInt64.bitWidth - UInt64(max(count - 1, 0)).leadingZeroBitCount)
  }

  /// Bytes the encoding takes at most.
  static func bound(count: Int, bitWidth: Int) -> Int {
    // Groups, the padding of each packed stretch, and the heads of runs (a run replaces at least four packed bytes).
    (count + 8) * bitWidth / 8 + count / 8 * 2 + 64
  }

  /// Dictionary indices, `bitWidth` (1…24) bits each.
  static func encode(
    _ values: UnsafePointer<UInt32>, _ count: Int, bitWidth: Int, to out: OutputBuffer
  ) {
    out.reserve(bound(count: count, bitWidth: bitWidth))
    let runMin = max(8, (runBitsMin + bitWidth - 1) / bitWidth)
    var packedFrom = 0
    var i = 0
    while i < count {
      guard i &+ 8 <= count else { break }
      let first = values[i]
      if values[i &+ 7] == first && values[i &+ 1] == first {
        var run = 1
        while i &+ run < count && values[i &+ run] == first { run &+= 1 }
        if run >= runMin {
          pack(values + packedFrom, i &- packedFrom, bitWidth: bitWidth, to: out)
          out.append(varint: UInt64(run) << 1)
          for shift in stride(from: UInt32(0), to: UInt32(bitWidth), by: 8) {
            out.append(UInt8(truncatingIfNeeded: first &>> shift))
          }
          i &+= run
          packedFrom = i
          continue
        }
      }
      i &+= 8
    }
    pack(values + packedFrom, count &- packedFrom, bitWidth: bitWidth, to: out)
  }

  /// Packs values, least significant bit first; the last group of eight is filled up with zeros.
  private static func pack(
    _ values: UnsafePointer<UInt32>, _ count: Int, bitWidth: Int, to out: OutputBuffer
  ) {
    guard count > 0 else { return }
    let groups = (count + 7) / 8
    out.append(varint: UInt64(groups) << 1 | 1)
    // 16 bytes of room behind the end: whole words are stored.
    out.reserve(groups * bitWidth + 16)
    let target = UnsafeMutableRawPointer(out.end)
    let width = UInt64(bitWidth)
    let whole = count / 8
    let packed = cscan_pack(
      values, whole, UInt32(truncatingIfNeeded: bitWidth), target.assumingMemoryBound(to: UInt8.self))
    for group in packed..<whole { packGroup(values + group &* 8, width, target + group &* bitWidth) }
    if whole < groups {
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 8) { last in
        for i in 0..<8 {
          last.initializeElement(at: i, to: whole * 8 + i < count ? values[whole * 8 + i] : 0)
        }
        if let base = last.baseAddress { packGroup(base, width, target + whole &* bitWidth) }
      }
    }
    out.advance(groups * bitWidth)
  }

  @inline(__always)
  private static func packGroup(_ v: UnsafePointer<UInt32>, _ width: UInt64, _ out: UnsafeMutableRawPointer) {
    // Two halves of four values: 4 × 16 bits fit a word; wider ones go through 128 bits.
    if width <= 16 {
      let low =
        UInt64(v[0]) | UInt64(v[1]) &<< width | UInt64(v[2]) &<< (2 &* width) | UInt64(v[3]) &<< (3 &* width)
      let high =
        UInt64(v[4]) | UInt64(v[5]) &<< width | UInt64(v[6]) &<< (2 &* width) | UInt64(v[7]) &<< (3 &* width)
      if width <= 8 {
        out.storeBytes(of: (low | high &<< (4 &* width)).littleEndian, as: UInt64.self)
      } else {
        let bits = UInt128(low) | UInt128(high) &<< UInt128(4 &* width)
        out.storeBytes(of: bits.littleEndian, as: UInt128.self)
      }
    } else {
      var bits: UInt64 = 0
      var filled: UInt64 = 0
      var at = 0
      for i in 0..<8 {
        bits |= UInt64(v[i]) &<< filled
        filled &+= width
        if filled >= 32 {
          out.storeBytes(
            of: UInt32(truncatingIfNeeded: bits).littleEndian, toByteOffset: at, as: UInt32.self)
          bits &>>= 32
          filled &-= 32
          at &+= 4
        }
      }
      while filled > 0 {
        out.storeBytes(of: UInt8(truncatingIfNeeded: bits), toByteOffset: at, as: UInt8.self)
        bits &>>= 8
        filled = filled > 8 ? filled &- 8 : 0
        at &+= 1
      }
    }
  }

  // MARK: Definition levels

  /// Definition levels of an optional column out of validity bytes (0 or 1): a bit a row.
  static func encode(validity: UnsafePointer<UInt8>, _ count: Int, to out: OutputBuffer) {
    out.reserve(bound(count: count, bitWidth: 1))
    let raw = UnsafeRawPointer(validity)
    let ones: UInt64 = 0x0101_0101_0101_0101
    var packedFrom = 0
    var i = 0
    while i &+ 8 <= count {
      let word = raw.loadUnaligned(fromByteOffset: i, as: UInt64.self)
      if word == 0 || word == ones {
        var end = i &+ 8
        while end &+ 8 <= count && raw.loadUnaligned(fromByteOffset: end, as: UInt64.self) == word {
          end &+= 8
        }
        while end < count && validity[end] == validity[i] { end &+= 1 }
        if end &- i >= runBitsMin || (i == 0 && end == count) {
          packBits(validity + packedFrom, i &- packedFrom, to: out)
          out.append(varint: UInt64(end &- i) << 1)
          out.append(validity[i])
          i = end
          packedFrom = i
          continue
        }
      }
      i &+= 8
    }
    packBits(validity + packedFrom, count &- packedFrom, to: out)
  }

  /// A run of one level.
  static func encodeRun(level: UInt8, _ count: Int, to out: OutputBuffer) {
    out.append(varint: UInt64(count) << 1)
    out.append(level)
  }

  private static func packBits(_ bytes: UnsafePointer<UInt8>, _ count: Int, to out: OutputBuffer) {
    guard count > 0 else { return }
    out.append(varint: UInt64((count + 7) / 8) << 1 | 1)
    appendBits(bytes, count, to: out)
  }

  /// Bytes of 0 or 1 as bits, least significant first, filled up with zeros: also PLAIN booleans.
  static func appendBits(_ bytes: UnsafePointer<UInt8>, _ count: Int, to out: OutputBuffer) {
    out.reserve((count + 7) / 8)
    let target = out.end
    let raw = UnsafeRawPointer(bytes)
    let whole = count / 8
    for group in 0..<whole {
      // The product gathers bit 0 of byte i in bit 56 + i; no two partial products meet.
      let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: group &* 8, as: UInt64.self))
      target[group] = UInt8(
        truncatingIfNeeded: ((word & 0x0101_0101_0101_0101) &* 0x0102_0408_1020_4080) &>> 56)
    }
    if whole * 8 < count {
      var last: UInt8 = 0
      for i in whole * 8..<count { last |= (bytes[i] & 1) << UInt8(i - whole * 8) }
      target[whole] = last
    }
    out.advance((count + 7) / 8)
  }
}
