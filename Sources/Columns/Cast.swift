/// Turns the raw fields of one column into typed values: the plan, made once a source column.
///
/// What each type accepts stands at ``IntText``, ``DoubleText``, ``BoolText``, ``DecimalText``, ``TimestampText``,
/// ``TimePattern`` and ``EpochText``; white space around a value is nothing, except in strings, which are taken as they
/// are. A value; ``run(text:textIsValidUTF8:fields:stride:rows:into:faults:columnIndex:)`` may be called from several
/// threads at once, each with its own block and column.
public struct Cast: Sendable {
  public let type: ColumnType
  public let time: TimeFormat
  /// A field that cannot be read becomes null instead of rejecting its row.
  public let setNullOnError: Bool
  /// Stands for null fields (not for those that ``setNullOnError`` made null).
  public let fallback: Literal?

  /// How the type's text is read, decided once.
  let reading: Reading

  enum Reading: Sendable {
    case string, int, double, bool, date, timestamp
    case timestampIn(TimeZoneRules)
    case datePattern(TimePattern)
    case timestampPattern(TimePattern, TimeZoneRules?)
    case epoch(unitDigits: Int, factor: Int64)
    case decimal(DecimalText)
  }

  /// Finds a zone's rules by its IANA name; nil if there is no such zone.
  public typealias ZoneSource = (String) throws(CastError) -> TimeZoneRules?

  /// A cast to `type`.
  ///
  /// `time` is only looked at for dates and timestamps; a date takes no epoch number and needs no zone. `fallback` must
  /// be of the column's type. `zones` is asked once for each zone that `time` names, but for `UTC` and `GMT`, which are
  /// known without.
  public init(
    type: ColumnType, time: TimeFormat = .iso8601, setNullOnError: Bool = false, fallback: Literal? = nil,
    zones: ZoneSource = { _ in nil }
  ) throws(CastError) {
    self.type = type
    self.time = time
    self.setNullOnError = setNullOnError
    self.fallback = fallback
    reading = try Cast.reading(type, time, zones)
    if let fallback, !fallback.fits(type) {
      throw CastError("the default \(fallback) is not a value of type \(type)")
    }
  }

  /// The same with the default as text, read as the column itself is.
  public init(
    type: ColumnType, time: TimeFormat = .iso8601, setNullOnError: Bool = false, defaultText: String?,
    zones: ZoneSource = { _ in nil }
  ) throws(CastError) {
    let plain = try Cast(type: type, time: time, setNullOnError: setNullOnError, fallback: nil, zones: zones)
    guard let defaultText else {
      self = plain
      return
    }
    guard let fallback = plain.literal(defaultText) else {
      throw CastError("the default '\(defaultText)' cannot be read as \(type)")
    }
    self.init(plain, fallback: fallback)
  }

  private init(_ cast: Cast, fallback: Literal) {
    type = cast.type
    time = cast.time
    setNullOnError = cast.setNullOnError
    reading = cast.reading
    self.fallback = fallback
  }

  private static func reading(
    _ type: ColumnType, _ time: TimeFormat, _ zones: ZoneSource
  ) throws(CastError) -> Reading {
    switch type {
    case .string: return .string
    case .int: return .int
    case .double: return .double
    case .bool: return .bool
    case .decimal(let precision, let scale):
      guard precision >= 1, precision <= 38, scale >= 0, scale <= precision else {
        throw CastError("\(type) is not a decimal: its precision is 1…38 digits, its scale 0…precision")
      }
      return .decimal(DecimalText(precision: precision, scale: scale))
    case .date:
      switch time {
      case .iso8601, .iso8601In: return .date
      case .pattern(let pattern, _): return .datePattern(try TimePattern(pattern))
      case .epoch:
        throw CastError("a date cannot be read from a number since the epoch; make the column a timestamp")
      }
    case .timestamp:
      switch time {
      case .iso8601: return .timestamp
      case .iso8601In(let zone): return .timestampIn(try rules(zone, zones))
      case .pattern(let pattern, let zone):
        let program = try TimePattern(pattern)
        guard let zone else { return .timestampPattern(program, nil) }
        return .timestampPattern(program, try rules(zone, zones))
      case .epoch(let unit):
        return .epoch(unitDigits: EpochText.unitDigits(unit), factor: EpochText.factor(unit))
      }
    }
  }

  private static func rules(_ name: String, _ zones: ZoneSource) throws(CastError) -> TimeZoneRules {
    if ["UTC", "GMT", "Z", "Etc/UTC"].contains(name) { return .utc }
    guard let rules = try zones(name) else {
      throw CastError("the time zone '\(name)' is not known; write an IANA name such as Europe/Paris")
    }
    return rules
  }
}
