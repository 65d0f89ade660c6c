/// Takes a state's bytes apart again. Bytes may be anything: whatever is not as a ``StateWriter`` writes it is an error.
///
/// The hash finds damage; the bounds below are checked all the same, so that no bytes at all can end in a trap.
struct StateReader {
  private let bytes: ArraySlice<UInt8>
  private var at: Int

  /// Counts above this are not ours; below, no sum of a few of them overflows.
  static let countMax: UInt64 = 1 << 56

  init(_ bytes: [UInt8], _ kind: StateKind) throws(StateError) {
    let name = kind.rawValue
    guard bytes.count >= name.utf8.count + 8, bytes.starts(with: name.utf8) else {
      throw StateError("a state of \(bytes.count) bytes does not begin with \(name)")
    }
    self.bytes = bytes[..<(bytes.count - 8)]
    at = name.utf8.count
    var hash: UInt64 = 0
    for byte in bytes.suffix(8).reversed() { hash = hash << 8 | UInt64(byte) }
    guard StateWriter.hash(self.bytes) == hash else {
      throw StateError("a state of \(bytes.count) bytes is damaged: its hash does not match")
    }
  }

  private var left: Int { bytes.endIndex - at }

  static func damaged(_ what: String) -> StateError { StateError("a state is damaged: \(what)") }

  mutating func byte() throws(StateError) -> UInt8 {
    guard left >= 1 else { throw Self.damaged("it ends early") }
    defer { at += 1 }
    return bytes[at]
  }

  mutating func fixed<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(StateError) -> T {
    let width = T.bitWidth / 8
    guard left >= width else { throw Self.damaged("it ends early") }
    var value: T = 0
    for offset in 0..<width { value |= T(truncatingIfNeeded: bytes[at + offset]) << T(8 * offset) }
    at += width
    return value
  }

  mutating func count() throws(StateError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try byte()
      guard shift < 63 else { throw Self.damaged("a count is too large") }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { break }
      shift += 7
    }
    guard value <= Self.countMax else { throw Self.damaged("a count is too large") }
    return value
  }

  /// A count of things of which each takes a byte at least, so that no number makes us reserve more than is there.
  mutating func count(atMost most: Int) throws(StateError) -> Int {
    let value = try count()
    guard value <= UInt64(most) else { throw Self.damaged("\(value) things where there are \(most) at most") }
    return Int(value)
  }

  mutating func int() throws(StateError) -> Int { Int(try count()) }

  mutating func run() throws(StateError) -> ArraySlice<UInt8> {
    // What is left after the count, not before it.
    let length = try count()
    guard length <= UInt64(left) else { throw Self.damaged("it ends early") }
    let end = at + Int(length)
    defer { at = end }
    return bytes[at..<end]
  }

  mutating func text() throws(StateError) -> String {
    guard let text = String(validating: try run(), as: UTF8.self) else { throw Self.damaged("a text is not UTF-8") }
    return text
  }

  /// Says that all was read.
  func end() throws(StateError) {
    guard left == 0 else { throw Self.damaged("\(left) bytes too many") }
  }
}
