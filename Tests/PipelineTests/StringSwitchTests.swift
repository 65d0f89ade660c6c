import Columns
import Definition
import TestKit
import Testing

@testable import Pipeline

/// Conditions of one column decided together, against a comparison with each constant.
@Suite struct StringSwitchTests {
  private func text(_ random: inout SeededGenerator, _ most: Int) -> [UInt8] {
    // Few letters and many lengths, so that values are often constants' beginnings.
    (0..<random.int(0...most)).map { _ in random.pick([0, 0x61, 0x62, 0xff]) }
  }

  @Test("each row gets its constant's code", arguments: 0..<60)
  func codes(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    var constants: [[UInt8]] = []
    for _ in 0..<random.pick([2, 3, 8, StringSwitch.constantsMax]) {
      let constant = text(&random, random.pick([2, 8, 9, StringSwitch.lengthMax]))
      if !constant.isEmpty && !constants.contains(constant) { constants.append(constant) }
    }
    let values = (0..<random.int(1...300)).map { _ -> [UInt8]? in
      if random.chance(6) { return nil }
      let value = random.chance(2) ? text(&random, 20) : constants.randomElement(using: &random)
      return value
    }
    let column = Column(type: .string, capacity: values.count)
    for (row, value) in values.enumerated() {
      guard let value else {
        column.views[row] = ByteView(start: 0, length: 3)
        continue
      }
      let start = value.withUnsafeBufferPointer { $0.baseAddress.map { column.arena.append($0, value.count) } ?? 0 }
      column.views[row] = ByteView(start: start, length: UInt32(value.count))
      column.validity[row] = 1
    }
    let made = try #require(StringSwitch(constants))
    var codes = [UInt8](repeating: 99, count: values.count)
    made.evaluate(column, values.count, into: &codes)
    let wanted = values.map { value in
      value.flatMap { constants.firstIndex(of: $0) }.map { UInt8($0 + 1) } ?? 0
    }
    #expect(codes == wanted, "seed \(seed)")
  }

  @Test("constants that it cannot tell are left to others")
  func refused() {
    #expect(StringSwitch([[1], []]) == nil)
    #expect(StringSwitch([[1], [UInt8](repeating: 2, count: StringSwitch.lengthMax + 1)]) == nil)
    #expect(StringSwitch([[1], [1]]) == nil)
    #expect(StringSwitch((0...StringSwitch.constantsMax).map { [UInt8($0)] }) == nil)
  }

  @Test("filters of one constant share its rows, others stand alone")
  func switches() throws {
    let programs: [PredicateProgram?] = [
      nil, .compareString(column: 1, .equal, [1]), .compareString(column: 1, .notEqual, [2]),
      .compareString(column: 1, .equal, [2]), .compareString(column: 1, .equal, [1]),
      .compareString(column: 0, .equal, [1]), .compareString(column: 1, .equal, []),
    ]
    let switches = FilterSwitch.switches(programs)
    try #require(switches.count == 1)
    #expect(switches[0].column == 1)
    #expect(switches[0].filters == [[1, 4], [3]])
  }
}
