internal import Columns

/// Where a `latest` source's record of a key has its row: the row's version, which values are there, the values.
///
/// Everything lies together, because a row touches all of it and keys arrive, and are read, in random order: a cache line
/// or two a row, instead of two a column. A fresh record is all zeros: no row.
///
/// | byte | |
/// |---|---|
/// | 0 | the version's time |
/// | 8 | its input, UInt32 |
/// | 12 | presence bits of the first 32 columns |
/// | 16 | the row's number doubled, with 1 added for a removal: it orders as before |
/// | 24 | presence bits of further columns, in words of 32 |
/// | then | where the texts' bytes are, one behind the other; if there are texts |
/// | then | values: wide ones first; then where each text ends, UInt32; then narrow ones |
struct LatestLayout {
  struct Place {
    var type: ColumnType
    /// Position among the carried columns.
    var carried: Int
    /// Bytes from the record's start.
    var offset = 0
    var presenceOffset: Int
    var presenceBit: UInt32
  }

  /// Where a text ends, UInt32; it begins where the one before it ends.
  static let textEndBytes = 4
  static let inputOffset = 8
  static let rowOffset = 16

  /// By position among the kept columns.
  private(set) var places: [Place] = []
  /// Positions of texts, in the order of their bytes.
  let texts: [Int]
  /// Of the address of the texts' bytes.
  let textsOffset: Int
  let stride: Int

  init(_ kept: [SourcePlan.Kept]) {
    var places = kept.enumerated().map { index, kept in
      let word = index / 32
      return Place(
        type: kept.type, carried: kept.carried, presenceOffset: word == 0 ? 12 : 24 + 4 * (word - 1),
        presenceBit: 1 &<< UInt32(index % 32))
    }
    texts = places.indices.filter { places[$0].type == .string }
    var offset = 24 + 4 * max((kept.count + 31) / 32 - 1, 0)
    offset = (offset + 7) / 8 * 8
    textsOffset = offset
    if !texts.isEmpty { offset += 8 }
    let wide = [16, 8].flatMap { width in
      places.indices.filter { places[$0].type != .string && places[$0].type.stride == width }
    }
    let narrow = [4, 1].flatMap { width in places.indices.filter { places[$0].type.stride == width } }
    for index in wide + texts + narrow {
      places[index].offset = offset
      offset += places[index].type == .string ? LatestLayout.textEndBytes : places[index].type.stride
    }
    self.places = places
    stride = (offset + 7) / 8 * 8
  }

  @inline(__always)
  static func version(_ record: UnsafeRawPointer) -> RowVersion {
    RowVersion(
      time: record.load(as: Int64.self), input: record.load(fromByteOffset: inputOffset, as: UInt32.self),
      row: record.load(fromByteOffset: rowOffset, as: UInt64.self))
  }

  @inline(__always)
  static func set(_ version: RowVersion, _ record: UnsafeMutableRawPointer) {
    record.storeBytes(of: version.time, as: Int64.self)
    record.storeBytes(of: version.input, toByteOffset: inputOffset, as: UInt32.self)
    record.storeBytes(of: version.row, toByteOffset: rowOffset, as: UInt64.self)
  }

  /// Whether the record has a row, and not a removal.
  @inline(__always)
  static func hasRow(_ record: UnsafeRawPointer) -> Bool {
    let row = record.load(fromByteOffset: rowOffset, as: UInt64.self)
    return row != 0 && row & 1 == 0
  }

  /// How many bytes a record's texts take.
  @inline(__always)
  func textBytes(_ record: UnsafeRawPointer) -> Int {
    guard let last = texts.last else { return 0 }
    return Int(record.load(fromByteOffset: places[last].offset, as: UInt32.self))
  }
}
