/// What the place that text is written to can show.
public struct TerminalStyle: Sendable, Hashable {
  /// A terminal that moves its cursor; else a pipe, a file or a dumb terminal: plain lines only.
  public var isInteractive: Bool
  /// Columns of a line.
  public var width: Int
  /// Box drawing and other characters beyond ASCII.
  public var isUnicode: Bool
  public var hasColor: Bool

  public static let plain = TerminalStyle(isInteractive: false, width: 100, isUnicode: false, hasColor: false)

  public init(isInteractive: Bool, width: Int, isUnicode: Bool, hasColor: Bool) {
    self.isInteractive = isInteractive
    self.width = width
    self.isUnicode = isUnicode
    self.hasColor = hasColor
  }

  /// `columns`: what the terminal says of its width; 0 if unknown. A pipe gets ASCII and no colour, whatever the locale.
  /// Colour follows no-color.org.
  public init(isTerminal: Bool, columns: Int, environment: [String: String]) {
    let isDumb = environment["TERM"] == "dumb" || environment["TERM"] == nil
    let locale =
      ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
    let charset = locale.lowercased()
    isInteractive = isTerminal && !isDumb
    width = max(40, isTerminal && columns > 0 ? columns : 100)
    isUnicode = isTerminal && (charset.contains("utf-8") || charset.contains("utf8"))
    hasColor = isInteractive && (environment["NO_COLOR"] ?? "").isEmpty
  }

  public enum Paint: String, Sendable {
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case cyan = "36"
  }

  /// `text` in a colour, where there are colours.
  public func paint(_ text: String, _ paint: Paint) -> String {
    hasColor && !text.isEmpty ? "\u{1b}[\(paint.rawValue)m\(text)\u{1b}[0m" : text
  }
}
