/// What a shard's report leaves to an object beside the parts: the profile of its rows, and the parts that are too many
/// for the report. A small fraction of the parts' size.
public struct ShardSummary: Sendable {
  public var fingerprint: Fingerprint
  public var profile: TableProfile
  /// Parts after the report's.
  public var moreParts: [ShardReport.Part]

  public init(fingerprint: Fingerprint, profile: TableProfile, moreParts: [ShardReport.Part]) {
    self.fingerprint = fingerprint
    self.profile = profile
    self.moreParts = moreParts
  }

  public func encode() -> [UInt8] {
    var out = StateWriter(.shard)
    out.put(fingerprint.encode())
    out.put(profile.encode())
    out.put(count: moreParts.count)
    for part in moreParts {
      out.put(part.key)
      out.put(part.split)
      out.put(count: part.rows)
      out.put(count: part.bytes)
      out.put(count: part.footerBytes)
      out.put(part.sha256)
    }
    return out.finish()
  }

  /// Reads what ``encode()`` wrote.
  public init(decoding bytes: [UInt8]) throws(StateError) {
    var state = try StateReader(bytes, .shard)
    fingerprint = try Fingerprint(decoding: Array(try state.run()))
    profile = try TableProfile(decoding: Array(try state.run()))
    moreParts = []
    for _ in 0..<(try state.count(atMost: bytes.count)) {
      moreParts.append(
        ShardReport.Part(
          key: try state.text(), split: try state.text(), rows: try state.int(), bytes: try state.int(),
          footerBytes: try state.int(), sha256: try state.text()))
    }
    try state.end()
  }
}
