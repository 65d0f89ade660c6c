import Columns
import Pipeline
import TestKit

extension FuzzTarget {
  /// Damaged summaries of shards, some with hashes that fit the damage: an error, or a profile that can be merged and
  /// summarised.
  static let shardState = FuzzTarget(name: "state") { fuzzCase in
    let summary = StateSamples.make(&fuzzCase.random)
    let whole = fuzzCase.random.chance(2)
    let bytes = whole ? summary.encode() : summary.profile.encode()
    var damaged = bytes
    Mutation(["\u{0}", "\u{1}", "\u{7f}", "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}"]).apply(
      &damaged, times: fuzzCase.random.int(0...4), &fuzzCase.random)
    let fitsHash = fuzzCase.random.chance(2) && damaged.count >= 8
    if fitsHash {
      let end = damaged.count - 8
      let hash = damaged.withUnsafeBufferPointer { $0.baseAddress.map { Hashing.hash64($0, end) } ?? 0 }
      for i in 0..<8 { damaged[end + i] = UInt8(truncatingIfNeeded: hash >> UInt64(8 * i)) }
    }
    fuzzCase.give(damaged)
    do {
      let profile: TableProfile
      if whole {
        let back = try ShardSummary(decoding: damaged)
        try require(back.moreParts.allSatisfy { $0.rows >= 0 && $0.bytes >= 0 }, "negative counts")
        profile = back.profile
      } else {
        profile = try TableProfile(decoding: damaged)
      }
      try require(fitsHash || damaged == bytes, "damage was not noticed")
      try require(damaged != bytes || profile.summaries == summary.profile.summaries, "it came back as another")
      _ = profile.summaries
      guard profile.fields == summary.profile.fields else { return }
      profile.merge(summary.profile)
      _ = profile.summaries
    } catch is StateError {
      try require(damaged != bytes, "a state that is whole was refused")
    }
  }
}

private enum StateSamples {
  static func make(_ random: inout SeededGenerator) -> ShardSummary {
    let types = CastFuzz.types.filter { _ in random.chance(2) }
    let rows = random.pick([0, 1, 40])
    let fields = types.enumerated().map { Field(name: "c\($0)", type: $1) }
    let columns = types.map { type in
      let column = Column(type: type, capacity: rows)
      for row in 0..<rows where !random.chance(4) {
        column.validity[row] = 1
        switch type {
        case .string: column.views[row] = column.arena.append("text \(random.int(0...9))")
        case .double: column.doubles[row] = random.pick([0, -1.5, 1e300, .nan, .infinity, .leastNonzeroMagnitude])
        case .date: column.int32s[row] = Int32(truncatingIfNeeded: random.int(-9...99_999))
        case .bool: column.bytes[row] = random.chance(2) ? 1 : 0
        case .decimal: column.int128s[row] = Int128(random.int(-9...9)) << Int128(random.int(0...90))
        case .int, .timestamp: column.int64s[row] = Int64(bitPattern: random.next() >> UInt64(random.int(0...63)))
        }
      }
      return column
    }
    let table = Table(fields: fields, columns: columns, count: rows)
    let profile = TableProfile(fields: fields)
    profile.update(table)
    var fingerprint = Fingerprint()
    fingerprint.add(table: table, split: "train")
    let parts = (0..<random.int(0...2)).map {
      ShardReport.Part(key: "k\($0)", split: "train", rows: $0, bytes: 100, footerBytes: 10, sha256: "ab")
    }
    return ShardSummary(fingerprint: fingerprint, profile: profile, moreParts: parts)
  }
}
