/// How the text of a date or timestamp is read.
public enum TimeFormat: Sendable, Hashable {
  /// ISO 8601; without an offset it is UTC.
  case iso8601
  /// `strptime` directives; `zone` an IANA name for texts without an offset (nil: UTC).
  case pattern(String, zone: String?)
  /// ISO 8601 whose texts without an offset are in this IANA zone.
  case iso8601In(zone: String)
  /// A number since the epoch in a unit: microseconds a unit (`s` 1_000_000, `ms` 1_000, `us` 1), or `ns`.
  case epoch(EpochUnit)
}

public enum EpochUnit: String, Sendable, Hashable, CaseIterable { case s, ms, us, ns }
