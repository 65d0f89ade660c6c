/// A pull parser for the XML that S3 and STS answer with: elements in order of their end tags.
///
/// Namespaces' prefixes and attributes are dropped; comments and processing instructions skipped. A document type
/// declaration is refused (entities could expand without bound). At most 64 levels; memory is one element's text.
struct XMLReader {
  /// An element that has just ended.
  struct Element: Equatable {
    /// Names from the document's element to this one.
    var path: [String]
    /// The text directly inside it, references resolved.
    var text: String

    var name: String { path.last ?? "" }
  }

  private let bytes: [UInt8]
  private var index = 0
  private var names: [String] = []
  private var texts: [[UInt8]] = []
  /// Set when `<a/>` was read: its end is due.
  private var endsNext = false
  private var hasRoot = false

  private static let depthMax = 64

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The next element whose end is reached; nil at the end of the document.
  mutating func next() throws(MalformedAnswer) -> Element? {
    while true {
      if endsNext {
        endsNext = false
        return end()
      }
      guard index < bytes.count else {
        guard names.isEmpty, hasRoot else { throw malformed("it ends too early") }
        return nil
      }
      if bytes[index] != UInt8(ascii: "<") {
        try text()
      } else if starts(with: "<!--") {
        try skip(past: "-->")
      } else if starts(with: "<![CDATA[") {
        index += 9
        let start = index
        try skip(past: "]]>")
        if !texts.isEmpty { texts[texts.count - 1] += bytes[start..<(index - 3)] }
      } else if starts(with: "<?") {
        try skip(past: "?>")
      } else if starts(with: "<!") {
        throw malformed("it holds a declaration")
      } else if starts(with: "</") {
        index += 2
        let name = try self.name()
        skipSpace()
        guard take(UInt8(ascii: ">")), names.last == name else { throw malformed("an end tag does not fit") }
        return end()
      } else {
        try startTag()
      }
    }
  }

  private mutating func end() -> Element {
    let element = Element(path: names, text: String(decoding: texts.removeLast(), as: UTF8.self))
    names.removeLast()
    return element
  }

  private mutating func startTag() throws(MalformedAnswer) {
    index += 1
    let name = try self.name()
    guard !names.isEmpty || !hasRoot else { throw malformed("it has two documents") }
    guard names.count < Self.depthMax else { throw malformed("it is nested too deeply") }
    hasRoot = true
    names.append(name)
    texts.append([])
    // Attributes: skip to the tag's end, minding quotes.
    var quote: UInt8?
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if let open = quote {
        if byte == open { quote = nil }
      } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        quote = byte
      } else if byte == UInt8(ascii: ">") {
        endsNext = bytes[index - 2] == UInt8(ascii: "/")
        return
      } else if byte == UInt8(ascii: "<") {
        break
      }
    }
    throw malformed("a tag is not closed")
  }

  private mutating func name() throws(MalformedAnswer) -> String {
    var start = index
    while index < bytes.count, !isNameEnd(bytes[index]) {
      if bytes[index] == UInt8(ascii: ":") { start = index + 1 }
      index += 1
    }
    guard index > start else { throw malformed("a tag has no name") }
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  private func isNameEnd(_ byte: UInt8) -> Bool {
    byte <= UInt8(ascii: " ") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "/")
      || byte == UInt8(ascii: "<")
  }

  private mutating func text() throws(MalformedAnswer) {
    var run: [UInt8] = []
    while index < bytes.count, bytes[index] != UInt8(ascii: "<") {
      if bytes[index] == UInt8(ascii: "&") {
        run += try reference()
      } else {
        run.append(bytes[index])
        index += 1
      }
    }
    if !texts.isEmpty {
      texts[texts.count - 1] += run
    } else if run.contains(where: { $0 > UInt8(ascii: " ") }) {
      throw malformed("text stands outside the document")
    }
  }

  private mutating func reference() throws(MalformedAnswer) -> [UInt8] {
    let start = index + 1
    // The longest reference is "&#x10FFFF;".
    guard let end = bytes[start..<min(bytes.count, start + 12)].firstIndex(of: UInt8(ascii: ";")) else {
      throw malformed("a reference is not closed")
    }
    let name = String(decoding: bytes[start..<end], as: UTF8.self)
    index = end + 1
    switch name {
    case "amp": return [UInt8(ascii: "&")]
    case "lt": return [UInt8(ascii: "<")]
    case "gt": return [UInt8(ascii: ">")]
    case "quot": return [UInt8(ascii: "\"")]
    case "apos": return [UInt8(ascii: "'")]
    default:
      let digits = name.hasPrefix("#x") ? name.dropFirst(2) : name.dropFirst()
      guard name.hasPrefix("#"), let value = UInt32(digits, radix: name.hasPrefix("#x") ? 16 : 10),
        let scalar = Unicode.Scalar(value)
      else { throw malformed("it holds an unknown reference") }
      return Array(String(Character(scalar)).utf8)
    }
  }

  private mutating func skip(past mark: StaticString) throws(MalformedAnswer) {
    while index < bytes.count {
      if starts(with: mark) {
        index += mark.utf8CodeUnitCount
        return
      }
      index += 1
    }
    throw malformed("it ends too early")
  }

  private mutating func skipSpace() {
    while index < bytes.count, bytes[index] <= UInt8(ascii: " ") { index += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard index < bytes.count, bytes[index] == byte else { return false }
    index += 1
    return true
  }

  private func starts(with mark: StaticString) -> Bool {
    mark.withUTF8Buffer { mark in
      bytes.count - index >= mark.count && bytes[index..<(index + mark.count)].elementsEqual(mark)
    }
  }

  private func malformed(_ what: String) -> MalformedAnswer {
    MalformedAnswer(description: "the answer is not XML as expected: \(what) (byte \(index))")
  }
}

/// An answer that cannot be read; without its content, which may hold secrets.
struct MalformedAnswer: Error, CustomStringConvertible {
  var description: String
}
