import FoundationEssentials
import Monitor
import Worker

/// Rows that shards wait for, on their way from a worker to a command.
enum MissingDocument {
  static let path = "/missing"
  static let supplyPath = "/missing/supply"
  static let lostPath = "/missing/lost"

  static func encode(_ missing: [MissingInput]) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(missing))
  }

  static func decode(_ bytes: [UInt8]) throws -> [MissingInput] {
    try JSONDecoder().decode([MissingInput].self, from: Data(bytes))
  }
}

extension NodeCommands {
  /// `GET /missing`
  func missing(_ request: HTTPRequest) -> HTTPResponse {
    guard request.method == "GET" else { return .text("This path takes GET.", status: 405) }
    return answer { node.missing }
  }

  /// `POST /missing/supply`: reads again what is missing, and says what that is.
  func supply(_ request: HTTPRequest) -> HTTPResponse {
    guard request.method == "POST", request.origin == nil else { return .text("This path takes POST.", status: 405) }
    let missing = node.missing
    if !missing.isEmpty { node.requestSupply() }
    return answer { missing }
  }

  /// `POST /missing/lost?all=0|1`: gives up the inputs that the body names, one a line, and says what it has given up.
  func lost(_ request: HTTPRequest) -> HTTPResponse {
    guard request.method == "POST", request.origin == nil else { return .text("This path takes POST.", status: 405) }
    let names = String(decoding: request.body, as: UTF8.self).split(separator: "\n").map(String.init)
    return answer { try node.giveUp(names, all: request.query["all"] == "1") }
  }

  private func answer(_ body: () throws -> [MissingInput]) -> HTTPResponse {
    do {
      return .json(try MissingDocument.encode(try body()))
    } catch {
      return .text("\(error)", status: 503)
    }
  }
}
