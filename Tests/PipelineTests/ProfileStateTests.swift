import Columns
import TestKit
import Testing

@testable import Pipeline

/// Profiles and fingerprints that travel between workers as bytes.
@Suite struct ProfileStateTests {
  private func profile(_ column: ProfileColumn, _ rows: some Collection<Int>) -> ColumnProfile {
    let profile = ColumnProfile(type: column.type)
    profile.update(column.column(Array(rows)), count: rows.count)
    return profile
  }

  @Test("a profile merged from bytes summarises as one that never was bytes", arguments: ProfileColumn.types)
  func merged(_ type: ColumnType) throws {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    for (rows, spread) in [(0, 0), (1, 0), (300, 5), (5000, 0), (6000, 4096), (6000, 4097), (12_000, 0)] {
      let column = ProfileColumn.random(type, rows: rows, spread: spread, wild: random.chance(2), &random)
      let cut = random.int(0...rows)
      let place: Comment = "seed \(seed), \(rows) rows of \(spread), cut at \(cut)"
      let (a, b) = (profile(column, 0..<cut), profile(column, cut..<rows))
      let (first, second) = (a.encode(), b.encode())
      let decoded = try ColumnProfile(decoding: first)
      #expect(decoded.encode() == first, place)
      #expect(decoded.summary(name: "x") == a.summary(name: "x"), place)
      decoded.merge(try ColumnProfile(decoding: second))
      // Both go on: what was read is a profile like any other.
      let more = column.column(Array(0..<min(rows, 100)))
      decoded.update(more, count: min(rows, 100))
      a.merge(b)
      a.update(more, count: min(rows, 100))
      #expect(decoded.summary(name: "x") == a.summary(name: "x"), place)
      // Equal contents, equal bytes, whatever way led there.
      #expect(decoded.encode() == a.encode(), place)
    }
  }

  @Test("values and how often they come give the profile that the rows give", arguments: ProfileColumn.types)
  func counted(_ type: ColumnType) throws {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    for (rows, spread) in [(0, 0), (1, 0), (300, 5), (5000, 0), (9000, 4096), (9000, 4097), (12_000, 1)] {
      let column = ProfileColumn.random(type, rows: rows, spread: spread, wild: random.chance(2), &random)
      let wanted = profile(column, 0..<rows)
      // A value may stand there twice, as 0.0 and −0.0 do in a dictionary.
      var entries: [Int] = []
      var counts: [UInt32] = []
      var known: [Literal: Int] = [:]
      for row in 0..<rows {
        guard let value = column.values[row] else { continue }
        if let entry = known[value], !random.chance(50) {
          counts[entry] += 1
        } else {
          known[value] = entries.count
          entries.append(row)
          counts.append(1)
        }
      }
      let counted = ValueCounts(
        values: column.column(entries), counts: counts, nulls: rows - counts.reduce(0) { $0 + Int($1) })
      let found = ColumnProfile(type: type)
      found.update(counted)
      #expect(found.encode() == wanted.encode(), "seed \(seed), \(rows) rows of \(spread)")
      // Often enough for what the squares carry.
      let many = ColumnProfile(type: type)
      for _ in 0..<3 { many.update(counted) }
      for _ in 0..<2 { wanted.merge(profile(column, 0..<rows)) }
      #expect(many.encode() == wanted.encode(), "seed \(seed), \(rows) rows of \(spread)")
    }
  }

  @Test("a double that comes often is as many doubles")
  func countedSquares() {
    let values: [Double] = [1.797e308, -1.9, 0x1.fffffffffffffp0, -0x1.fffffffffffffp0, 0, .leastNonzeroMagnitude]
    let times: [UInt32] = [70_000, 3, 600_000, 1, 9, 70_000]
    let (one, other) = (MagnitudeSketch(), MagnitudeSketch())
    one.add(values, times, values.count)
    for (value, times) in zip(values, times) {
      other.add(Array(repeating: value, count: Int(times)), Int(times))
    }
    #expect(one.zeros == other.zeros && one.usedExponents == other.usedExponents)
    for exponent in one.usedExponents {
      let (a, b) = (one.contents(exponent), other.contents(exponent))
      #expect(a.1 == b.1 && a.0.sum == b.0.sum)
      #expect(a.0.squares == b.0.squares && a.0.squareCarries == b.0.squareCarries)
    }
  }

  /// A table of all types.
  private func table(_ random: inout SeededGenerator, rows: Int) -> Table {
    let columns = ProfileColumn.types.map {
      ProfileColumn.random($0, rows: rows, spread: 20, wild: true, &random).column(Array(0..<rows))
    }
    let fields = columns.enumerated().map { Field(name: "c\($0.offset) é", type: $0.element.type) }
    return Table(fields: fields, columns: columns, count: rows)
  }

  @Test func tablesAndFingerprints() throws {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    let tables = [table(&random, rows: 400), table(&random, rows: 1), table(&random, rows: 0)]
    let whole = TableProfile(fields: tables[0].fields)
    var sum = Fingerprint()
    let merged = TableProfile(fields: tables[0].fields)
    var mergedSum = Fingerprint()
    for table in tables {
      whole.update(table)
      sum.add(table: table, split: "train")
      let part = TableProfile(fields: table.fields)
      part.update(table)
      merged.merge(try TableProfile(decoding: part.encode()))
      var fingerprint = Fingerprint()
      fingerprint.add(table: table, split: "train")
      mergedSum.merge(try Fingerprint(decoding: fingerprint.encode()))
    }
    #expect(merged.summaries == whole.summaries, "seed \(seed)")
    #expect(merged.fields == whole.fields)
    #expect(mergedSum == sum, "seed \(seed)")
    #expect(sum.encode().count == 36)
  }

  @Test("damaged bytes are an error, never a crash")
  func damaged() throws {
    let seed = testSeed(below: 1_000_000)
    var random = SeededGenerator(seed: seed)
    let profile = TableProfile(fields: table(&random, rows: 0).fields)
    profile.update(table(&random, rows: 300))
    let good = profile.encode()
    for length in [0, 3, 4, 11, 12, 13, good.count / 2, good.count - 1] {
      #expect(throws: StateError.self) { try TableProfile(decoding: Array(good.prefix(length))) }
    }
    #expect(throws: StateError.self) { try Fingerprint(decoding: good) }
    for _ in 0..<200 {
      var bad = good
      bad[random.int(0...good.count - 1)] ^= UInt8(1 << random.int(0...7))
      #expect(throws: StateError.self, "seed \(seed)") { try TableProfile(decoding: bad) }
    }
    // With a hash that fits, what is read may be another profile, but it is one: it can be merged and summarised.
    var read = 0
    for round in 0..<4000 {
      var bad = Array(good.dropLast(8))
      for _ in 0...random.int(0...2) {
        let at = random.chance(3) ? random.int(4...80) : random.int(4...bad.count - 1)
        bad[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, UInt8(truncatingIfNeeded: random.next())])
      }
      if random.chance(10) { bad.removeLast(random.int(1...bad.count - 5)) }
      if random.chance(20) { bad += [0, 0] }
      withUnsafeBytes(of: StateWriter.hash(bad[...]).littleEndian) { bad += $0 }
      guard let other = try? TableProfile(decoding: bad) else { continue }
      read += 1
      _ = other.summaries
      if other.fields == profile.fields, round % 8 == 0 {
        other.merge(profile)
        _ = other.summaries
      }
    }
    #expect(read > 0, "seed \(seed)")
  }
}
