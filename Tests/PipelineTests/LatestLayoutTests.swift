import Columns
import TestKit
import Testing

@testable import Pipeline

/// Records of `latest` sources: nothing lies where something else does.
@Suite struct LatestLayoutTests {
  private static let types: [ColumnType] = [
    .string, .int, .double, .bool, .date, .timestamp, .decimal(precision: 38, scale: 2),
  ]

  @Test("columns of any types and number", arguments: [0, 1, 2, 7, 31, 32, 33, 64, 65, 200])
  func disjoint(count: Int) {
    var random = SeededGenerator(seed: UInt64(count) + 11)
    let kept = (0..<count).map { index in
      SourcePlan.Kept(name: "c\(index)", type: random.pick(LatestLayoutTests.types), carried: index)
    }
    let layout = LatestLayout(kept)
    // Of each byte, which bits of it are taken: a version's fields, presence bits, the texts' address, values.
    var taken = [UInt8](repeating: 0, count: layout.stride)
    func take(_ range: Range<Int>, bits: UInt8 = 0xff) {
      for byte in range {
        #expect(byte < layout.stride && taken[byte] & bits == 0, "byte \(byte) of \(count) columns")
        if byte < layout.stride { taken[byte] |= bits }
      }
    }
    take(0..<8)
    take(LatestLayout.inputOffset..<LatestLayout.inputOffset + 4)
    take(LatestLayout.rowOffset..<LatestLayout.rowOffset + 8)
    if !layout.texts.isEmpty { take(layout.textsOffset..<layout.textsOffset + 8) }
    for place in layout.places {
      let bit = place.presenceBit.trailingZeroBitCount
      #expect(place.presenceBit.nonzeroBitCount == 1)
      take(place.presenceOffset + bit / 8..<place.presenceOffset + bit / 8 + 1, bits: 1 << UInt8(bit % 8))
      take(place.offset..<place.offset + (place.type == .string ? LatestLayout.textEndBytes : place.type.stride))
    }
    // A text begins where the one before it ends, and that stands beside.
    for (text, next) in zip(layout.texts, layout.texts.dropFirst()) {
      #expect(layout.places[next].offset == layout.places[text].offset + LatestLayout.textEndBytes)
    }
    #expect(layout.stride % 8 == 0)
  }

  @Test("records are zeros until written, and stay where they are")
  func pages() throws {
    for bytes in [24, 80, 128, 4096] {
      var pages = RecordPages(stride: bytes)
      #expect(pages.record(0) == nil)
      var first: [UnsafeMutableRawPointer] = []
      for keys in [1, 1024, 1025, 5000, 20_000, 20_001] {
        pages.grow(to: keys)
        for key in stride(from: 0, to: keys, by: 97) {
          let record = try #require(pages.record(UInt32(key)))
          if key / 97 < first.count {
            #expect(record == first[key / 97] && record.load(as: UInt64.self) == UInt64(key))
          } else {
            #expect(record.load(as: UInt64.self) == 0 && record.load(fromByteOffset: bytes - 8, as: UInt64.self) == 0)
            record.storeBytes(of: UInt64(key), as: UInt64.self)
            first.append(record)
          }
        }
      }
    }
  }
}
