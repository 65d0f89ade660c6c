/// A column's profile as a manifest shows it.
///
/// Absent members do not apply to the type, or there was no value. Bounds, mean, spread and quantiles are of the values
/// that are not null and (doubles) finite.
public struct ColumnSummary: Codable, Sendable, Hashable {
  public var name: String
  /// As a definition writes it: `decimal(10,2)`.
  public var type: String
  /// Values that are not null.
  public var count: Int
  public var nulls: Int
  /// Distinct values: exact up to 4,096, then an estimate (standard error 1.6 %).
  public var distinct: Int
  public var distinctIsExact: Bool
  /// Least and greatest; strings by bytes, their first 256 at most.
  public var min: SummaryValue?
  public var max: SummaryValue?
  /// Of int, double, decimal and bool (true is 1). The exact sum, rounded once, over the count.
  public var mean: Double?
  /// The sample standard deviation; absent below two values.
  public var stddev: Double?
  /// `p1 p5 p25 p50 p75 p95 p99`: the value of rank ⌊p (n − 1) / 100⌋ within 1 % (dates and timestamps: within 1/2,048
  /// of the range).
  public var quantiles: [String: SummaryValue]?
  /// Doubles only.
  public var nan: Int?
  public var infinite: Int?
  /// The ten most frequent strings where there are at most 4,096 distinct ones; their first 128 bytes.
  public var top: [TopValue]?

  public struct TopValue: Codable, Sendable, Hashable {
    public var value: String
    public var count: Int
  }

  /// The percentiles that are given.
  public static let percentiles = [1, 5, 25, 50, 75, 95, 99]
}

/// A value in a summary: in JSON a number, a string or a boolean. Dates, timestamps and decimals are texts.
public enum SummaryValue: Codable, Sendable, Hashable {
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case text(String)

  /// A number without a fraction is read as `int`; ``==`` takes that for the same as a `double`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let bool = try? container.decode(Bool.self) {
      self = .bool(bool)
    } else if let int = try? container.decode(Int64.self) {
      self = .int(int)
    } else if let double = try? container.decode(Double.self) {
      self = .double(double)
    } else {
      self = .text(try container.decode(String.self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .bool(let bool): try container.encode(bool)
    case .int(let int): try container.encode(int)
    case .double(let double): try container.encode(double)
    case .text(let text): try container.encode(text)
    }
  }

  /// Numbers are equal as numbers, for JSON does not tell 5 from 5.0.
  public static func == (a: SummaryValue, b: SummaryValue) -> Bool {
    switch (a, b) {
    case (.bool(let a), .bool(let b)): a == b
    case (.int(let a), .int(let b)): a == b
    case (.double(let a), .double(let b)): a == b
    case (.int(let a), .double(let b)), (.double(let b), .int(let a)): Double(a) == b
    case (.text(let a), .text(let b)): a == b
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .bool(let bool): hasher.combine(bool)
    case .int(let int): hasher.combine(Double(int))
    case .double(let double): hasher.combine(double)
    case .text(let text): hasher.combine(text)
    }
  }
}
