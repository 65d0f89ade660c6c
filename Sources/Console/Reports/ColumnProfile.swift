/// The profile of a snapshot's columns as a manifest carries it: `"profile": {"plan": {"nulls": 3, …}, …}`.
///
/// Read leniently, member by member: reports show what is there, so that manifests of older and newer versions of the
/// program can be shown too.
public struct SnapshotProfile: Sendable, Decodable {
  public var columns: [String: ColumnProfile]

  private enum CodingKeys: String, CodingKey { case profile }

  public init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: CodingKeys.self)
    let values = try members.decodeIfPresent([String: [String: ProfileValue]].self, forKey: .profile)
    columns = (values ?? [:]).mapValues(ColumnProfile.init)
  }
}

public struct ColumnProfile: Sendable, Hashable {
  private let values: [String: ProfileValue]

  init(values: [String: ProfileValue]) { self.values = values }

  /// A number as people read it, a text as it is; "" where the profile lacks it or has null.
  func text(_ name: String) -> String { values[name]?.text ?? "" }

  /// Of the quantile 0.5, 0.95 and the like.
  func quantile(_ name: String) -> String {
    if case .members(let quantiles) = values["quantiles"] { quantiles[name]?.text ?? "" } else { text(name) }
  }

  /// 0…1.
  var nullShare: Double? {
    guard let nulls = values["nulls"]?.number else { return nil }
    if let rows = values["rows"]?.number { return rows > 0 ? nulls / rows : 0 }
    // `count` counts values, so that nulls and count make the rows.
    guard let count = values["count"]?.number else { return nil }
    return nulls + count > 0 ? nulls / (nulls + count) : 0
  }
}

/// One JSON value of a profile.
enum ProfileValue: Sendable, Hashable, Decodable {
  case null
  case bool(Bool)
  case int(Int64)
  case double(Double)
  case string(String)
  case list([ProfileValue])
  case members([String: ProfileValue])

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let bool = try? value.decode(Bool.self) {
      self = .bool(bool)
    } else if let int = try? value.decode(Int64.self) {
      self = .int(int)
    } else if let double = try? value.decode(Double.self) {
      self = .double(double)
    } else if let string = try? value.decode(String.self) {
      self = .string(string)
    } else if let list = try? value.decode([ProfileValue].self) {
      self = .list(list)
    } else {
      self = .members(try value.decode([String: ProfileValue].self))
    }
  }

  var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  var text: String {
    switch self {
    case .null, .list, .members: ""
    case .bool(let value): value ? "true" : "false"
    case .int(let value): NumberText.grouped(value)
    case .double(let value): NumberText.significant(value)
    case .string(let value): value
    }
  }
}
