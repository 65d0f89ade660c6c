import Definition
import Foundation
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// A row that is too long to travel costs itself, in each setting alike (I1, I3).
@Suite struct RowLimitTests {
  /// A record's text comes twice in its row, once in a column that no feature asks for.
  private static let text = StreamWorld.text
    .replacing(
      "columns: {id: string, name: string}",
      with: "columns: {id: string, name: string, again: {from: name, type: string}}"
    )
    .replacing(
      "columns: {id: {path: $key, type: string}, n: int}",
      with: "columns: {id: {path: $key, type: string}, n: int, x: string, again: {path: x, type: string}}")

  /// 450,000 bytes twice fit, 600,000 do not.
  private static func long(_ index: Int) -> String { String(repeating: "x", count: index % 3 == 1 ? 600_000 : 450_000) }

  private static func letters(_ world: StreamWorld) throws -> [[String: Any]] {
    var letters: [[String: Any]] = []
    let count = try world.broker.describe(["w.dead-letters"])["w.dead-letters"]?.partitions ?? 0
    for partition in 0..<count {
      let reader = try world.broker.reader(TopicPartition("w.dead-letters", partition), from: 0)
      while let block = try reader.poll(milliseconds: 0, maxBytes: 1 << 20) {
        for index in 0..<block.count {
          let object = try JSONSerialization.jsonObject(with: Data(block.value(index) ?? []))
          letters.append(try #require(object as? [String: Any]))
        }
      }
    }
    return letters
  }

  @Test("a record whose row no message holds goes to the dead letters, and the rest goes on")
  func records() throws {
    let world = try StreamWorld(text: Self.text)
    let node = try world.node()
    for n in 0..<6 { try world.produce("k\(n)", "{\"n\":\(n),\"x\":\"\(Self.long(n))\"}") }
    try world.settle([node])
    #expect(node.context.ledger.acceptedEnd(RangeIdentity(source: "clicks", topic: "app.clicks", partition: 0)) == 6)
    let totals = node.parts.records.totals
    #expect(totals.recordsRead == 12 && totals.recordsRejected == 4)
    let letters = try Self.letters(world).filter { $0["source"] as? String == "clicks" }
    #expect(letters.compactMap { $0["row"] as? Int }.sorted() == [1, 4])
    for letter in letters {
      #expect(letter["object"] as? String == "app.clicks[0]" && letter["reason"] as? String == "row_too_long")
      let raw = try #require(letter["raw"] as? String)
      #expect(raw.hasPrefix("{\"n\":") && raw.utf8.count == RejectBuffer.rawMax)
      #expect(letter["length"] as? Int ?? 0 > 600_000)
    }
  }

  @Test("so does a row of an object, and a batch rejects the same rows, whatever columns it needs")
  func objects() throws {
    let world = try StreamWorld(text: Self.text)
    let node = try world.node()
    try world.settle([node])
    world.put("people/a.csv", (0..<6).map { "k\($0),\(Self.long($0))\n" }.joined())
    node.offer("people/a.csv")
    try world.settle([node])
    let held = node.context.ledger.read { $0.objects.values.first }
    #expect(held?.version != nil && node.context.ledger.read { $0.failed.isEmpty })
    #expect(node.parts.objects.totals.rowsRead == 6 && node.parts.objects.totals.rowsRejected == 2)
    let letters = try Self.letters(world)
    #expect(letters.compactMap { $0["row"] as? Int }.sorted() == [2, 5])

    for features in ["{people: [name]}", "{people: [again]}", "{people: [name, again]}"] {
      let objects = MemoryObjects()
      let bytes = try #require(world.objects["people/a.csv"])
      objects.set("in/a.csv", bytes)
      let definition = try DefinitionReader.read(
        text: """
          dataset: d
          key: id
          sources:
            people:
              objects: in/
              format: csv
              keep: latest
              columns: {id: string, name: string, again: {from: name, type: string}}
          features: \(features)
          rows: {from: people}
          split: {train: 1}
          snapshot: {to: out, format: csv}
          max_rejects: 100
          """, file: "d.yaml"
      ).get().definition
      let lake = Lake(seed: 0)
      let run = BatchRun(
        definition, record: .init(text: "", variables: [:], directory: ""), semanticHash: "h",
        options: lake.options(), stores: lake.stores(objects))
      let outcome = try withDeadline(seconds: 60, "run") { try run.run() }
      #expect(outcome.rowsRejected == 2 && outcome.manifest.rows == 4, "\(features)")
      let rejected = try Published(objects: objects).rejected("one").split(separator: "\n")
      #expect(rejected.count == 2 && rejected.allSatisfy { $0.contains("row_too_long") })
    }
  }
}
