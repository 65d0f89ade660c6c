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

  @Test("while records come one commit after the other, rows are told now and then; then at once")
  func coalesced() throws {
    let world = try StreamWorld(text: Self.text)
    let node = try Self.node(world, "a")
    try world.settle([node], whole: true)
    try Self.put(world, node, "people/0.csv", "id,name\nk1,a\n")
    #expect(try Self.told(world) == ["k1": #""name":"a","visits":0"#])
    let arriving = node.context.arriving
    arriving.note(queued: RecordIngest.bytesMany - 1, underWay: 1)
    func rounds(_ microseconds: Int64, _ name: String? = nil) throws {
      if let name {
        world.put("people/0.csv", "k1,\(name)\n")
        node.offer("people/0.csv")
      }
      let until = world.clock.now() + microseconds
      while world.clock.now() < until {
        _ = try node.fullRound()
        world.clock.advance(milliseconds: 10)
      }
      #expect(node.parts.join.shards.first?.position == node.context.ledger.position)
    }
    // Nothing was told for a while.
    try rounds(200_000, "b")
    #expect(try Self.told(world) == ["k1": #""name":"b","visits":0"#])
    try rounds(ShardLive.emitEvery / 2, "c")
    #expect(try Self.told(world) == ["k1": #""name":"b","visits":0"#])
    try rounds(ShardLive.emitEvery / 2)
    #expect(try Self.told(world) == ["k1": #""name":"c","visits":0"#])
    try rounds(200_000, "d")
    #expect(try Self.told(world) == ["k1": #""name":"c","visits":0"#])
    arriving.note(queued: 0, underWay: 0)
    try rounds(30_000)
    #expect(try Self.told(world) == ["k1": #""name":"d","visits":0"#])
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

  @Test("what an append did not take of many keys is told later, each key", arguments: [0, 1, 2], [false, true])
  func appendFails(appends: Int, isRemoval: Bool) throws {
    let world = try StreamWorld(text: Self.text)
    let node = try Self.node(world, "a")
    try world.settle([node], whole: true)
    let count = 2 * ShardLive.appendRows + 100
    let keys = (0..<count).map { "k\($0)" }
    let failsAt = Guarded(isRemoval ? Int.max : appends)
    world.onBroker { operation, moment, place throws(BrokerError) in
      guard operation == .append && moment == .before && place == "w.features" else { return }
      let isDue = failsAt.withLock { left in
        left -= 1
        return left == -1
      }
      if isDue { throw StreamWorld.unavailable(place) }
    }
    try Self.put(world, node, "people/0.csv", "id,name\n" + keys.map { "\($0),a\n" }.joined())
    #expect(try Self.told(world).values.count { $0 == #""name":"a","visits":0"# } == count)
    if isRemoval {
      failsAt.withLock { $0 = appends }
      try Self.put(world, node, "people/0.csv", "id,name\nother,b\n")
      let told = try Self.told(world)
      #expect(told.count == count + 1 && told.values.count { $0 == nil } == count)
    }
    #expect(failsAt.withLock { $0 } < 0, "it did fail")
  }

  @Test("a shard that is given away after rows went tells that before its checkpoint says so")
  func staleAtHandOver() throws {
    let world = try StreamWorld(text: Self.text)
    let first = try Self.node(world, "a")
    try world.settle([first], whole: true)
    // Its rows come by the broker alone.
    first.context.own.close(0)
    try Self.put(world, first, "people/0.csv", "id,name\nk1,a\n")
    func commit(_ key: String, _ text: String) throws {
      world.objects.set(key, Array(text.utf8), modified: world.clock.now())
      first.offer(key)
      try world.settle([first])
    }
    try commit("people/0.csv", "id,name\nk2,b\n")
    while try first.parts.join.poll(milliseconds: 0) {}
    try commit("people/1.csv", "id,name\nk9,c\n")
    // The first of two entries is folded, the second one's rows are not there yet, and nobody can ask.
    world.onBroker { operation, moment, place throws(BrokerError) in
      if operation == .bounds && place == "w.rows" { throw StreamWorld.unavailable(place) }
    }
    let before = first.parts.join.shards[0].position
    while try first.parts.join.work() {}
    #expect(first.parts.join.shards[0].position > before && first.parts.join.shards[0].reason != nil)
    world.onBroker { _, _, _ in }
    first.parts.join.close()
    #expect(try Self.told(world) == ["k1": nil, "k2": #""name":"b","visits":0"#])
    Self.dies(world)
    let second = try Self.node(world, "b")
    try world.settle([second], whole: true)
    #expect(
      try Self.told(world) == ["k1": nil, "k2": #""name":"b","visits":0"#, "k9": #""name":"c","visits":0"#])
  }

  @Test("what a worker tells that has lost the shard is put right by its owner")
  func toldByAnother() throws {
    let world = try StreamWorld(text: Self.text)
    let node = try world.node(
      member: "a",
      options: {
        $0.emitsFeatures = true
        $0.checkpointEvery = 1_000_000
      })
    try world.settle([node], whole: true)
    try Self.put(world, node, "people/0.csv", "id,name\nk1,a\nk2,b\n")
    func tell(_ key: String, _ value: String?) throws {
      _ = try world.broker.append([
        OutgoingMessage(topic: "w.features", partition: 0, key: Array(key.utf8), value: value.map { Array($0.utf8) })
      ])
    }
    // A row that is none any more, one as it was, and one as gone that is not.
    try tell("k7", #"{"id":"k7","name":"x","visits":0,"_ledger":1}"#)
    try tell("k1", #"{"id":"k1","name":"before","visits":0,"_ledger":1}"#)
    try tell("k2", nil)
    // Whatever it is that the shard tells next shows a gap.
    try Self.put(world, node, "people/1.csv", "id,name\nk3,c\n")
    try world.settle([node], whole: true)
    let wanted: [String: String?] = [
      "k1": #""name":"a","visits":0"#, "k2": #""name":"b","visits":0"#, "k3": #""name":"c","visits":0"#, "k7": nil,
    ]
    #expect(try Self.told(world) == wanted)
    // And a checkpoint looks, where nothing is told.
    try tell("k7", #"{"id":"k7","name":"x","visits":0,"_ledger":1}"#)
    try Self.put(world, node, "visits/none.csv", "id,t,n\n")
    world.clock.advance(milliseconds: 2000)
    try world.settle([node], whole: true)
    #expect(try Self.told(world) == wanted)
    // Whoever tells of a later position than ours knows better: it is us who have lost the shard.
    try tell("k2", #"{"id":"k2","name":"later","visits":0,"_ledger":1000000,"_as_of":"2026-01-01T00:00:00Z"}"#)
    try Self.put(world, node, "visits/none.csv", "id,t,n\n\n")
    world.clock.advance(milliseconds: 2000)
    try world.settle([node], whole: true)
    #expect(try Self.told(world)["k2"] == #""name":"later","visits":0"#)
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
