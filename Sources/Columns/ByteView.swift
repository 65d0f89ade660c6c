/// Where a run of bytes lies in a buffer: the element of a string column, and one raw field of a record.
///
/// The two highest bits of `lengthAndFlags` say how a *raw field* was written; in a string column they are clear.
/// Bounds: `start` < 2³², length < 2³⁰.
public struct ByteView: Sendable, Hashable, BitwiseCopyable {
  /// The first byte's offset in the buffer.
  public var start: UInt32
  /// The length in the low 30 bits; flags above.
  public var lengthAndFlags: UInt32

  /// The field is null (a null spelling, JSON `null`, or an absent member).
  public static let nullFlag: UInt32 = 1 << 31
  /// The field was written in quotes (CSV) or as a string (JSON).
  public static let quotedFlag: UInt32 = 1 << 30
  public static let lengthMask: UInt32 = (1 << 30) - 1

  @inlinable public init(start: UInt32, length: UInt32) {
    self.start = start
    self.lengthAndFlags = length
  }

  @inlinable public init(start: UInt32, length: UInt32, flags: UInt32) {
    self.start = start
    self.lengthAndFlags = length | flags
  }

  /// A null field.
  @inlinable public static var null: ByteView { ByteView(start: 0, length: 0, flags: nullFlag) }

  @inlinable public var length: Int { Int(lengthAndFlags & ByteView.lengthMask) }
  @inlinable public var isNull: Bool { lengthAndFlags & ByteView.nullFlag != 0 }
  @inlinable public var isQuoted: Bool { lengthAndFlags & ByteView.quotedFlag != 0 }
}
