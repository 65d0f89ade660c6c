/// One line of the log before it is written.
struct LogLine: Sendable {
  /// Microseconds since 1970-01-01T00:00:00Z.
  var time: Int64
  var level: LogLevel
  var message: String
  var fields: [LogField]

  /// `12:03:11 INFO  message  shard=3 input=s3://lake/a.csv`, in UTC like every other time that is shown.
  var text: String {
    let level = level == .warning ? "WARN" : level.name.uppercased()
    let padding = String(repeating: " ", count: max(1, 6 - level.utf8.count))
    var text = "\(LogTime(time).clock) \(level)\(padding)\(LogText.printable(LogText.cut(message)))"
    for (index, field) in fields.enumerated() {
      text += (index == 0 ? "  " : " ") + LogText.printable(field.name) + "=" + LogText.value(field.value)
    }
    return text + "\n"
  }

  /// One JSON object. Members: `time`, `level`, `message`, then the fields; a field that is called like one of those gets
  /// `_` behind its name, and of fields with equal names the last counts.
  var json: String {
    var text = "{\"time\":\"\(LogTime(time).instant)\",\"level\":\"\(level.name)\",\"message\":"
    LogText.quote(LogText.cut(message), to: &text)
    for (index, field) in fields.enumerated() where !fields[(index + 1)...].contains(where: { $0.name == field.name }) {
      text += ","
      LogText.quote(["time", "level", "message"].contains(field.name) ? field.name + "_" : field.name, to: &text)
      text += ":"
      switch field.value {
      case .text(let value): LogText.quote(LogText.cut(value), to: &text)
      case .integer(let value): text += String(value)
      case .unsigned(let value): text += String(value)
      case .number(let value): text += value.isFinite ? value.description : "null"
      case .flag(let value): text += value ? "true" : "false"
      }
    }
    return text + "}\n"
  }
}

/// Text of unknown origin in a log: it must neither command a terminal nor fake a line.
enum LogText {
  static func printable(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return text }
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x0a: out += "\\n"
      case 0x09: out += "\\t"
      // C0, DEL, C1; line ends of Unicode and marks that reorder what is shown.
      case ..<0x20, 0x7f...0x9f, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069:
        out += "\\u{\(String(scalar.value, radix: 16))}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  /// In quotes where it would not be seen where the value ends.
  static func value(_ value: LogField.Value) -> String {
    switch value {
    case .text(let text):
      let shown = printable(cut(text))
      if shown.isEmpty || shown.utf8.contains(where: { $0 == 0x20 || $0 == UInt8(ascii: "\"") }) {
        var out = "\""
        for scalar in shown.unicodeScalars {
          if scalar == "\"" { out += "\\" }
          out.unicodeScalars.append(scalar)
        }
        return out + "\""
      }
      return shown
    case .integer(let number): return String(number)
    case .unsigned(let number): return String(number)
    case .number(let number): return number.description
    case .flag(let flag): return flag ? "true" : "false"
    }
  }

  static func cut(_ text: String) -> String {
    guard text.utf8.count > LogField.valueBytesMax else { return text }
    var kept = String.UnicodeScalarView()
    var count = 0
    for scalar in text.unicodeScalars {
      count += String(scalar).utf8.count
      if count > LogField.valueBytesMax { break }
      kept.append(scalar)
    }
    return String(kept) + "…"
  }

  /// RFC 8259; DEL and C1 escaped too, for whoever looks at the file on a terminal.
  static func quote(_ text: String, to out: inout String) {
    out += "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22: out += "\\\""
      case 0x5c: out += "\\\\"
      case 0x0a: out += "\\n"
      case 0x0d: out += "\\r"
      case 0x09: out += "\\t"
      case ..<0x20, 0x7f...0x9f, 0x2028...0x2029:
        let digits = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    out += "\""
  }
}
