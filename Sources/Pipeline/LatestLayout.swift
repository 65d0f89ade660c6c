internal import Columns

/// Where a `latest` source's record of a key has its row: the row's version, which values are there, the values.
///
/// Everything lies together, because a row touches all of it and keys arrive, and are read, in random order: a cache line
/// a row, instead of one a column. So it is kept small, too: integers begin with two bytes and texts as codes of one byte
/// in a dictionary of their column, until one comes that needs more (``widened(_:)``). A fresh record is all zeros: no row.
///
/// | byte | |
/// |---|---|
/// | 0 | the row's number doubled, with 1 added for a removal, in six bytes: it orders as before |
/// | 6 | presence bits of the first 16 columns |
/// | 8 | the version's time; of a timeless source its input has it |
/// | then | where the texts' bytes are, one behind the other; if there are such that are not codes |
/// | then | values, and between those of eight and of four bytes the version's input, UInt32: wide ones first; of a text where it ends, UInt32 |
/// | then | presence bits of further columns |
struct LatestLayout {
  /// What a record has of a value.
  enum Form: Equatable {
    /// So many bytes of it, of an integer its lowest.
    case value(Int)
    /// Which text of the column's dictionary it is, UInt8.
    case code
    /// Where it ends among the record's texts, UInt32; it begins where the one before it ends.
    case text

    var byteCount: Int {
      switch self {
      case .value(let bytes): bytes
      case .code: 1
      case .text: 4
      }
    }

    /// What a column of the type begins with.
    static func first(_ type: ColumnType) -> Form {
      switch type {
      case .string: .code
      case .int: .value(2)
      default: .value(type.stride)
      }
    }
  }

  struct Place {
    var type: ColumnType
    /// Position among the carried columns.
    var carried: Int
    var form: Form
    /// Bytes from the record's start.
    var offset = 0
    var presenceOffset = 0
    var presenceBit: UInt8
  }

  static let rowOffset = 0
  static let presenceOffset = 6
  static let timeOffset = 8
  private static let rowMask: UInt64 = 1 << 48 - 1
  /// Columns whose presence bits stand beside the row's number.
  private static let nearPresence = 16

  /// By position among the kept columns.
  private(set) var places: [Place] = []
  /// Positions of texts that are not codes, in the order of their bytes.
  let texts: [Int]
  /// Of the address of the texts' bytes.
  let textsOffset: Int
  let inputOffset: Int
  let isTimed: Bool
  let stride: Int

  init(_ kept: [SourcePlan.Kept], isTimed: Bool) {
    self.init(
      kept.enumerated().map { index, kept in
        Place(
          type: kept.type, carried: kept.carried, form: .first(kept.type), presenceBit: 1 &<< UInt8(index % 8))
      }, isTimed: isTimed)
  }

  /// Gives the places their offsets.
  private init(_ unplaced: [Place], isTimed: Bool) {
    var places = unplaced
    self.isTimed = isTimed
    texts = places.indices.filter { places[$0].form == .text }
    var offset = isTimed ? 16 : 8
    textsOffset = offset
    if !texts.isEmpty { offset += 8 }
    var inputOffset = 0
    for width in [16, 8, 4, 2, 1] {
      if width == 4 {
        inputOffset = offset
        offset += 4
      }
      // A text begins where the one before it ends, which stands beside.
      let others = places.indices.filter { places[$0].form != .text }
      for index in texts + others where places[index].form.byteCount == width {
        places[index].offset = offset
        offset += width
      }
    }
    for index in places.indices {
      places[index].presenceOffset =
        index < LatestLayout.nearPresence
        ? LatestLayout.presenceOffset + index / 8 : offset + (index - LatestLayout.nearPresence) / 8
    }
    offset += (max(places.count - LatestLayout.nearPresence, 0) + 7) / 8
    self.inputOffset = inputOffset
    self.places = places
    stride = (offset + 7) / 8 * 8
  }

  /// The same with other forms of some columns: everything lies elsewhere.
  func widened(_ forms: [Int: Form]) -> LatestLayout {
    var unplaced = places
    for (index, form) in forms { unplaced[index].form = form }
    return LatestLayout(unplaced, isTimed: isTimed)
  }

  /// `table` has the record's input, if there is a row.
  @inline(__always)
  func version(_ record: UnsafeRawPointer, _ table: InputTable) -> RowVersion {
    let row = LatestLayout.row(record)
    let input = record.load(fromByteOffset: inputOffset, as: UInt32.self)
    let time: Int64
    if isTimed {
      time = record.load(fromByteOffset: LatestLayout.timeOffset, as: Int64.self)
    } else {
      time = row == 0 ? .min : table.entries[Int(input)].modified
    }
    return RowVersion(time: time, input: input, row: row)
  }

  /// Takes all values away.
  @inline(__always)
  func set(_ version: RowVersion, _ record: UnsafeMutableRawPointer) {
    record.storeBytes(of: version.row.littleEndian, toByteOffset: LatestLayout.rowOffset, as: UInt64.self)
    if isTimed { record.storeBytes(of: version.time, toByteOffset: LatestLayout.timeOffset, as: Int64.self) }
    record.storeBytes(of: version.input, toByteOffset: inputOffset, as: UInt32.self)
  }

  @inline(__always)
  static func row(_ record: UnsafeRawPointer) -> UInt64 {
    UInt64(littleEndian: record.load(fromByteOffset: rowOffset, as: UInt64.self)) & rowMask
  }

  /// Whether the record has a row, and not a removal.
  @inline(__always)
  static func hasRow(_ record: UnsafeRawPointer) -> Bool {
    let row = row(record)
    return row != 0 && row & 1 == 0
  }

  /// How many bytes a record's texts take.
  @inline(__always)
  func textBytes(_ record: UnsafeRawPointer) -> Int {
    guard let last = texts.last else { return 0 }
    return Int(record.load(fromByteOffset: places[last].offset, as: UInt32.self))
  }

  /// Where a text's bytes are; of one that is no code.
  func text(_ kept: Int, _ record: UnsafeRawPointer) -> UnsafeRawBufferPointer {
    let start = textsBefore(kept).map { Int(record.load(fromByteOffset: $0, as: UInt32.self)) } ?? 0
    let end = Int(record.load(fromByteOffset: places[kept].offset, as: UInt32.self))
    let bytes = UnsafeRawPointer(bitPattern: record.load(fromByteOffset: textsOffset, as: UInt.self))
    return UnsafeRawBufferPointer(start: bytes.map { $0 + start }, count: bytes == nil ? 0 : end - start)
  }

  /// The offset of where a text begins; nil: it is the first, and begins with the bytes.
  func textsBefore(_ kept: Int) -> Int? {
    texts.first == kept ? nil : places[kept].offset - Form.text.byteCount
  }
}
