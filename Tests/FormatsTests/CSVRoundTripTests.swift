import Columns
import Definition
import TestKit
import Testing

@testable import Formats

/// Random tables, written in random manners, come back the same however the object is chopped up.
@Suite struct CSVRoundTripTests {
  static let blockSizes = [64, 100, 127, 256, 1000, 4096, 256 << 10]

  @Test("fields, rows and offsets do not depend on chunks and blocks", arguments: 0..<150)
  func roundTrip(seed: Int) throws {
    let written = WrittenCSV(seed: UInt64(seed), faulty: seed % 3 == 0)
    var random = SeededGenerator(seed: seed)
    for _ in 0..<4 {
      let block = random.pick(Self.blockSizes)
      let chunking: Chunking = random.pick([
        .whole, .bytewise, .random(seed: random.next(), most: random.pick([3, 40, 5000])),
      ])
      let reader = CutReader(options: written.options, maxRowBytes: 64 << 10, blockBytes: block)
      let outcome = try reader.read(written.bytes, chunking)
      let place: Comment = "seed \(seed), blocks of \(block), \(chunking), \(written.options)"
      // An object without a record may end before its header was looked at.
      if !written.rows.isEmpty { #expect(outcome.header == written.header, place) }
      #expect(outcome.rows.count == written.rows.count, place)
      for (found, wanted) in zip(outcome.rows, written.rows) where found != wanted {
        Issue.record("found \(found), wanted \(wanted): \(place)")
        return
      }
    }
  }

  @Test("a larger table, through blocks of the size that the engine uses", arguments: [1, 2, 3, 4])
  func large(seed: Int) throws {
    let written = WrittenCSV(seed: UInt64(seed) + 1000, faulty: true, rows: 20_000)
    let outcome = try CutReader(options: written.options).read(
      written.bytes, .random(seed: UInt64(seed), most: 300_000))
    #expect(outcome.rows.count == 20_000)
    for (found, wanted) in zip(outcome.rows, written.rows) where found != wanted {
      Issue.record("found \(found), wanted \(wanted)")
      return
    }
  }
}
