/// `subscription.items[].amount`, `a[0].b`, `"a.b".c`: a path into a JSON document as a definition writes it.
enum JSONPathText {
  static let stepLimit = 64

  static func parse(_ text: String) throws(TextFault) -> JSONPath {
    let scalars = Array(text.unicodeScalars)
    var steps: [JSONPath.Step] = []
    var index = 0
    if scalars.first == "[" {
      throw TextFault("a path begins with a member's name: each document is an object")
    }
    if scalars.first == "$" {
      throw TextFault(
        "\(quoted(text)) is not a path",
        hint: scalars.dropFirst().first == "."
          ? "leave out the '$.': paths begin at the document"
          : "known here: $object, $row, $modified of an object; $key, $timestamp, $headers.NAME of a record; "
            + "put a member's name that begins with $ in double quotes")
    }
    while true {
      steps.append(.member(try member(scalars, &index)))
      while index < scalars.count, scalars[index] == "[" { steps.append(try bracket(scalars, &index)) }
      guard steps.count <= stepLimit else {
        throw TextFault("a path has at most \(stepLimit) steps", at: index)
      }
      if index == scalars.count { return JSONPath(steps: steps) }
      guard scalars[index] == "." else {
        throw TextFault("expected '.' or '[' in the path, found '\(scalars[index])'", at: index)
      }
      index += 1
    }
  }

  private static func member(_ text: [Unicode.Scalar], _ index: inout Int) throws(TextFault) -> String {
    let start = index
    if index < text.count, text[index] == "\"" {
      var name: [Unicode.Scalar] = []
      index += 1
      while index < text.count, text[index] != "\"" {
        if text[index] == "\\", index + 1 < text.count { index += 1 }
        name.append(text[index])
        index += 1
      }
      guard index < text.count else {
        throw TextFault("the quote that opens here in the path is never closed", at: start)
      }
      index += 1
      return String(name)
    }
    while index < text.count, !".[]\"".unicodeScalars.contains(text[index]) { index += 1 }
    guard index > start else {
      throw TextFault(
        "expected a member's name in the path", at: start,
        hint: "a name with . [ ] in it is written in double quotes: \"a.b\".c")
    }
    return String(text[start..<index])
  }

  private static func bracket(_ text: [Unicode.Scalar], _ index: inout Int) throws(TextFault) -> JSONPath.Step {
    let start = index
    index += 1
    let digits = index
    let number = DigitRun.read(text, &index)
    guard index < text.count, text[index] == "]" else {
      throw TextFault(
        "expected [] (every element) or [3] (one of them, from 0)", at: start)
    }
    defer { index += 1 }
    if index == digits { return .elements }
    guard let number, number <= Int64(Int32.max) else {
      throw TextFault("the element's number is too large", at: digits)
    }
    return .index(Int(number))
  }
}
