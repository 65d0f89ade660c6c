/// A node of a definition's YAML document. Scalars are text; what they mean depends on where they stand.
struct YAMLNode {
  enum Content {
    case scalar(YAMLScalar)
    case sequence([YAMLNode])
    case mapping([YAMLEntry])
    /// An alias or another thing that was refused and reported already: readers stay silent about it.
    case refused
  }

  var content: Content
  /// The node's first character.
  var mark: Mark
  /// Behind its last character.
  var end: Mark
  /// The key it belongs to, if any; where something is missing, that is the place to name.
  var keyMark: Mark?
  /// `sources.usage.columns.cnt`
  var path: String

  var scalar: YAMLScalar? {
    if case .scalar(let scalar) = content { return scalar }
    return nil
  }

  /// The text of a scalar.
  var text: String? { scalar?.text }

  /// `key:` with nothing behind it.
  var isEmpty: Bool {
    guard let scalar else { return false }
    return scalar.style == .plain && scalar.text.isEmpty
  }

  var isRefused: Bool {
    if case .refused = content { return true }
    return false
  }

  /// What it is, for messages: `'text'`, `a list`, `a mapping`, `nothing`.
  var described: String {
    switch content {
    case .scalar(let scalar):
      isEmpty ? "nothing" : scalar.isBlock ? "a block of text" : quoted(scalar.text)
    case .sequence: "a list"
    case .mapping: "a mapping"
    case .refused: "nothing"
    }
  }
}

/// One `key: value` of a mapping.
struct YAMLEntry {
  var key: String
  var keyMark: Mark
  var keyIsQuoted: Bool
  var value: YAMLNode
}

/// A scalar's text as YAML gives it, after variables were expanded.
struct YAMLScalar {
  enum Style { case plain, singleQuoted, doubleQuoted, literal, folded }

  var text: String
  var style: Style
  /// For each Unicode scalar of `text` (and its end) the place in the file; made only where needed.
  var origins: ScalarOrigins

  /// Begun by `|` or `>`.
  var isBlock: Bool { style == .literal || style == .folded }
}

/// How the characters of a scalar's text lie in the file.
struct ScalarOrigins {
  /// As it stands in the file, quotes and line ends included.
  var raw: [Unicode.Scalar]
  var start: Mark
  /// The text before variables were expanded; nil where nothing was.
  var unexpanded: String?
  /// For each scalar of the expanded text its index in the unexpanded one; nil where nothing was expanded.
  var expansion: [Int]?

  /// The place of the scalar number `offset` of `text`.
  ///
  /// Walks the text and its spelling in the file side by side: equal characters pair up, quotes, escapes, folds and
  /// indentation are passed over.
  func mark(of offset: Int, in text: String) -> Mark {
    var wanted = offset
    if let expansion { wanted = offset < expansion.count ? expansion[offset] : (expansion.last ?? -1) + 1 }
    let target = Array((unexpanded ?? text).unicodeScalars)
    let isDouble = raw.first == "\""
    let isSingle = raw.first == "'"
    var position = isDouble || isSingle ? 1 : 0
    var index = 0
    while index < min(wanted, target.count) && position < raw.count {
      if isDouble && raw[position] == "\\" {
        let length = escapeLength(at: position)
        position += length
        if length == 0 {
          // A line break that was escaped away.
          position += 2
          continue
        }
      } else if isSingle && raw[position] == "'" && target[index] == "'" {
        position += 2
      } else if raw[position] == target[index] {
        position += 1
      } else if isSpace(target[index]) {
        while position < raw.count && isSpace(raw[position]) { position += 1 }
      } else {
        // Indentation or a fold: not part of the text.
        position += 1
        continue
      }
      index += 1
    }
    if index < target.count {
      // An offset behind folded white space stands at the next character that is there.
      while position < raw.count && !isSpace(target[index]) && isSpace(raw[position]) { position += 1 }
    }
    return mark(ofRaw: min(position, raw.count))
  }

  private func mark(ofRaw position: Int) -> Mark {
    var mark = start
    for scalar in raw[..<position] {
      if scalar == "\n" {
        mark = Mark(line: mark.line + 1, column: 1)
      } else {
        mark.column += 1
      }
    }
    return mark
  }

  private func escapeLength(at position: Int) -> Int {
    switch position + 1 < raw.count ? raw[position + 1] : "\\" {
    case "x": 4
    case "u": 6
    case "U": 10
    case "\n": 0
    default: 2
    }
  }

  private func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\n" || scalar == "\t" }
}

/// A user's text in a message: in single quotes, cut after 60 characters, control characters made visible.
func quoted(_ text: String) -> String {
  var out = "'"
  for (index, scalar) in text.unicodeScalars.enumerated() {
    if index == 60 {
      out += "…"
      break
    }
    switch scalar {
    case "\n": out += "\\n"
    case "\t": out += "\\t"
    case "\r": out += "\\r"
    default:
      if scalar.value < 0x20 || scalar.value == 0x7f {
        out += "\\u{" + String(scalar.value, radix: 16) + "}"
      } else {
        out.unicodeScalars.append(scalar)
      }
    }
  }
  return out + "'"
}
