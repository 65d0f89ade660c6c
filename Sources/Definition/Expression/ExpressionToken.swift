/// A word of a feature's expression.
struct ExpressionToken: Equatable {
  enum Kind: Equatable {
    /// A name or keyword, unquoted.
    case word(String)
    /// A name in double quotes or backticks: never a keyword.
    case quotedName(String)
    /// `'text'`, with `''` for a quote.
    case text(String)
    /// Digits, perhaps with a point and an exponent; no sign.
    case number(String)
    /// Begins with a digit but is no number: a duration such as `30d`.
    case measure(String)
    /// One of `( ) , = != <> < <= > >= + - * / %` or any character that fits nowhere.
    case symbol(String)
    case end
  }
  var kind: Kind
  /// In Unicode scalars from the expression's start.
  var offset: Int

  /// What it is, for messages.
  var described: String {
    switch kind {
    case .word(let text), .quotedName(let text), .number(let text), .measure(let text), .symbol(let text):
      quoted(text)
    case .text(let text): "the text \(quoted(text))"
    case .end: "its end"
    }
  }
}

/// Cuts a feature's expression into words.
enum ExpressionLexer {
  static func tokens(of text: String) throws(TextFault) -> [ExpressionToken] {
    let scalars = Array(text.unicodeScalars)
    var tokens: [ExpressionToken] = []
    var index = 0
    while index < scalars.count {
      let start = index
      let scalar = scalars[index]
      let kind: ExpressionToken.Kind
      switch scalar {
      case " ", "\t", "\n", "\r":
        index += 1
        continue
      case "'": kind = .text(try quotedText(scalars, &index, "'"))
      case "\"", "`": kind = .quotedName(try quotedText(scalars, &index, scalar))
      case "0"..."9": kind = number(scalars, &index)
      case "<", ">", "!", "=":
        index += 1
        var sign = String(scalar)
        if index < scalars.count, scalars[index] == "=" || (scalar == "<" && scalars[index] == ">") {
          sign.unicodeScalars.append(scalars[index])
          index += 1
        }
        kind = .symbol(sign)
      default:
        if isWordStart(scalar) {
          while index < scalars.count, isWordStart(scalars[index]) || DigitRun.isDigit(scalars[index]) {
            index += 1
          }
          kind = .word(String(scalars[start..<index]))
        } else {
          index += 1
          kind = .symbol(String(scalar))
        }
      }
      tokens.append(ExpressionToken(kind: kind, offset: start))
    }
    tokens.append(ExpressionToken(kind: .end, offset: scalars.count))
    return tokens
  }

  /// Whether a name can stand in an expression without quotes.
  static func isPlainName(_ name: String) -> Bool {
    guard let first = name.unicodeScalars.first, isWordStart(first) else { return false }
    return name.unicodeScalars.allSatisfy { isWordStart($0) || DigitRun.isDigit($0) }
      && !ExpressionParser.reserved.contains(name.lowercased())
  }

  private static func isWordStart(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || scalar.properties.isAlphabetic
  }

  /// The text between two quotes; two of them within stand for one.
  private static func quotedText(
    _ scalars: [Unicode.Scalar], _ index: inout Int, _ quote: Unicode.Scalar
  ) throws(TextFault) -> String {
    let start = index
    var text: [Unicode.Scalar] = []
    index += 1
    while index < scalars.count {
      if scalars[index] == quote {
        guard index + 1 < scalars.count, scalars[index + 1] == quote else {
          index += 1
          return String(text)
        }
        index += 1
      }
      text.append(scalars[index])
      index += 1
    }
    throw TextFault("the quote that opens here is never closed", at: start)
  }

  private static func number(_ scalars: [Unicode.Scalar], _ index: inout Int) -> ExpressionToken.Kind {
    let start = index
    while index < scalars.count {
      let scalar = scalars[index]
      let isSign =
        (scalar == "+" || scalar == "-") && (scalars[index - 1] == "e" || scalars[index - 1] == "E")
        && index + 1 < scalars.count && DigitRun.isDigit(scalars[index + 1])
      guard DigitRun.isDigit(scalar) || scalar == "." || isWordStart(scalar) || (index > start && isSign)
      else { break }
      index += 1
    }
    let text = String(scalars[start..<index])
    return LiteralText.isNumber(text, fraction: true) ? .number(text) : .measure(text)
  }
}
