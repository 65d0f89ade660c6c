internal import Columns

extension ColumnType {
  /// `an int`, `a string`.
  var withArticle: String { self == .int ? "an int" : "a \(self)" }
}

/// The type of a column as a definition writes it.
enum TypeText {
  /// `count` counts the elements of a JSON array; everything else is a type of ``ColumnType``.
  enum Named: Equatable {
    case type(ColumnType)
    case count
  }

  static let names = ["string", "int", "double", "bool", "date", "timestamp", "decimal", "count"]

  static func parse(_ text: String) throws(TextFault) -> Named {
    switch text {
    case "string": return .type(.string)
    case "int": return .type(.int)
    case "double": return .type(.double)
    case "bool": return .type(.bool)
    case "date": return .type(.date)
    case "timestamp": return .type(.timestamp)
    case "count": return .count
    case "decimal":
      throw TextFault(
        "a decimal needs its digits", hint: "write \"decimal(10,2)\" in quotes: 10 digits, 2 behind the point"
      )
    default: break
    }
    if text.hasPrefix("decimal(") { return .type(try decimal(text)) }
    throw TextFault(
      "\(quoted(text)) is not a type; expected string, int, double, bool, date, timestamp or decimal(p,s)",
      hint: hint(for: text))
  }

  private static func decimal(_ text: String) throws(TextFault) -> ColumnType {
    let expected = TextFault(
      "expected decimal(precision,scale), found \(quoted(text))", hint: "for example \"decimal(10,2)\"")
    guard text.hasSuffix(")") else { throw expected }
    let parts = text.dropFirst(8).dropLast().split(separator: ",", omittingEmptySubsequences: false).map {
      $0.filter { $0 != " " }
    }
    guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { $0 >= 48 && $0 <= 57 } })
    else {
      throw expected
    }
    guard let precision = Int(parts[0]), let scale = Int(parts[1]), (1...38).contains(precision),
      scale <= precision
    else {
      throw TextFault(
        "\(quoted(text)): the precision is 1 to 38 digits, the scale 0 to the precision", at: 8)
    }
    return .decimal(precision: precision, scale: scale)
  }

  private static func hint(for text: String) -> String {
    let word = String(text.lowercased().prefix { $0 != "(" })
    if let other = synonyms[word] { return "did you mean '\(other)'?" }
    return NearestName.find(word, among: names).map { "did you mean '\($0)'?" } ?? ""
  }

  private static let synonyms = [
    "str": "string", "text": "string", "varchar": "string", "char": "string", "utf8": "string",
    "object": "string", "category": "string", "uuid": "string", "enum": "string",
    "integer": "int", "bigint": "int", "smallint": "int", "tinyint": "int", "long": "int", "int64": "int",
    "int32": "int", "short": "int", "number": "double", "float": "double", "float64": "double",
    "float32": "double",
    "real": "double", "numeric": "decimal(10,2)", "money": "decimal(10,2)", "boolean": "bool",
    "datetime": "timestamp", "timestamptz": "timestamp", "time": "timestamp", "datetime64": "timestamp",
  ]
}
