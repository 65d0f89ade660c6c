import Console
import Definition
import Monitor
import Platform
import Worker

/// What a running worker is told over HTTP by `snapshot`, `backfill`, `lost`, `send` and `dead-letters`.
struct NodeCommands: Sendable {
  let node: StreamNode
  let definition: Definition

  /// `POST /snapshot?id=…&as_of=…&listing=0|1`: asks for a snapshot, or says how far one is. May be repeated.
  func snapshot(_ request: HTTPRequest) -> HTTPResponse {
    guard let id = request.query["id"], OptionValue.isIdentifier(id) else {
      return .text("id: a snapshot's name is missing, or cannot be one", status: 400)
    }
    if let ended = node.hasEnded(cut: id) {
      let state = ended ? (node.wasPublished(cut: id) ? "published" : "abandoned") : "pending"
      return answer(id, state)
    }
    var asOf = definition.asOf ?? Machine.now()
    if let text = request.query["as_of"] {
      guard let time = InstantText.parse(text) else { return .text("as_of: '\(text)' is no time", status: 400) }
      asOf = time
    }
    node.requestSnapshot(id: id, asOf: asOf, listsFirst: request.query["listing"] != "0")
    return answer(id, "asked")
  }

  /// What is no path of ``Routes``; nil for all others.
  func answer(_ request: HTTPRequest) -> HTTPResponse? {
    switch request.path {
    case "/backfill": backfill(request)
    case MissingDocument.path: missing(request)
    case MissingDocument.supplyPath: supply(request)
    case MissingDocument.lostPath: lost(request)
    case DeadLetterDocument.path: deadLetters(request)
    case DeadLetterDocument.replayPath: replay(request)
    default: request.path.hasPrefix(NodeCommands.recordsPath) ? records(request) : nil
    }
  }

  /// `GET /dead-letters?source=…&id=…&limit=…&all=0|1`
  func deadLetters(_ request: HTTPRequest) -> HTTPResponse {
    guard request.method == "GET" else { return .text("This path takes GET.", status: 405) }
    guard let query = DeadLetterDocument.query(request.query) else {
      return .text("id is PARTITION:OFFSET, limit 1 to \(DeadLetterDocument.limitMax)", status: 400)
    }
    do {
      return .json(try DeadLetterDocument.encode(node.deadLetters.list(query)))
    } catch {
      return .text("\(error)", status: 503)
    }
  }

  /// `POST /dead-letters/replay?source=…&id=…`
  func replay(_ request: HTTPRequest) -> HTTPResponse {
    guard request.method == "POST", request.origin == nil else { return .text("This path takes POST.", status: 405) }
    guard let query = DeadLetterDocument.query(request.query) else {
      return .text("id is PARTITION:OFFSET", status: 400)
    }
    do {
      return .json(try DeadLetterDocument.encode(node.deadLetters.replay(query)))
    } catch {
      return .text("\(error)", status: 503)
    }
  }

  /// `POST /backfill?again=0|1`
  func backfill(_ request: HTTPRequest) -> HTTPResponse {
    guard request.method == "POST", request.origin == nil else { return .text("This path takes POST.", status: 405) }
    node.requestListing(again: request.query["again"] == "1")
    return .text("listing")
  }

  /// `POST /records/TOPIC?keyed=0|1`: appends the body's lines as records, and answers when they are durable.
  func records(_ request: HTTPRequest) -> HTTPResponse {
    guard request.method == "POST" else { return .text("This path takes POST.", status: 405) }
    // Any page that somebody looks at could make their browser post to their own machine.
    guard request.origin == nil else { return .text("Not from a browser's page.", status: 403) }
    let topic = String(request.path.dropFirst(NodeCommands.recordsPath.count))
    do {
      let count = try node.send(request.body, to: topic, keyed: request.query["keyed"] == "1")
      let document = JSONValue.object([("topic", .string(topic)), ("records", .int(Int64(count)))])
      return .json(Array(document.text.utf8))
    } catch StreamNode.SendFault.noSuchTopic(let read) {
      return .text(
        "'\(definition.dataset)' does not read the topic '\(topic)', but \(read.joined(separator: ", "))", status: 404)
    } catch StreamNode.SendFault.missingKey(let line) {
      return .text("line \(line) has no tab behind a key", status: 400)
    } catch let error as BrokerError {
      return .text(error.description, status: error.code == .tooLarge ? 413 : 503)
    } catch {
      return .text("\(error)", status: 500)
    }
  }

  static let recordsPath = "/records/"

  private func answer(_ id: String, _ state: String) -> HTTPResponse {
    let document = JSONValue.object([("id", .string(id)), ("state", .string(state))])
    return .json(Array(document.text.utf8))
  }
}
