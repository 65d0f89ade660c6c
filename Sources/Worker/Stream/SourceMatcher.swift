internal import Definition
internal import Notifications
internal import Platform

/// Tells which sources an object belongs to, without asking any store: for notifications.
///
/// The rule is the listing's own (``SourceRule``): what a notification brings in is what a listing would have found. This
/// is also the check on local paths that come from outside: whatever a message on `s3.events` says, a path that does not
/// stay in a source's place matches none, and nothing else may be opened.
struct SourceMatcher: Sendable {
  /// By the bucket; "" for local files.
  private let rules: [String: [(source: Int, rule: SourceRule)]]

  /// Resolves the places of all sources of objects. Throws what the first place that cannot be opened throws.
  init(_ definition: Definition, stores: any StoreDirectory) throws(StoreError) {
    var places: [Int: StorePlace] = [:]
    for (index, source) in definition.sources.enumerated() {
      if case .objects(let location) = source.input { places[index] = try stores.open(location) }
    }
    try self.init(definition, places: places)
  }

  /// `places` by the source's index.
  init(_ definition: Definition, places: [Int: StorePlace]) throws(StoreError) {
    var rules: [String: [(source: Int, rule: SourceRule)]] = [:]
    for (index, source) in definition.sources.enumerated() {
      guard let place = places[index] else { continue }
      rules[place.bucket, default: []].append((index, try SourceRule(source, place)))
    }
    self.rules = rules
  }

  /// Indices of the definition's sources, ascending; often none.
  func sources(bucket: String, key: String) -> [Int] {
    guard let rules = rules[bucket] else { return [] }
    return rules.filter { $0.rule.contains(key) }.map(\.source)
  }

  func sources(_ hint: ObjectHint) -> [Int] { sources(bucket: hint.bucket, key: hint.key) }
}
