internal import Columns

/// The sections of a row batch's bytes. Each begins with a byte that says in which of a few plain ways it is written: what
/// repeats, follows from something else or is small is not written out. General compression on top would gain little.
///
/// - texts: the lengths in 1, 2 or 4 bytes each, then the bytes; or, all of one length, what they begin with alike, then the
///   rest of each, as a number if it is one in all; or the few distinct ones, then each one's number; or nothing, if they are
///   the keys'
/// - hashes: nothing, for they are ``Hashing/hash64(_:_:seed:)`` of the keys (as they are, in version 3)
/// - origins: as they are; or steps of 1 or 2 bytes, and in full where a step is larger
/// - validity: a byte each; or nothing, if all are valid
/// - numbers: as they are; or how far above the least, in as few bits each as the largest needs, of microseconds in whole
///   seconds if they are
/// - doubles: as they are; or as numbers, if each is one divided by a power of ten (as all that were written with few
///   decimals are: a quotient is rounded to the nearest, as a decimal text is)
/// - times: as they are; or nothing, if all are zero or a column's
enum RowSections {
  static let asTheyAre: UInt8 = 0
  static let derived: UInt8 = 1
  static let stepped: UInt8 = 2
  static let steppedByBytes: UInt8 = 3
  /// Numbers: the width in bits, with this bit if they are in units of a million.
  static let inMillions: UInt8 = 0x80
  static let full: UInt8 = 64
  /// Texts of one length.
  static let ofOneLength: UInt8 = 0x10
  /// Texts of which there are few.
  static let few: UInt8 = 0x11
  /// Texts of one length that end in digits.
  static let ofDigits: UInt8 = 0x12
  /// Rows from which on a dictionary is looked for.
  static let fewRowsMin = 32
  /// Distinct texts of a dictionary at most, and the bytes of each.
  static let fewMax = 256
  static let fewBytesMax = 16
  /// Bytes of a common beginning at most.
  static let prefixMax = 16
  /// Digits behind it at most that are written as a number.
  static let digitsMax = 16
  /// Bytes of a text at most that are not written for each row.
  static let derivedTextMax = prefixMax + digitsMax
  /// What a column's sections take at most beyond its values, texts and validity.
  static let overheadMax = 64 + fewMax * (1 + fewBytesMax)
  /// Powers of ten that doubles are multiples of, by their code less one. All exact, as is every integer below 2⁵³.
  static let scales: [Double] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]

  /// The two words of a short text's bytes; what lies behind it is zeroed. Arenas are padded, so both may be loaded.
  @inline(__always)
  static func words(_ text: UnsafeRawPointer, _ length: Int) -> (UInt64, UInt64) {
    let low = UInt64(littleEndian: text.loadUnaligned(as: UInt64.self))
    let high = UInt64(littleEndian: text.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    if length >= 8 { return (low, high & mask(length - 8)) }
    return (low & mask(length), 0)
  }

  @inline(__always)
  private static func mask(_ bytes: Int) -> UInt64 { bytes >= 8 ? .max : (1 &<< UInt64(bytes &* 8)) &- 1 }
}
