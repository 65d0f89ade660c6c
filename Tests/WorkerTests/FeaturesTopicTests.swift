import Foundation
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// What the topic of features holds in the end, through crashes, pauses and new definitions.
@Suite struct FeaturesTopicTests {
  private static let text = """
    dataset: w
    key: id
    shards: 1
    sources:
      people:
        objects: "s3://lake/people/"
        format: csv
        keep: latest
        columns: {id: string, name: string}
      visits:
        objects: "s3://lake/visits/"
        format: csv
        keep: events
        time: t
        columns: {id: string, t: {type: timestamp, unit: s}, n: int}
    features:
      people: [name]
      visits: {visits: count()}
    rows: {from: people}
    split: {train: 1}
    snapshot: {to: "s3://lake/out", format: csv}
    """

  private static func node(
    _ world: StreamWorld, _ member: String, hash: String = "h", change: (String) -> String = { $0 }
  ) throws -> StreamWorld.Node {
    try world.node(member: member, hash: hash, change: change) { $0.emitsFeatures = true }
  }

  /// The last word on each key; nil: it is gone.
  private static func told(_ world: StreamWorld) throws -> [String: String?] {
    var told: [String: String?] = [:]
    for (key, value) in try world.values("w.features") {
      guard let value else {
        told[key] = .some(nil)
        continue
      }
      let text = String(decoding: value, as: UTF8.self)
      // Behind the key, before the ledger's position.
      let from = text.range(of: ",")?.upperBound ?? text.startIndex
      let to = text.range(of: ",\"_ledger\"")?.lowerBound ?? text.endIndex
      told[key] = String(text[from..<to])
    }
    return told
  }

  /// It is called no more, and its sessions end.
  private static func dies(_ world: StreamWorld) { world.clock.advance(milliseconds: 60_000) }

  private static func put(_ world: StreamWorld, _ node: StreamWorld.Node, _ key: String, _ text: String) throws {
    world.objects.set(key, Array(text.utf8), modified: world.clock.now())
    node.offer(key)
    try world.settle([node], whole: true)
  }

  @Test("rows whose time came while nobody served the shard are told by the next one")
  func timeComes() throws {
    let world = try StreamWorld(text: Self.text)
    let first = try Self.node(world, "a")
    try world.settle([first], whole: true)
    try Self.put(world, first, "people/0.csv", "id,name\nk1,a\n")
    let soon = world.clock.now() / 1_000_000 + 40
    try Self.put(world, first, "visits/0.csv", "id,t,n\nk1,\(soon),1\n")
    #expect(try Self.told(world) == ["k1": #""name":"a","visits":0"#])
    #expect(world.clock.now() / 1_000_000 < soon)
    first.parts.join.close()
    Self.dies(world)
    let second = try Self.node(world, "b")
    try world.settle([second], whole: true)
    #expect(try Self.told(world) == ["k1": #""name":"a","visits":1"#])
  }

  @Test("a new definition's rows are told of all keys, and keys that are no rows by it are told as gone")
  func redefinition() throws {
    let world = try StreamWorld(text: Self.text)
    let first = try Self.node(world, "a")
    try world.settle([first], whole: true)
    try Self.put(world, first, "people/0.csv", "id,name\nk1,a\nk2,b\n")
    try Self.put(world, first, "visits/0.csv", "id,t,n\nk1,1000,5\n")
    first.parts.join.close()
    Self.dies(world)
    let second = try Self.node(world, "b", hash: "i") {
      $0.replacing("visits: {visits: count()}", with: "visits: {visits: count(), sum: sum(n)}")
    }
    try world.settle([second], whole: true)
    #expect(
      try Self.told(world) == [
        "k1": #""name":"a","visits":1,"sum":5"#, "k2": #""name":"b","visits":0,"sum":null"#,
      ])
    second.parts.join.close()
    Self.dies(world)
    let third = try Self.node(world, "c", hash: "j") {
      $0.replacing("rows: {from: people}", with: "rows: {from: visits}").replacing(
        "keep: events\n    time: t", with: "keep: latest\n    time: t"
      ).replacing("visits: {visits: count()}", with: "visits: {n: n}")
    }
    try world.settle([third], whole: true)
    #expect(try Self.told(world) == ["k1": #""name":"a","n":5"#, "k2": nil])
  }

  @Test("a key that was told behind the last checkpoint and is gone since is told as gone")
  func goneInReplay() throws {
    let world = try StreamWorld(text: Self.text)
    let zero = try Self.node(world, "z")
    try world.settle([zero], whole: true)
    try Self.put(world, zero, "people/0.csv", "id,name\nk1,a\n")
    zero.parts.join.close()
    Self.dies(world)
    let first = try Self.node(world, "a")
    try world.settle([first], whole: true)
    try Self.put(world, first, "people/1.csv", "id,name\nk2,b\n")
    // One more is told, and then nobody serves the shard while it and what was before go.
    try Self.put(world, first, "people/0.csv", "id,name\nk3,c\n")
    #expect(try Self.told(world) == ["k1": nil, "k2": #""name":"b","visits":0"#, "k3": #""name":"c","visits":0"#])
    for (key, text) in [("people/1.csv", "id,name\nk4,d\n"), ("people/0.csv", "id,name\n")] {
      world.objects.set(key, Array(text.utf8), modified: world.clock.now())
      first.offer(key)
    }
    try world.settle([first])
    Self.dies(world)
    let second = try Self.node(world, "b")
    try world.settle([second], whole: true)
    #expect(try Self.told(world) == ["k1": nil, "k2": nil, "k3": nil, "k4": #""name":"d","visits":0"#])
  }
}
