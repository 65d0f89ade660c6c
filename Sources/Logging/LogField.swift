/// A fact beside a log line's message: `shard=3`, `input=s3://lake/a.csv`.
public struct LogField: Sendable, Hashable {
  public var name: String
  public var value: Value

  public enum Value: Sendable, Hashable {
    case text(String)
    case integer(Int64)
    case unsigned(UInt64)
    case number(Double)
    case flag(Bool)
  }

  public init(_ name: String, _ value: Value) {
    self.name = name
    self.value = value
  }

  /// Longer values are cut: a line stays a line.
  static let valueBytesMax = 2000
}

extension LogField.Value: ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
  public init(stringLiteral value: String) { self = .text(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .flag(value) }

  public init(_ value: some StringProtocol) { self = .text(String(value)) }
  public init(_ value: some FixedWidthInteger) {
    if let small = Int64(exactly: value) {
      self = .integer(small)
    } else {
      self = .unsigned(UInt64(clamping: value))
    }
  }
  public init(_ value: Double) { self = .number(value) }
  public init(_ value: Bool) { self = .flag(value) }
  /// An error or anything else, as it describes itself.
  public init(describing value: Any) { self = .text("\(value)") }
}

public enum LogLevel: Int, Sendable, Comparable, CaseIterable {
  case debug
  case info
  case warning
  case error

  public static func < (a: LogLevel, b: LogLevel) -> Bool { a.rawValue < b.rawValue }

  public var name: String { "\(self)" }
}
