internal import CYAML

/// A syntax error as libyaml found it, told so that someone who does not know YAML's grammar can correct it.
struct YAMLSyntax {
  let problem: String
  let mark: Mark
  /// Where the construct began that could not be finished.
  let context: Mark
  let contextText: String
  let source: SourceText
  /// The scalar that was read last, if any: a missing quote shows only behind it.
  var lastScalar: YAMLNode?

  init(_ parser: yaml_parser_t, source: SourceText, lastScalar: YAMLNode?) {
    problem = parser.problem.map { String(cString: $0) } ?? ""
    contextText = parser.context.map { String(cString: $0) } ?? ""
    self.source = source
    self.lastScalar = lastScalar
    if parser.error == YAML_READER_ERROR {
      mark = source.mark(byteOffset: Int(clamping: parser.problem_offset))
      context = mark
    } else {
      mark = Mark(parser.problem_mark)
      context = parser.context == nil ? mark : Mark(parser.context_mark)
    }
  }

  /// Where, what, and what to do.
  typealias Explanation = (mark: Mark, message: String, hint: String)

  func report(to log: ProblemLog) {
    let (mark, message, hint) = explanation
    log.report(at: mark, path: lastScalar?.path ?? "", message, hint: hint)
  }

  private var explanation: Explanation {
    switch problem {
    case "control characters are not allowed":
      return (mark, "a control character, which YAML does not allow", "remove it, or is this a binary file?")
    case let text where text.contains("tab character"):
      return tab(at: mark)
    case "found character that cannot start any token":
      return badStart
    case "did not find expected alphabetic or numeric character":
      let sign = source.character(at: context).map { String($0) } ?? "*"
      let kind = sign == "&" ? "anchor" : "alias"
      return (
        context, "an unquoted '\(sign)' begins a YAML \(kind), and definitions have none",
        "put the value in quotes: \(inQuotes(from: context))"
      )
    case "found unexpected end of stream", "found unexpected document indicator":
      return (context, "the quote that opens here is never closed", "")
    case "found unknown escape character", "did not find expected hexdecimal number",
      "found invalid Unicode character escape code":
      return (
        mark, "not an escape that YAML knows within double quotes",
        "use single quotes, or double the backslash"
      )
    case "mapping values are not allowed in this context":
      return secondColon
    case "could not find expected ':'":
      return missingColon
    case "did not find expected key", "did not find expected '-' indicator":
      return behindQuote ?? indentation
    case "did not find expected ',' or '}'", "did not find expected ',' or ']'":
      return unclosedCollection
    case "did not find expected node content":
      return noContent
    case "did not find expected <document start>":
      return (
        mark, "the document has ended above this line, and more text follows",
        "does a line begin with '%', '...' or too little indentation?"
      )
    case "block sequence entries are not allowed in this context":
      return (
        mark, "a list item '- ' cannot begin here", "begin it on its own line, or put the value in quotes"
      )
    default:
      return general
    }
  }

  private var general: Explanation {
    if contextText == "while scanning a directive" {
      return (context, "a line cannot begin with an unquoted '%'", "put the value in quotes")
    }
    if contextText == "while scanning a block scalar" {
      let sign = source.character(at: context).map { String($0) } ?? "|"
      return (
        context, "an unquoted '\(sign)' begins a block of text in YAML",
        sign == "|" ? "write \"|\" in quotes; for a delimiter write pipe" : "put the value in quotes"
      )
    }
    let about = contextText.isEmpty ? "" : " \(contextText)"
    return (mark, "not valid YAML: \(problem)\(about)", "")
  }

  private func tab(at mark: Mark) -> Explanation {
    (mark, "a tab stands here; YAML indents with spaces only", "replace the tab by spaces")
  }

  private var badStart: Explanation {
    guard let character = source.character(at: mark) else { return general }
    if character == "\t" { return tab(at: mark) }
    let quotes = "put the value in quotes: \(inQuotes(from: mark))"
    return (
      mark, "a value cannot begin with '\(character)' unless it is in quotes",
      character == "|" ? "write \"|\"; for a delimiter write pipe" : quotes
    )
  }

  private var secondColon: Explanation {
    let before = source.line(mark.line).prefix(mark.column - 1)
    if let colon = firstColon(in: before) {
      let value = Mark(line: mark.line, column: colon + 2)
      let start = source.rest(from: value).firstIndex { $0 != " " }.map { $0 + 1 } ?? value.column
      return (
        mark, "a second ': ' in one value",
        "put the value in quotes: \(inQuotes(from: Mark(line: mark.line, column: start)))"
      )
    }
    return (
      Mark(line: mark.line, column: before.prefix { $0 == " " }.count + 1),
      "a key cannot stand here: this line goes on with the value of the line above",
      "is this line indented too far, or is a ':' missing above?"
    )
  }

