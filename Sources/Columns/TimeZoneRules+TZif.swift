extension TimeZoneRules {
  /// Reads a compiled time zone file (RFC 8536), of which tzdata installs one a zone.
  ///
  /// Takes the 64-bit data of version 2 and later where they are, and the footer's rule for times beyond the table.
  /// Refuses, with a message that does not name the zone, what is not such a file, and files that count leap seconds
  /// (`right/…`), whose clock is not the one of POSIX timestamps. Any bytes are safe. Pure.
  public static func parse(tzif bytes: [UInt8]) throws(CastError) -> TimeZoneRules {
    var reader = TZifReader(bytes: bytes)
    guard let first = reader.header() else { throw CastError("not a compiled time zone file (TZif)") }
    guard first.version >= UInt8(ascii: "2") else {
      guard let block = reader.block(first, timeSize: 4) else { throw TZifReader.damaged }
      return try rules(block, first, rule: nil)
    }
    // Version 2: the same again with 64-bit times, and a footer.
    guard reader.skip(first.size(timeSize: 4)), let second = reader.header(),
      let block = reader.block(second, timeSize: 8), let footer = reader.footer()
    else { throw TZifReader.damaged }
    if footer.isEmpty { return try rules(block, second, rule: nil) }
    guard let rule = PosixZoneRule(footer) else {
      throw CastError("the time zone file's rule '\(String(decoding: footer, as: UTF8.self))' cannot be read")
    }
    return try rules(block, second, rule: rule)
  }

  private static func rules(
    _ block: TZifReader.Block, _ header: TZifReader.Header, rule: PosixZoneRule?
  ) throws(CastError) -> TimeZoneRules {
    guard header.leapCount == 0 else {
      throw CastError("the time zone file counts leap seconds (a right/… zone); use the zone without right/")
    }
    // RFC 8536 §3.2: the first type is that of times before the first transition.
    guard var initial = block.offsets.first else { throw TZifReader.damaged }
    if block.times.isEmpty, let rule, rule.daylight == nil { initial = rule.standardOffset }
    var transitions: [Transition] = []
    // Some files begin with a transition at the Big Bang; sums with offsets must stay within 64 bits.
    let reach: Int64 = 1 << 48
    for (time, type) in zip(block.times, block.types) {
      guard type < block.offsets.count, transitions.last.map({ $0.instant < time }) ?? true else {
        throw TZifReader.damaged
      }
      if time < -reach {
        initial = block.offsets[type]
      } else if time <= reach {
        transitions.append(Transition(instant: time, offset: block.offsets[type]))
      }
    }
    return TimeZoneRules(initial: initial, transitions: transitions, rule: rule)
  }
}

/// Cuts a TZif file into its parts, never reading beyond the bytes.
private struct TZifReader {
  let bytes: [UInt8]
  var at = 0

  static let damaged = CastError("the time zone file is damaged or cut short")

  struct Header {
    var version: UInt8
    var utCount: Int
    var standardCount: Int
    var leapCount: Int
    var timeCount: Int
    var typeCount: Int
    var nameBytes: Int

    func size(timeSize: Int) -> Int {
      timeCount * (timeSize + 1) + typeCount * 6 + nameBytes + leapCount * (timeSize + 4) + standardCount
        + utCount
    }
  }

  struct Block {
    /// Seconds since the epoch, ascending.
    var times: [Int64]
    /// Indices into `offsets`, as many as `times`.
    var types: [Int]
    /// Seconds east.
    var offsets: [Int64]
  }

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func skip(_ count: Int) -> Bool {
    guard count <= bytes.count - at else { return false }
    at += count
    return true
  }

  mutating func header() -> Header? {
    guard bytes.count - at >= 44, Array(bytes[at..<at + 4]) == Array("TZif".utf8) else { return nil }
    let counts = (0..<6).map { Int(bigEndian(at + 20 + 4 * $0, size: 4) & 0xffff_ffff) }
    let version = bytes[at + 4]
    at += 44
    return Header(
      version: version, utCount: counts[0], standardCount: counts[1], leapCount: counts[2],
      timeCount: counts[3],
      typeCount: counts[4], nameBytes: counts[5])
  }

  mutating func block(_ header: Header, timeSize: Int) -> Block? {
    let start = at
    // Counts are below 2³², so the size cannot overflow.
    guard skip(header.size(timeSize: timeSize)) else { return nil }
    let typesAt = start + header.timeCount * timeSize
    let offsetsAt = typesAt + header.timeCount
    return Block(
      times: (0..<header.timeCount).map { bigEndian(start + $0 * timeSize, size: timeSize) },
      types: (0..<header.timeCount).map { Int(bytes[typesAt + $0]) },
      offsets: (0..<header.typeCount).map { bigEndian(offsetsAt + $0 * 6, size: 4) })
  }

  /// The text between two line ends.
  mutating func footer() -> [UInt8]? {
    guard at < bytes.count, bytes[at] == 0x0a, let end = bytes[(at + 1)...].firstIndex(of: 0x0a) else {
      return nil
    }
    return Array(bytes[(at + 1)..<end])
  }

  /// A signed number of 4 or 8 bytes that lie within `bytes`.
  private func bigEndian(_ offset: Int, size: Int) -> Int64 {
    var value: UInt64 = 0
    for i in 0..<size { value = value << 8 | UInt64(bytes[offset + i]) }
    return size == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
  }
}
