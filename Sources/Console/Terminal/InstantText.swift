internal import Columns

/// Points in time on the command line and in reports: ISO 8601.
public enum InstantText {
  /// Microseconds since 1970-01-01T00:00:00Z, read as a `timestamp` column reads its fields; nil if it is no time.
  public static func parse(_ text: String) -> Int64? {
    if case .timestamp(let time)? = Literal(text, as: .timestamp) { time } else { nil }
  }

  /// `2026-11-21T03:00:00Z`
  public static func format(_ microseconds: Int64) -> String {
    ValueText.canonical(.timestamp(microseconds), type: .timestamp)
  }
}
