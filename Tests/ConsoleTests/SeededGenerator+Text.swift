import TestKit

extension SeededGenerator {
  /// Text of ASCII, controls, accents, wide and combining characters.
  mutating func text(length: ClosedRange<Int>) -> String {
    let ranges: [ClosedRange<UInt32>] = [
      0x20...0x7e, 0x20...0x7e, 0x00...0x1f, 0x7f...0x9f, 0xa0...0x17f, 0x300...0x36f, 0x3040...0x30ff,
      0x4e00...0x4eff, 0x1f600...0x1f64f, 0x2028...0x202e, 0x2066...0x2069,
    ]
    var out = String.UnicodeScalarView()
    for _ in 0..<Int.random(in: length, using: &self) {
      let range = ranges[Int.random(in: 0..<ranges.count, using: &self)]
      if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &self)) { out.append(scalar) }
    }
    return String(out)
  }
}
