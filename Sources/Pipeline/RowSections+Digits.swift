internal import CScan
internal import Columns

/// Texts of one length that begin alike and go on in digits, as most keys do: the digits as a number.
extension RowSections.Writer {
  /// False, and nothing is written, if there is anything but digits behind the beginning, or too many.
  mutating func putDigits(
    _ views: UnsafePointer<ByteView>, _ length: Int, _ prefix: Int, _ text: UnsafeRawPointer
  ) -> Bool {
    let digits = length - prefix
    // The first row tells of most texts that they are none.
    guard digits <= RowSections.digitsMax,
      RowSections.others(RowSections.padded(text + Int(views[0].start) + prefix, min(digits, 8))) == 0
    else { return false }
    let numbers = scratch
    let (high, low) = (max(0, digits - 8), min(digits, 8))
    var isOther: UInt64 = 0
    for row in 0..<rows {
      let at = text + Int(views[row].start) + prefix
      let last = RowSections.padded(at + high, low)
      isOther |= RowSections.others(last)
      var number = RowSections.number(last)
      if high > 0 {
        let first = RowSections.padded(at, high)
        isOther |= RowSections.others(first)
        number &+= RowSections.number(first) &* 100_000_000
      }
      // Of sixteen digits at most: no number is too large to be a signed one.
      numbers[row] = Int64(bitPattern: number)
    }
    guard isOther == 0 else { return false }
    let (least, most) = range(numbers)
    let width = RowSections.width(UInt64(most - least))
    put(RowSections.ofDigits)
    put(UInt8(length))
    put(UInt8(prefix))
    put(text + Int(views[0].start), prefix)
    put(UInt8(width))
    put(least)
    put(width, numbers, above: least)
    textBytes += rows * length
    return true
  }
}

extension RowSections.Reader {
  /// `hashes`: where those of the texts go if they are at hand; then ``hasHashes`` says so.
  mutating func takeOfDigits(
    _ views: UnsafeMutablePointer<ByteView>, _ arena: ByteArena, hashes: UnsafeMutablePointer<UInt64>?
  ) {
    let (length, prefix) = (Int(nextByte()), Int(nextByte()))
    let digits = length - prefix
    guard !isDamaged, digits > 0, digits <= RowSections.digitsMax, prefix <= RowSections.prefixMax,
      rows * length <= textsLeft, let beginning = next(prefix)
    else { return damage() }
    let width = Int(nextByte())
    guard let head = next(8), let numbers = nextNumbers(width) else { return damage() }
    let least = UInt64(littleEndian: head.loadUnaligned(as: UInt64.self))
    textsLeft -= rows * length
    // Two words behind the beginning, of which the next row overwrites what is too much; the arena is padded.
    arena.reserve(rows * length)
    let start = arena.count
    if digits <= 8 && length <= 16 {
      takeShort(views, arena, least, numbers, RowSections.Beginning(beginning, prefix), prefix, length, hashes)
      return
    }
    let target = UnsafeMutableRawPointer(arena.base) + start
    let (high, low) = (max(0, digits - 8), min(digits, 8))
    let shared = RowSections.Beginning(beginning, prefix)
    for row in 0..<rows {
      let place = target + row &* length
      shared.store(at: place)
      let number = least &+ numbers[row]
      var rest = number
      if high > 0 {
        rest = number % 100_000_000
        let first = RowSections.digits(number / 100_000_000 % 100_000_000) &>> UInt64(64 - 8 * high)
        place.storeBytes(of: first.littleEndian, toByteOffset: prefix, as: UInt64.self)
      }
      let last = RowSections.digits(rest % 100_000_000) &>> UInt64(64 - 8 * low)
      place.storeBytes(of: last.littleEndian, toByteOffset: prefix &+ high, as: UInt64.self)
      views[row] = ByteView(
        start: UInt32(truncatingIfNeeded: start &+ row &* length), length: UInt32(truncatingIfNeeded: length))
    }
    arena.setCount(start + rows * length)
  }
}

