import CScan
import TestKit
import Testing

@testable import Pipeline

/// Numbers of few bits: eight at a time as one by one, and nothing read or written beside them.
@Suite struct PackedBitsTests {
  /// One by one, bit by bit.
  private static func packed(_ values: [UInt64], _ width: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: (values.count * width + 7) / 8)
    for (row, value) in values.enumerated() {
      for bit in 0..<width where value >> UInt64(bit) & 1 == 1 {
        bytes[(row * width + bit) / 8] |= 1 << UInt8((row * width + bit) % 8)
      }
    }
    return bytes
  }

  private static func values(_ random: inout SeededGenerator, _ count: Int, _ width: Int) -> [UInt64] {
    let most: UInt64 = width == 64 ? .max : 1 << UInt64(width) - 1
    return (0..<count).map { _ in random.chance(4) ? most : random.next() & most }
  }

  @Test("all widths, any number of rows", arguments: 1...56)
  func widths(width: Int) {
    guard cscan_is_wide() != 0 else { return }
    var random = SeededGenerator(seed: UInt64(width))
    for count in Array(0...33) + [63, 64, 65, 127, 1000] {
      let values = Self.values(&random, count, width)
      let least = Int64(bitPattern: random.next())
      let above = values.map { least &+ Int64(bitPattern: $0) }
      let wanted = Self.packed(values, width)
      var out = [UInt8](repeating: 0xa5, count: wanted.count + 80)
      #expect(cscan_pack_int64s(above + [0], count, least, UInt32(width), &out) == 1)
      #expect(Array(out[..<wanted.count]) == wanted, "\(width) bits, \(count) rows")
      #expect(out[wanted.count...].allSatisfy { $0 == 0xa5 }, "\(width) bits, \(count) rows")

      var back = [Int64](repeating: 7, count: count + 8)
      let done = cscan_unpack_int64s(wanted + [0], count, UInt32(width), least, 1, &back)
      #expect(done == count & ~7 && Array(back[..<done]) == Array(above[..<done]))
      #expect(back[done...].allSatisfy { $0 == 7 })
      let unit: Int64 = 1_000_000
      _ = cscan_unpack_int64s(wanted + [0], count, UInt32(width), least, unit, &back)
      #expect(Array(back[..<done]) == values[..<done].map { least &+ Int64(bitPattern: $0) &* unit })
    }
  }

  @Test("bytes of all widths", arguments: 1...8)
  func bytes(width: Int) {
    guard cscan_is_wide() != 0 else { return }
    var random = SeededGenerator(seed: UInt64(width))
    for count in Array(0...33) + [63, 64, 65, 127, 1000] {
      let values = Self.values(&random, count, width)
      let wanted = Self.packed(values, width)
      var out = [UInt8](repeating: 0xa5, count: wanted.count + 16)
      #expect(cscan_pack_bytes(values.map { UInt8($0) } + [0], count, UInt32(width), &out) == 1)
      #expect(Array(out[..<wanted.count]) == wanted && out[wanted.count...].allSatisfy { $0 == 0xa5 })
    }
  }

  @Test("a width of none reads nothing")
  func nothing() {
    guard cscan_is_wide() != 0 else { return }
    var back = [Int64](repeating: 7, count: 16)
    #expect(cscan_unpack_int64s([0], 16, 0, -5, 1_000_000, &back) == 16 && back.allSatisfy { $0 == -5 })
  }

  @Test("microseconds are whole seconds or not, over all that 64 bits hold", arguments: 1...20)
  func seconds(seed: Int) {
    guard cscan_is_wide() != 0 else { return }
    var random = SeededGenerator(seed: UInt64(seed))
    let limit = Int64.max / 1_000_000
    for _ in 0..<500 {
      let wanted = (0..<16).map { _ -> Int64 in
        if random.chance(8) { return random.chance(2) ? limit : -limit }
        return Int64(bitPattern: random.next()) % limit >> Int64(random.int(0...40))
      }
      var values = wanted.map { $0 * 1_000_000 }
      var seconds = [Int64](repeating: 0, count: 16)
      #expect(cscan_seconds(values, 16, &seconds) == 16 && seconds == wanted)
      let odd = random.int(0...15)
      let step: Int64 = [1, -1, 499_999, 500_000, 500_001, 999_999].randomElement(using: &random) ?? 1
      values[odd] = values[odd] &+ (values[odd] > 0 ? -step : step)
      #expect(cscan_seconds(values, 16, &seconds) == (odd < 8 ? 0 : 8), "\(values[odd])")
    }
  }
  /// What one value is of: by division alone.
  private static func multiple(_ value: Double, _ scale: Double) -> Int64? {
    let product = (value * scale).rounded(.toNearestOrEven)
    guard product.magnitude < 0x1p51, ((product + 0) / scale).bitPattern == value.bitPattern else { return nil }
    return Int64(product)
  }

  @Test("doubles are multiples or not, whatever their bits are", arguments: 1...20)
  func multiples(seed: Int) {
    guard cscan_is_wide() != 0 else { return }
    var random = SeededGenerator(seed: UInt64(seed))
    let odd: [Double] = [
      -0.0, .nan, .infinity, -.infinity, .leastNonzeroMagnitude, 0x1p51, -0x1p51, 0x1p51 - 1, 0x1p52 + 1, 0x1p53, 0.3,
      0.1 + 0.2, 1e300, .greatestFiniteMagnitude,
    ]
    for _ in 0..<500 {
      let scale = RowSections.scales.randomElement(using: &random) ?? 1
      var values = (0..<16).map { _ -> Double in
        Double(Int64(bitPattern: random.next()) >> Int64(random.int(13...63))) / scale
      }
      var numbers = [Int64](repeating: 0, count: 16)
      if random.chance(2) {
        let bits = random.next()
        values[random.int(0...15)] =
          random.chance(2) ? Double(bitPattern: bits) : odd.randomElement(using: &random) ?? 0
      }
      let wanted = values.map { Self.multiple($0, scale) }
      let end = (wanted.firstIndex(of: nil) ?? 16) & ~7
      #expect(cscan_multiples(values, 16, scale, &numbers) == end, "seed \(seed): \(values) by \(scale)")
      #expect(numbers[..<end].elementsEqual(wanted[..<end].map { $0 ?? 0 }))
      var back = [Double](repeating: 0, count: 16)
      #expect(cscan_quotients(numbers, end, scale, &back) == end)
      #expect(back[..<end].map(\.bitPattern) == values[..<end].map(\.bitPattern))
    }
  }

  @Test("steps of bytes, and how many are larger", arguments: 1...20)
  func steps(seed: Int) {
    guard cscan_is_wide() != 0 else { return }
    var random = SeededGenerator(seed: UInt64(seed))
    for count in Array(0...33) + [1000] {
      var value: UInt64 = random.chance(2) ? 0 : random.next()
      let values = (0..<count).map { _ -> UInt64 in
        let some: [UInt64] = [0, 1, 16, 254, 255, 256, 65_534, 65_535, 65_536, random.next()]
        value = value &+ (some.randomElement(using: &random) ?? 0)
        return value
      }
      let steps: [UInt64] = zip(values, [0] + values).map { $0 &- $1 }
      var bytes = [UInt8](repeating: 7, count: count + 8)
      var (large, veryLarge) = (9, 9)
      let done = cscan_byte_steps(values + [0], count, &bytes, &large, &veryLarge)
      #expect(done == count & ~7)
      #expect(bytes[..<done].elementsEqual(steps[..<done].map { UInt8(min($0, 255)) }))
      #expect(bytes[done...].allSatisfy { $0 == 7 })
      #expect(large == steps[..<done].count { $0 >= 255 } && veryLarge == steps[..<done].count { $0 >= 65_535 })
    }
  }
}
