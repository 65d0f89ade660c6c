internal import Columns
internal import Formats
internal import Pipeline

/// Rejected rows of one attempt as JSON lines (what `rejected/` and the dead letters hold), and a count a reason.
struct RejectBuffer: Sendable {
  private(set) var lines: [UInt8] = []
  private(set) var count: UInt64 = 0
  private(set) var reasons: [String: UInt64] = [:]

  /// Bytes of a record that are kept.
  static let rawMax = 4096

  mutating func takeLines() -> [UInt8] {
    let taken = lines
    lines = []
    return taken
  }

  /// Adds one row. `row` from 1; `byte` in the inflated object; `column` nil where the record itself is at fault.
  ///
  /// Of a topic's record `object` is its topic and partition as `topic[3]`, `row` its offset, and there is no `byte`.
  mutating func add(
    source: String, object: String, row: UInt64, byte: UInt64?, fault: RowFault,
    column: (name: String, type: ColumnType)?,
    raw: UnsafeBufferPointer<UInt8>, length: UInt64
  ) {
    count += 1
    reasons[fault.reason, default: 0] += 1
    var line = JSONText()
    line.member("source", source)
    line.member("object", object)
    line.member("row", row)
    if let byte { line.member("byte", byte) }
    line.member("reason", fault.reason)
    if let column { line.member("column", column.name) }
    line.member("message", fault.message(column: column?.name, type: column?.type))
    let kept = UnsafeBufferPointer(rebasing: raw.prefix(RejectBuffer.rawMax))
    if let text = String(validating: kept, as: UTF8.self) {
      line.member("raw", text)
    } else {
      line.member("raw_base64", base64(kept))
    }
    if UInt64(kept.count) < length {
      line.member("raw_truncated", true)
      line.member("length", length)
    }
    lines.append(contentsOf: line.finish())
    lines.append(0x0a)
  }
}

/// Writes one flat JSON object.
struct JSONText {
  private var text = "{"

  private mutating func begin(_ name: String) {
    if text.utf8.count > 1 { text += "," }
    text += "\"\(name)\":"
  }

  mutating func member(_ name: String, _ value: UInt64) {
    begin(name)
    text += String(value)
  }

  mutating func member(_ name: String, _ value: Bool) {
    begin(name)
    text += value ? "true" : "false"
  }

  mutating func member(_ name: String, _ value: String) {
    begin(name)
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20:
        let hex = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }

  consuming func finish() -> String.UTF8View { (text + "}").utf8 }
}

/// RFC 4648, with padding.
private func base64(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var out: [UInt8] = []
  var i = 0
  while i < bytes.count {
    let left = bytes.count - i
    let word =
      UInt32(bytes[i]) << 16 | (left > 1 ? UInt32(bytes[i + 1]) << 8 : 0) | (left > 2 ? UInt32(bytes[i + 2]) : 0)
    out.append(alphabet[Int(word >> 18)])
    out.append(alphabet[Int(word >> 12 & 63)])
    out.append(left > 1 ? alphabet[Int(word >> 6 & 63)] : UInt8(ascii: "="))
    out.append(left > 2 ? alphabet[Int(word & 63)] : UInt8(ascii: "="))
    i += 3
  }
  return String(decoding: out, as: UTF8.self)
}

extension RowFault {
  /// The stable name in `rejected/`, in the manifest and in counts.
  var reason: String {
    switch self {
    case .none: "none"
    case .tooFewFields: "too_few_fields"
    case .tooManyFields: "too_many_fields"
    case .textAfterQuote: "text_after_quote"
    case .unclosedQuote: "unclosed_quote"
    case .rowTooLong: "row_too_long"
    case .invalidJSON: "invalid_json"
    case .jsonTooDeep: "json_too_deep"
    case .notAnObject: "not_an_object"
    case .invalidUTF8: "invalid_utf8"
    case .notAnInt: "not_an_int"
    case .notADouble: "not_a_double"
    case .notABool: "not_a_bool"
    case .notADate: "not_a_date"
    case .notATimestamp: "not_a_timestamp"
    case .notADecimal: "not_a_decimal"
    case .outOfRange: "out_of_range"
    case .tooPrecise: "too_precise"
    case .wrongShape: "wrong_shape"
    case .keyIsNull: "key_is_null"
    case .timeIsNull: "time_is_null"
    case .separatorInKey: "separator_in_key"
    case .nullValue: "null_value"
    case .emptyValue: "empty_value"
    case .severalRecords: "several_records"
    }
  }

  func message(column: String?, type: ColumnType?) -> String {
    let name = column.map { "column '\($0)'" } ?? "the record"
    let kind = type.map { "\($0)" } ?? "value"
    switch self {
    case .none: return "no fault"
    case .tooFewFields: return "the record has fewer fields than columns"
    case .tooManyFields: return "the record has more fields than columns; is a delimiter unquoted?"
    case .textAfterQuote: return "there is text between a closing quote and the next delimiter"
    case .unclosedQuote: return "a quote is opened and not closed within max_row"
    case .rowTooLong:
      return "the record, or the row that its columns make, is longer than max_row or than a message of rows"
    case .invalidJSON: return "the line is not valid JSON"
    case .jsonTooDeep: return "the JSON document is nested too deeply"
    case .notAnObject: return "the line is JSON but not an object"
    case .invalidUTF8: return "\(name) is not valid UTF-8"
    case .notAnInt, .notADouble, .notABool, .notADate, .notATimestamp, .notADecimal:
      return "\(name) cannot be read as \(kind)"
    case .outOfRange: return "\(name) is out of the range of \(kind)"
    case .tooPrecise: return "\(name) has more digits behind the point than \(kind) holds"
    case .wrongShape: return "\(name) is an object or array where a value was expected, or the reverse"
    case .keyIsNull: return "\(name) is part of the key and is null"
    case .timeIsNull: return "\(name) is the event time and is null"
    case .separatorInKey:
      return "\(name) is part of a key of several columns and holds U+001F, which stands between its parts"
    case .nullValue:
      return
        "the record has no value (a tombstone); only a source with keep: latest whose key is the record's takes it"
    case .emptyValue: return "the record's value is empty"
    case .severalRecords: return "the record's value has several lines; a record is one row"
    }
  }
}
