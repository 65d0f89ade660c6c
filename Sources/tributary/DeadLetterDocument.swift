import FoundationEssentials
import Worker

/// Dead letters on their way from a worker to a command.
enum DeadLetterDocument {
  static let path = "/dead-letters"
  static let replayPath = "/dead-letters/replay"
  static let limitMax = 1000

  static func encode(_ document: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(document))
  }

  static func decode<Document: Decodable>(_ bytes: [UInt8]) throws -> Document {
    try JSONDecoder().decode(Document.self, from: Data(bytes))
  }

  /// A request's parameters, of which empty ones are none; nil if they are wrong.
  static func query(_ parameters: [String: String]) -> DeadLetterQuery? {
    func text(_ name: String) -> String? { parameters[name].flatMap { $0.isEmpty ? nil : $0 } }
    var query = DeadLetterQuery(source: text("source"), id: text("id"), all: text("all") == "1")
    if let id = query.id, DeadLetterQuery.place(id) == nil { return nil }
    if let text = text("limit") {
      guard let limit = Int(text), (1...limitMax).contains(limit) else { return nil }
      query.limit = limit
    }
    return query
  }
}
