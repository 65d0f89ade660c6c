/// A place in the file: line and column from 1, the column in Unicode scalars, as libyaml counts.
struct Mark: Hashable, Comparable {
  var line: Int
  var column: Int

  static func < (a: Mark, b: Mark) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// The definition's text cut into lines the way libyaml counts them, for looking around a mark.
struct SourceText {
  /// Without line ends; at least one line.
  let lines: [[Unicode.Scalar]]

  init(_ text: String) {
    var lines: [[Unicode.Scalar]] = []
    var line: [Unicode.Scalar] = []
    var afterReturn = false
    for (index, scalar) in text.unicodeScalars.enumerated() {
      switch scalar {
      case "\u{feff}" where index == 0: break
      case "\n" where afterReturn: break
      case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}":
        lines.append(line)
        line = []
      default: line.append(scalar)
      }
      afterReturn = scalar == "\r"
    }
    lines.append(line)
    self.lines = lines
  }

  /// The line of a number from 1; empty outside the file.
  func line(_ number: Int) -> [Unicode.Scalar] {
    number >= 1 && number <= lines.count ? lines[number - 1] : []
  }

  /// The nearest place that is inside the file (or right behind a line's last character).
  func clamp(_ mark: Mark) -> Mark {
    let line = min(max(mark.line, 1), lines.count)
    if mark.line > lines.count { return Mark(line: line, column: lines[line - 1].count + 1) }
    return Mark(line: line, column: min(max(mark.column, 1), lines[line - 1].count + 1))
  }

  /// What stands on the mark's line from the mark on.
  func rest(from mark: Mark) -> ArraySlice<Unicode.Scalar> {
    let text = line(mark.line)
    return text.dropFirst(min(max(mark.column - 1, 0), text.count))
  }

  /// The character at a mark; nil at a line's end.
  func character(at mark: Mark) -> Unicode.Scalar? { rest(from: mark).first }

  /// The text between two marks, lines joined by `\n`.
  func slice(from start: Mark, to end: Mark) -> [Unicode.Scalar] {
    guard start < end else { return [] }
    if start.line == end.line { return Array(rest(from: start).prefix(end.column - start.column)) }
    var all = Array(rest(from: start))
    var number = start.line + 1
    while number <= end.line && number <= lines.count {
      all.append("\n")
      all += number == end.line ? Array(line(number).prefix(max(end.column - 1, 0))) : line(number)
      number += 1
    }
    return all
  }

  /// The mark of a byte offset into the UTF-8 text (without its byte order mark).
  func mark(byteOffset: Int) -> Mark {
    var left = byteOffset
    for (index, line) in lines.enumerated() {
      var column = 1
      for scalar in line {
        if left <= 0 { return Mark(line: index + 1, column: column) }
        left -= UTF8.width(scalar)
        column += 1
      }
      if left <= 0 { return Mark(line: index + 1, column: column) }
      left -= 1
    }
    return clamp(Mark(line: lines.count + 1, column: 1))
  }

  /// What a `#` behind `mark` made into a comment on that line: the text from the `#`, or nil.
  func comment(after mark: Mark) -> String? {
    let text = rest(from: mark)
    guard let first = text.first(where: { $0 != " " && $0 != "\t" }), first == "#" else { return nil }
    return String(text.drop { $0 != "#" })
  }
}

extension String {
  init(_ scalars: some Sequence<Unicode.Scalar>) {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    self = String(view)
  }
}

extension UTF8 {
  fileprivate static func width(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case ..<0x80: 1
    case ..<0x800: 2
    case ..<0x10000: 3
    default: 4
    }
  }
}