extension RowSections.Reader {
  /// Texts of two words at most are made, stored and hashed while they are in registers.
  private mutating func takeShort(
    _ views: UnsafeMutablePointer<ByteView>, _ arena: ByteArena, _ least: UInt64, _ numbers: RowSections.Numbers,
    _ beginning: RowSections.Beginning, _ prefix: Int, _ length: Int, _ hashes: UnsafeMutablePointer<UInt64>?
  ) {
    let start = arena.count
    let target = UnsafeMutableRawPointer(arena.base) + start
    let shared = beginning.words
    // Where the digits begin, in bits: in the first word, and behind it if there is more of them, or in the second.
    let (shift, spill) = (UInt64(8 * (prefix & 7)), UInt64(64 - 8 * (prefix & 7)))
    let unused = UInt64(64 - 8 * (length - prefix))
    let seed = UInt64(length) &* 0x9e37_79b9_7f4a_7c15
    var shape = cscan_numbered_texts(
      first: shared.low, second: shared.high, least: least, length: UInt32(length), prefix: UInt32(prefix),
      width: UInt32(numbers.width))
    // Views are two 32-bit words on both sides, and trivial types.
    let done = cscan_texts_of_numbers(
      numbers.base, rows, &shape, arena.base + start, UInt32(truncatingIfNeeded: start),
      UnsafeMutableRawPointer(views).assumingMemoryBound(to: cscan_view.self), hashes)
    for row in done..<rows {
      let digits = RowSections.digits((least &+ numbers[row]) % 100_000_000) &>> unused
      var (low, high) = shared
      if prefix < 8 {
        low |= digits &<< shift
        // A shift by 64 gives nothing.
        high |= digits >> spill
      } else {
        high |= digits &<< shift
      }
      let place = target + row &* length
      place.storeBytes(of: low.littleEndian, as: UInt64.self)
      place.storeBytes(of: high.littleEndian, toByteOffset: 8, as: UInt64.self)
      views[row] = ByteView(
        start: UInt32(truncatingIfNeeded: start &+ row &* length), length: UInt32(truncatingIfNeeded: length))
      if let hashes {
        // ``Hashing/hash64(_:_:seed:)`` of these words.
        var hash = Hashing.mix(seed ^ low) &* 0x9fb2_1c65_1e98_df25
        if length > 8 { hash = Hashing.mix(hash ^ high) &* 0x9fb2_1c65_1e98_df25 }
        hashes[row] = Hashing.mix(hash)
      }
    }
    arena.setCount(start + rows * length)
    hasHashes = hashes != nil
  }
}

/// Eight digits in a word, the first in its lowest byte, after the ways that Lemire and others have shown ("Quickly parsing
/// eight digits", 2018; "Converting integers to fixed-digit representations quickly", 2021).
extension RowSections {
  /// The first `count` bytes (1 to 8) at `text`, with zeros (digits) before them. Eight bytes are loaded.
  @inline(__always)
  static func padded(_ text: UnsafeRawPointer, _ count: Int) -> UInt64 {
    let word = UInt64(littleEndian: text.loadUnaligned(as: UInt64.self))
    // In two shifts: by 64 at once there would be none.
    let zeros: UInt64 = 0x3030_3030_3030_3030
    return word &<< UInt64(64 - 8 * count) | (zeros &>> UInt64(4 * count)) &>> UInt64(4 * count)
  }

  /// Not 0 if a byte is no digit.
  @inline(__always)
  static func others(_ word: UInt64) -> UInt64 {
    // A byte that six more carry out of is none either, so what it does to the next does not matter.
    let (tens, zeros): (UInt64, UInt64) = (0xf0f0_f0f0_f0f0_f0f0, 0x3030_3030_3030_3030)
    return ((word & tens) ^ zeros) | (((word &+ 0x0606_0606_0606_0606) & tens) ^ zeros)
  }

  /// The number that eight digits are.
  @inline(__always)
  static func number(_ word: UInt64) -> UInt64 {
    var value = word & 0x0f0f_0f0f_0f0f_0f0f
    value = (value &* 10 &+ value &>> 8) & 0x00ff_00ff_00ff_00ff
    value = (value &* 100 &+ value &>> 16) & 0x0000_ffff_0000_ffff
    return (value &* 10_000 &+ value &>> 32) & 0xffff_ffff
  }

  /// The digits of a number below 10⁸.
  @inline(__always)
  static func digits(_ number: UInt64) -> UInt64 {
    var value = (number / 10_000) | (number % 10_000) &<< 32
    let hundreds = ((value &* 10_486) &>> 20) & 0x0000_007f_0000_007f
    value = hundreds | (value &- hundreds &* 100) &<< 16
    let tens = ((value &* 103) &>> 10) & 0x000f_000f_000f_000f
    value = tens | (value &- tens &* 10) &<< 8
    return value | 0x3030_3030_3030_3030
  }
}
