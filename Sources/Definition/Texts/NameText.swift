/// Rules for the names that a definition gives.
enum NameText {
  /// A column or feature: any text of 1 to 255 bytes without control characters or space at its ends.
  static func column(_ text: String) throws(TextFault) -> String {
    guard !text.isEmpty else { throw TextFault("a name cannot be empty") }
    guard text.utf8.count <= 255 else { throw TextFault("a name has at most 255 bytes") }
    guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) else {
      throw TextFault("the name \(quoted(text)) holds a control character")
    }
    guard text.first != " ", text.last != " " else {
      throw TextFault("the name \(quoted(text)) begins or ends with a space")
    }
    return text
  }

  /// A dataset: part of topic names and paths. `limit` leaves room in Kafka's 249 for `.dead-letters`.
  static func dataset(_ text: String) throws(TextFault) -> String {
    try identifier(text, "dataset's name", limit: 200)
  }

  /// A source or a split: letters, digits, `_ - .`, beginning with a letter or digit.
  static func identifier(_ text: String, _ what: String, limit: Int = 100) throws(TextFault) -> String {
    let scalars = Array(text.unicodeScalars)
    if let bad = scalars.firstIndex(where: { !isNameScalar($0) }) {
      throw TextFault(
        "the \(what) \(quoted(text)) holds '\(scalars[bad])'; it is part of topic and path names", at: bad,
        hint: "use letters a-z A-Z, digits, - _ .")
    }
    guard let first = scalars.first, isLetterOrDigit(first), scalars.count <= limit else {
      throw TextFault("the \(what) begins with a letter or digit and has at most \(limit) characters")
    }
    return text
  }

  /// A Kafka topic.
  static func topic(_ text: String) throws(TextFault) -> String {
    guard text.unicodeScalars.allSatisfy(isNameScalar), text.utf8.count <= 249, text != ".", text != "..",
      !text.isEmpty
    else {
      throw TextFault(
        "\(quoted(text)) cannot be a topic's name", hint: "at most 249 letters a-z A-Z, digits, - _ .")
    }
    return text
  }

  private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
    isLetterOrDigit(scalar) || scalar == "-" || scalar == "_" || scalar == "."
  }

  private static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII && (scalar.properties.isAlphabetic || DigitRun.isDigit(scalar))
  }
}
