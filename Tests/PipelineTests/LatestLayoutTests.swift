import Columns
import TestKit
import Testing

@testable import Pipeline

/// Records of `latest` sources: nothing lies where something else does.
@Suite struct LatestLayoutTests {
  private static let types: [ColumnType] = [
    .string, .int, .double, .bool, .date, .timestamp, .decimal(precision: 38, scale: 2),
  ]

  @Test("columns of any types, forms and number", arguments: [0, 1, 2, 7, 15, 16, 17, 24, 25, 65, 200], [false, true])
  func disjoint(count: Int, isTimed: Bool) {
    var random = SeededGenerator(seed: UInt64(count) + 11)
    let kept = (0..<count).map { index in
      SourcePlan.Kept(name: "c\(index)", type: random.pick(LatestLayoutTests.types), carried: index)
    }
    let narrow = LatestLayout(kept, isTimed: isTimed)
    var forms: [Int: LatestLayout.Form] = [:]
    for (index, kept) in kept.enumerated() where random.chance(2) {
      if kept.type == .string { forms[index] = .text }
      if kept.type == .int { forms[index] = .value(random.pick([4, 8])) }
    }
    for layout in [narrow, narrow.widened(forms)] { check(layout, isTimed: isTimed, count: count) }
  }

  private func check(_ layout: LatestLayout, isTimed: Bool, count: Int) {
    // Of each byte, which bits of it are taken: a version's fields, presence bits, the texts' address, values.
    var taken = [UInt8](repeating: 0, count: layout.stride)
    func take(_ range: Range<Int>, bits: UInt8 = 0xff) {
      for byte in range {
        #expect(byte < layout.stride && taken[byte] & bits == 0, "byte \(byte) of \(count) columns")
        if byte < layout.stride { taken[byte] |= bits }
      }
    }
    take(LatestLayout.rowOffset..<LatestLayout.rowOffset + 6)
    if isTimed { take(LatestLayout.timeOffset..<LatestLayout.timeOffset + 8) }
    take(layout.inputOffset..<layout.inputOffset + 4)
    if !layout.texts.isEmpty { take(layout.textsOffset..<layout.textsOffset + 8) }
    for place in layout.places {
      #expect(place.presenceBit.nonzeroBitCount == 1)
      take(place.presenceOffset..<place.presenceOffset + 1, bits: place.presenceBit)
      take(place.offset..<place.offset + place.form.byteCount)
      #expect(place.offset % min(place.form.byteCount, 8) == 0)
    }
    // A text begins where the one before it ends, and that stands beside.
    for (text, next) in zip(layout.texts, layout.texts.dropFirst()) {
      #expect(layout.places[next].offset == layout.places[text].offset + LatestLayout.Form.text.byteCount)
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
