internal import Columns

/// Builds a state's bytes: a magic word, what it holds, and at the end a hash of all that.
///
/// Integers are little-endian; counts, which are mostly small, are LEB128.
struct StateWriter {
  private(set) var bytes: [UInt8]

  init(_ kind: StateKind) {
    bytes = Array(kind.rawValue.utf8)
  }

  mutating func put(_ byte: UInt8) { bytes.append(byte) }

  mutating func put<T: FixedWidthInteger>(fixed value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func put(count value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest &>>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// Not negative.
  mutating func put(count value: Int) { put(count: UInt64(value)) }

  /// Bytes with their number before them.
  mutating func put(_ part: some Collection<UInt8>) {
    put(count: part.count)
    bytes.append(contentsOf: part)
  }

  mutating func put(_ text: String) { put(Array(text.utf8)) }

  /// The finished state.
  consuming func finish() -> [UInt8] {
    put(fixed: StateWriter.hash(bytes[...]))
    return bytes
  }

  static func hash(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return 0 }
      return Hashing.hash64(base, buffer.count)
    }
  }
}

/// What state some bytes are, with the version of its form: the first four bytes.
enum StateKind: String {
  case fingerprint = "TRF1"
  case column = "TRC1"
  case table = "TRT1"
  case shard = "TRS1"
}

/// Bytes of a state that cannot be read back: cut off, damaged, or of another version.
public struct StateError: Error, Sendable, CustomStringConvertible {
  public var description: String
  public init(_ description: String) { self.description = description }
}