  private var missingColon: Explanation {
    let text = source.rest(from: context)
    if let colon = text.firstIndex(of: ":"), colon + 1 < text.endIndex, text[colon + 1] != " " {
      return (
        Mark(line: context.line, column: colon + 1), "no space behind the ':'",
        "write \(quoted(String(text[..<colon]) + ": " + String(text[(colon + 1)...])))"
      )
    }
    return (context, "expected 'key: value', found no ':'", "")
  }

  private var indentation: Explanation {
    if problem.contains("'-'") {
      return (mark, "expected '- ' here, as the items above", "")
    }
    return (
      mark, "this line's indentation fits no line above",
      "indent it exactly as the other keys of the same mapping"
    )
  }

  /// Text right behind a closing quote: either a quote within quotes, or a quote that was closed too late.
  private var behindQuote: Explanation? {
    guard let last = lastScalar, let style = last.scalar?.style,
      style == .singleQuoted || style == .doubleQuoted,
      last.end.line == mark.line, last.end <= mark,
      source.slice(from: last.end, to: mark).allSatisfy({ $0 == " " })
    else { return nil }
    if last.mark.line < last.end.line {
      return (
        last.mark, "the quote that opens here is closed only in line \(last.end.line)",
        "is the closing quote missing?"
      )
    }
    return (
      mark, "text behind a closing quote",
      style == .singleQuoted
        ? "put the whole value in quotes; within single quotes write '' for '"
        : "put the whole value in quotes; within double quotes write \\\" for \""
    )
  }

  private var unclosedCollection: Explanation {
    let opener = source.character(at: context).map { String($0) } ?? "{"
    let closer = opener == "[" ? "]" : "}"
    let found = source.character(at: mark)
    let before = source.line(mark.line).prefix(mark.column - 1)
    if found == "{" && before.last == "$" {
      return (
        Mark(line: mark.line, column: mark.column - 1), "an unquoted ${…} within \(opener) \(closer)",
        "put the value in quotes: \"${NAME}\""
      )
    }
    if let explained = behindQuote { return explained }
    if let found, context.line == mark.line || "[]{}".unicodeScalars.contains(found) {
      return (
        mark, "expected ',' or '\(closer)', found '\(found)'",
        "put values that hold any of [ ] { } , in quotes"
      )
    }
    for number in context.line...max(mark.line, context.line) {
      let text = number == context.line ? Array(source.rest(from: context)) : source.line(number)
      if let hash = text.firstIndex(of: "#") {
        let column = number == context.line ? context.column + hash : hash + 1
        return (
          Mark(line: number, column: column),
          "an unquoted '#' begins a comment, so the '\(opener)' is not closed",
          "put the value in quotes: \(inQuotes(from: Mark(line: number, column: column)))"
        )
      }
    }
    return (
      context, "the '\(opener)' that opens here is never closed", "expected '\(closer)' by line \(mark.line)"
    )
  }

  private var noContent: Explanation {
    if let character = source.character(at: mark) {
      return (
        mark, "expected a value, found '\(character)'", "put it in quotes if it is meant: \"\(character)\""
      )
    }
    let line = source.line(max(mark.line - 1, 1))
    if let hash = line.lastIndex(of: "#") {
      return (
        Mark(line: max(mark.line - 1, 1), column: hash + 1), "an unquoted '#' begins a comment",
        "put the value in quotes: \"#\""
      )
    }
    return (mark, "expected a value, found nothing", "")
  }

  /// The index of the first `: ` that is not within quotes.
  private func firstColon(in text: ArraySlice<Unicode.Scalar>) -> Int? {
    text.indices.first { text[$0] == ":" && $0 + 1 < text.endIndex && text[$0 + 1] == " " }
  }

  /// The value that begins at a mark as it would have to be written: to the line's end, or to what ends it in a list.
  private func inQuotes(from mark: Mark) -> String {
    let all = source.rest(from: mark)
    let isFlow = source.line(mark.line).prefix(mark.column - 1).contains { $0 == "{" || $0 == "[" }
    let value = isFlow ? all.prefix { !",]}".unicodeScalars.contains($0) } : all
    var text = String(value.prefix(60))
    while text.last == " " { text.removeLast() }
    return text.contains("\"") || text.contains("\\") ? "'\(text)'" : "\"\(text)\""
  }
}
