/// Numbers of bytes as a definition writes them: `128MiB`, `900KiB`, `1GB`, `4096`.
enum SizeText {
  static let units: [(name: String, bytes: Int64)] = [
    ("", 1), ("B", 1), ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
  ]

  static let expected = "a size such as 900KiB or 128MiB"

  static func parse(_ text: String, in range: ClosedRange<Int>) throws(TextFault) -> Int {
    let scalars = Array(text.unicodeScalars)
    var index = 0
    guard let number = DigitRun.read(scalars, &index) else {
      throw index > 0
        ? TextFault("the size \(quoted(text)) is too large")
        : TextFault("expected \(expected), found \(quoted(text))")
    }
    let unitStart = index
    let unit = String(scalars[index...].drop { $0 == " " })
    guard let found = units.first(where: { $0.name == unit }) else {
      let near = units.first {
        $0.name.lowercased() == unit.lowercased() || $0.name == unit.uppercased() + "iB"
      }
      throw TextFault(
        "\(quoted(unit)) is not a unit of size", at: unitStart,
        hint: near.map { "did you mean \(quoted($0.name))?" } ?? "units are B KB MB GB TB KiB MiB GiB TiB")
    }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: found.bytes)
    guard !overflow, let value = Int(exactly: bytes), range.contains(value) else {
      throw TextFault(
        "the size \(quoted(text)) is not between \(describe(range.lowerBound)) and \(describe(range.upperBound))"
      )
    }
    return value
  }

  /// In the largest binary unit that divides it.
  static func describe(_ bytes: Int) -> String {
    for unit in units.reversed() where unit.name.hasSuffix("iB") && bytes > 0 {
      if Int64(bytes) % unit.bytes == 0 { return "\(Int64(bytes) / unit.bytes)\(unit.name)" }
    }
    return "\(bytes)B"
  }
}
