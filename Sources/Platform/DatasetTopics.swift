/// The names of a dataset's topics (ARCHITECTURE.md §9).
public struct DatasetTopics: Sendable, Hashable {
  public let dataset: String
  public init(_ dataset: String) { self.dataset = dataset }

  public static let events = "s3.events"
  public var rows: String { "\(dataset).rows" }
  public var ledger: String { "\(dataset).ledger" }
  public var control: String { "\(dataset).control" }
  public var features: String { "\(dataset).features" }
  public var snapshots: String { "\(dataset).snapshots" }
  public var deadLetters: String { "\(dataset).dead-letters" }
}
