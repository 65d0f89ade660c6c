import Testing

@testable import Status

@Suite struct StatusTests {
  /// The document's form: other programs read it.
  @Test func document() throws {
    let status = NodeStatus(
      tributary: "0.1.0", dataset: "people", worker: "w1", state: .running, started: "2026-11-21T03:00:00Z",
      broker: .init(kind: .kafka, isReachable: true), ledgerPosition: 7, generation: 1,
      shards: [
        .init(shard: 3, state: .stopped, reason: "r", ledgerPosition: 6, rows: 5, keys: 4, segments: 2, stagedBytes: 1)
      ],
      inputs: .init(
        accepted: 9, inFlight: 1, waiting: 2,
        failed: (0..<25).map { .init(source: "s", location: "\($0)", reason: "no", attempts: 3) }),
      lag: [.init(topic: "t", partition: 0, records: 5, seconds: 1.5)],
      snapshots: .init(lastID: "a", lastFingerprint: "f", lastAt: "t", pending: ["b"], nextSlot: "c"), deadLetters: 1,
      repaired: 2, rowsApplied: 3, rowsRejected: 4)
    #expect(NodeStatus(json: status.json) == status)
    // Indentation does not matter here.
    let text = String(decoding: status.json, as: UTF8.self).replacing(#/\n */#, with: "").replacing(" : ", with: ":")
    #expect(status.inputs.failed.count == NodeStatus.Inputs.failedMax)
    #expect(
      text.replacing(#/"failed":\[.*?\]/#, with: #""failed":[]"#)
        == #"{"broker":{"kind":"kafka","reachable":true},"dataset":"people","dead_letters":1,"generation":1,"#
        + #""inputs":{"accepted":9,"failed":[],"failed_count":25,"in_flight":1,"waiting":2},"#
        + #""lag":[{"partition":0,"records":5,"seconds":1.5,"topic":"t"}],"ledger_position":7,"repaired":2,"#
        + #""rows_applied":3,"rows_rejected":4,"shards":[{"keys":4,"ledger_position":6,"reason":"r","rows":5,"#
        + #""segments":2,"shard":3,"staged_bytes":1,"state":"stopped"}],"#
        + #""snapshots":{"last_at":"t","last_fingerprint":"f","last_id":"a","next_slot":"c","pending":["b"]},"#
        + #""started":"2026-11-21T03:00:00Z","state":"running","tributary":"0.1.0","version":1,"worker":"w1"}"#)
  }

  @Test("missing rows are in the document where there are any, the first of many")
  func missing() {
    var status = NodeStatus(
      tributary: "0.1.0", dataset: "people", worker: "w1", state: .running, started: "",
      broker: .init(kind: .kafka, isReachable: true))
    #expect(!String(decoding: status.json, as: UTF8.self).contains("missing"))
    status.missing = .init((0..<30).map { .init(source: "s", location: "\($0)", rows: 1, shards: [2]) })
    #expect(status.missing?.count == 30 && status.missing?.inputs.count == 20)
    #expect(NodeStatus(json: status.json) == status)
  }

  @Test func whatIsNoDocument() {
    for text in ["", "{}", "[1]", #"{"version":1}"#] { #expect(NodeStatus(json: Array(text.utf8)) == nil) }
  }

  @Test func numbersThatJSONDoesNotKnow() {
    var status = NodeStatus(
      tributary: "0.1.0", dataset: "people", worker: "w1", state: .starting, started: "",
      broker: .init(kind: .embedded, isReachable: false))
    status.lag = [.init(topic: "t", partition: 0, records: 1, seconds: .infinity)]
    #expect(NodeStatus(json: status.json) == status)
  }
}
