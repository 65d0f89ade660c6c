/// A JSON document to be written, members in the order they were given.
public indirect enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case int(Int64)
  case unsigned(UInt64)
  /// Not finite: written as null.
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object([(String, JSONValue)])

  public static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

  /// RFC 8259, indented by two spaces, without a line end behind it.
  public var text: String {
    var out = ""
    write(to: &out, indent: "")
    return out
  }

  private func write(to out: inout String, indent: String) {
    switch self {
    case .null: out += "null"
    case .bool(let value): out += value ? "true" : "false"
    case .int(let value): out += String(value)
    case .unsigned(let value): out += String(value)
    case .double(let value): out += value.isFinite ? "\(value)" : "null"
    case .string(let value): JSONValue.quote(value, to: &out)
    case .array(let items):
      guard !items.isEmpty else {
        out += "[]"
        return
      }
      out += "["
      for (index, item) in items.enumerated() {
        out += (index == 0 ? "\n" : ",\n") + indent + "  "
        item.write(to: &out, indent: indent + "  ")
      }
      out += "\n" + indent + "]"
    case .object(let members):
      guard !members.isEmpty else {
        out += "{}"
        return
      }
      out += "{"
      for (index, member) in members.enumerated() {
        out += (index == 0 ? "\n" : ",\n") + indent + "  "
        JSONValue.quote(member.0, to: &out)
        out += ": "
        member.1.write(to: &out, indent: indent + "  ")
      }
      out += "\n" + indent + "}"
    }
  }

  private static func quote(_ text: String, to out: inout String) {
    out += "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7f:
        let digits = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    out += "\""
  }
}
