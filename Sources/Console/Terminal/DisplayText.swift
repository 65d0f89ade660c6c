/// Text of unknown origin (file names, column names, values) on a terminal.
public enum DisplayText {
  /// Control characters become `\u{1b}` and the like, so that no file's name can command a terminal or fake a line.
  public static func printable(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return text }
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x0a: out.append(contentsOf: "\\n".unicodeScalars)
      case 0x09: out.append(contentsOf: "\\t".unicodeScalars)
      // C0, DEL, C1; marks that reorder what is shown (CVE-2021-42574).
      case ..<0x20, 0x7f...0x9f, 0x200e...0x200f, 0x2028...0x202e, 0x2066...0x2069:
        out.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
      default: out.append(scalar)
      }
    }
    return String(out)
  }

  /// ``printable(_:)`` of each line of a text of several.
  public static func printableLines(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { printable(String($0)) }
      .joined(separator: "\n")
  }

  /// Columns that `text` takes on a terminal.
  public static func width(_ text: String) -> Int {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
    return text.unicodeScalars.reduce(0) { $0 + width($1) }
  }

  /// `text` in at most `columns`, with an ellipsis where something is left out. The end matters most in paths and keys,
  /// so `fromStart` leaves out the start.
  public static func fit(_ text: String, _ columns: Int, fromStart: Bool = false, isUnicode: Bool) -> String {
    guard width(text) > columns else { return text }
    let mark = isUnicode ? "…" : "..."
    var left = max(0, columns - width(mark))
    var kept: [Character] = []
    for character in fromStart ? Array(text.reversed()) : Array(text) {
      let size = width(String(character))
      guard size <= left else { break }
      left -= size
      kept.append(character)
    }
    return fromStart ? mark + String(kept.reversed()) : String(kept) + mark
  }

  static func pad(_ text: String, _ columns: Int, isRight: Bool = false) -> String {
    let spaces = String(repeating: " ", count: max(0, columns - width(text)))
    return isRight ? spaces + text : text + spaces
  }

  /// East Asian wide and emoji take two columns (the blocks of UAX #11 that matter), combining marks none.
  private static func width(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.value {
    case ..<0x300: return 1
    case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x33ff, 0x3400...0x4dbf, 0x4e00...0x9fff,
      0xa000...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f, 0xff00...0xff60,
      0xffe0...0xffe6, 0x1f300...0x1f64f, 0x1f680...0x1f6ff, 0x1f900...0x1faff, 0x20000...0x3fffd:
      return 2
    default: break
    }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: return 1
    }
  }
}
