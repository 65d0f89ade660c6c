/// What Prometheus' text format calls a type.
enum MetricKind: String, Sendable {
  case counter
  case gauge
  case histogram
}

/// Prometheus' text format 0.0.4, line by line.
struct MetricsText {
  private(set) var text = ""

  mutating func begin(_ name: String, help: String, kind: MetricKind) {
    text += "# HELP \(name) \(Self.escape(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
  }

  mutating func sample(_ name: String, _ labels: Labels, _ value: UInt64, bound: Double? = nil) {
    line(name, labels, String(value), bound)
  }

  mutating func sample(_ name: String, _ labels: Labels, _ value: Double) {
    line(name, labels, Self.number(value), nil)
  }

  private mutating func line(_ name: String, _ labels: Labels, _ value: String, _ bound: Double?) {
    text += name
    var pairs = labels.pairs.map { "\($0.name)=\"\(Self.escape($0.value, quotes: true))\"" }
    if let bound { pairs.append("le=\"\(Self.number(bound))\"") }
    if !pairs.isEmpty { text += "{" + pairs.joined(separator: ",") + "}" }
    text += " " + value + "\n"
  }

  /// As Go reads floats: whole numbers without a fraction.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if let whole = Int64(exactly: value), value.magnitude < 1e15 { return String(whole) }
    return value.description
  }

  /// Only these three are escaped; anything else stands as it is, in UTF-8.
  static func escape(_ text: String, quotes: Bool) -> String {
    let isPlain = text.utf8.allSatisfy { $0 != 0x5c && $0 != 0x0a && $0 != 0x22 && $0 != 0x0d }
    if isPlain { return text }
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\"" where quotes: out += "\\\""
      // A reader that cuts lines at these too would be misled.
      case "\r": out += " "
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}
