import Foundation
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Who cuts and publishes.
@Suite struct ControlLoopTests {
  private struct Cuts: Equatable {
    var accepted: [String] = []
    var refused: [String] = []
    var published: [String] = []
    var abandoned: [String: String] = [:]
  }

  private static func cuts(_ world: StreamWorld) throws -> Cuts {
    var cuts = Cuts()
    for judged in try world.ledger() {
      switch (judged.entry, judged.verdict) {
      case (.cut(let id, _, _), .accepted): cuts.accepted.append(id)
      case (.cut(let id, _, _), _): cuts.refused.append(id)
      case (.published(let id), .accepted): cuts.published.append(id)
      case (.abandoned(let id, let reason), .accepted): cuts.abandoned[id] = reason
      default: continue
      }
    }
    return cuts
  }

  private static func request(_ id: String, lists: Bool = false) -> ControlLoop.CutRequest {
    ControlLoop.CutRequest(id: id, asOf: 1_800_000_000_000_000, notBefore: .min, listsFirst: lists)
  }

  private static func filled(_ world: StreamWorld, _ node: StreamWorld.Node) throws {
    world.put("people/0.csv", "k1,a\nk2,b\nk3,c\n")
    node.offer("people/0.csv")
    try world.settle([node], whole: true)
  }

  private static func manifest(_ id: String, _ world: StreamWorld) throws -> Manifest {
    try JSONDecoder().decode(Manifest.self, from: Data(world.objects["out/snapshot=\(id)/manifest.json"] ?? []))
  }

  @Test("asked for again and again, and of two who believe to be the publisher: one cut, one snapshot")
  func once() throws {
    let world = try StreamWorld()
    let first = try world.node(member: "a")
    try world.settle([first], whole: true)
    try Self.filled(world, first)
    // The first is away for longer than its session, and comes back without knowing.
    world.clock.advance(milliseconds: 60_000)
    let second = try world.node(member: "b")
    try world.settle([second], whole: true)
    #expect(first.parts.control.status.isOwner && second.parts.control.status.isOwner)
    for node in [first, second, first] { node.parts.control.request(Self.request("one")) }
    for _ in 0..<4 {
      do { _ = try first.parts.control.step(milliseconds: 0) } catch let error as BrokerError {
        #expect(error.code == .fenced)
      }
      try second.fullRound()
    }
    try world.settle([second], whole: true)
    let cuts = try Self.cuts(world)
    #expect(cuts.accepted == ["one"] && cuts.published == ["one"] && cuts.abandoned.isEmpty)
    let manifest = try Self.manifest("one", world)
    #expect(manifest.rows == 3)
  }

  @Test("a scheduler with a fast clock takes no slot early, and does not fill the ledger with what is refused")
  func fastClock() throws {
    let world = try StreamWorld()
    let fast = VirtualClock(microseconds: world.clock.now() + 90_000_000)
    let node = try world.node(clock: fast) {
      $0.replacing("format: csv}", with: "format: csv, every: 1m, delay: 5s}")
    }
    let began = world.clock.now()
    for _ in 0..<300 {
      try node.fullRound()
      world.clock.advance(milliseconds: 500)
      fast.advance(milliseconds: 500)
    }
    var seen: Set<String> = []
    for judged in try world.ledger() {
      guard case .cut(let id, _, let notBefore) = judged.entry else { continue }
      #expect((judged.appendedAt >= notBefore) == (judged.verdict == .accepted))
      if judged.verdict == .accepted { #expect(seen.insert(id).inserted) }
    }
    let cuts = try Self.cuts(world)
    let seconds = Int((world.clock.now() - began) / 1_000_000)
    #expect(!cuts.accepted.isEmpty && !cuts.refused.isEmpty)
    #expect(cuts.refused.count <= seconds / 5 + 1, "\(cuts.refused.count) refused cuts in \(seconds) s")
  }

  @Test("a report of another ledger is never believed: after some tries the cut ends, and the next one is made")
  func disagreement() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node], whole: true)
    try Self.filled(world, node)
    node.parts.control.request(Self.request("one"))
    _ = try node.parts.control.step(milliseconds: 0)
    _ = try node.context.ledger.step(milliseconds: 0)
    while try node.parts.join.work() {}
    while try node.parts.cuts.step() {}
    var forged = try #require(try world.values("w.control").first?.value)
    let chain = try JSONDecoder().decode(ShardReport.self, from: Data(forged)).chain
    forged = Array(String(decoding: forged, as: UTF8.self).replacing(chain, with: String(chain.reversed())).utf8)
    _ = try world.broker.append([OutgoingMessage(topic: "w.control", partition: 0, key: nil, value: forged)])
    try world.settle([node], whole: true)
    #expect(try Self.cuts(world).abandoned["one"]?.contains("hash chain") == true)
    #expect(world.objects["out/snapshot=one/manifest.json"] == nil)
    node.parts.control.request(Self.request("two"))
    try world.settle([node], whole: true)
    #expect(try Self.cuts(world).published == ["two"])
  }

  @Test("what is no report is passed over; reports of cuts that the ledger does not know yet are kept")
  func reports() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node], whole: true)
    try Self.filled(world, node)
    for value in [nil, "", "{}", "nonsense"] as [String?] {
      _ = try world.broker.append([
        OutgoingMessage(topic: "w.control", partition: 0, key: nil, value: value.map { Array($0.utf8) })
      ])
    }
    // Its shards fold and report the cut before its publisher has read of it.
    let other = try world.node(member: "b")
    try world.settle([node, other], whole: true)
    let publisher = node.parts.control.status.isOwner ? node : other
    publisher.parts.control.request(Self.request("one"))
    try world.settle([node, other], whole: true)
    #expect(try Self.cuts(world).published == ["one"])
  }

  @Test("a store that cannot be listed holds up the cut that is to be complete; what is cut is published meanwhile")
  func listingFails() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node], whole: true)
    try Self.filled(world, node)
    world.onStore { operation, key throws(StoreError) in
      guard operation == .list, key.hasPrefix("people") || key.hasPrefix("visits") else { return }
      throw StoreError(.forbidden, operation: "LIST", location: key, message: "no")
    }
    try world.append(.cut(id: "pending", asOf: 0))
    node.parts.control.request(Self.request("complete", lists: true))
    try world.settle([node], whole: true)
    #expect(try Self.cuts(world) == Cuts(accepted: ["pending"], published: ["pending"]))
    // It was told before the other was published, and is told again.
    world.clock.advance(milliseconds: 1000)
    _ = try node.parts.control.step(milliseconds: 0)
    #expect(node.parts.control.status.problem?.contains("complete") == true)
    world.put("people/1.csv", "k4,d\n")
    world.onStore { _, _ in }
    try world.settle([node], whole: true)
    #expect(try Self.cuts(world).published == ["pending", "complete"])
    let manifest = try Self.manifest("complete", world)
    #expect(manifest.rows == 4, "nobody told of people/1.csv but the listing")
  }

  @Test("a cut of the definition before is abandoned once the new one is in force, and no part of it is written")
  func redefinition() throws {
    let world = try StreamWorld()
    let old = try world.node()
    try world.settle([old], whole: true)
    try Self.filled(world, old)
    try world.append(.cut(id: "late", asOf: 0))
    world.clock.advance(milliseconds: 60_000)
    let new = try world.node(member: "b", hash: "i") { $0.replacing("{train: 1}", with: "{train: 1, salt: other}") }
    try world.settle([new], whole: true)
    #expect(try Self.cuts(world).abandoned["late"]?.contains("definition changed") == true)
    #expect(try world.values("w.control").isEmpty)
    new.parts.control.request(Self.request("one"))
    try world.settle([new], whole: true)
    #expect(try Self.cuts(world).published == ["one"])
  }

  @Test(
    "on_remove may change: a snapshot's rows are those of the inputs that its manifest names", arguments: [true, false])
  func removalChanges(keepsFirst: Bool) throws {
    func change(_ keeps: Bool) -> (String) -> String {
      {
        keeps
          ? $0.replacing("format: csv\n    keep: events", with: "format: csv\n    on_remove: keep\n    keep: events")
          : $0
      }
    }
    let world = try StreamWorld()
    let old = try world.node(change: change(keepsFirst))
    try world.settle([old], whole: true)
    try Self.filled(world, old)
    world.put("visits/0.csv", "k1,5\n")
    world.put("visits/1.csv", "k1,7\n")
    for key in ["visits/0.csv", "visits/1.csv"] { old.offer(key) }
    try world.settle([old], whole: true)
    world.objects.remove("visits/1.csv")
    old.offer("visits/1.csv")
    try world.settle([old], whole: true)
    old.parts.join.close()
    world.clock.advance(milliseconds: 60_000)
    let new = try world.node(member: "b", hash: "i", change: change(!keepsFirst))
    try world.settle([new], whole: true)
    new.parts.control.request(Self.request("one"))
    try world.settle([new], whole: true)
    let manifest = try Self.manifest("one", world)
    let rows = manifest.parts.map { String(decoding: world.objects["out/snapshot=one/\($0.key)"] ?? [], as: UTF8.self) }
    let sum = manifest.inputs.reduce(0) { sum, input in
      sum + (["visits/0.csv": 5, "visits/1.csv": 7][input.key] ?? 0)
    }
    #expect(sum == 5 && rows.joined().contains("k1,a,\(sum),"), "\(manifest.inputs.map(\.key)) \(rows)")
  }

  @Test("after a change of columns no cut is made before all objects are read again")
  func columnsChange() throws {
    let world = try StreamWorld()
    let old = try world.node()
    try world.settle([old], whole: true)
    try Self.filled(world, old)
    world.clock.advance(milliseconds: 60_000)
    let new = try world.node(member: "b", hash: "i") {
      $0.replacing("{id: string, name: string}", with: "{id: string, name: {from: name, type: string, default: none}}")
    }
    // Its objects cannot be read for now.
    world.onStore { operation, key throws(StoreError) in
      guard operation == .open, key.hasPrefix("people") else { return }
      throw StoreError(.unavailable, operation: "GET", location: key, message: "it is away")
    }
    new.parts.control.request(Self.request("one"))
    for _ in 0..<40 {
      try new.fullRound()
      world.clock.advance(milliseconds: 500)
    }
    #expect(try Self.cuts(world).accepted.isEmpty)
    world.onStore { _, _ in }
    // Longer than it waits before it tries again.
    for _ in 0..<80 {
      try new.fullRound()
      world.clock.advance(milliseconds: 500)
    }
    try world.settle([new], whole: true)
    #expect(try Self.cuts(world).published == ["one"])
    let manifest = try Self.manifest("one", world)
    #expect(manifest.rows == 3 && manifest.missing.isEmpty)
  }

  @Test("what lies where a source does not look any more, of older columns, holds up no cut")
  func movedAway() throws {
    let world = try StreamWorld()
    let old = try world.node()
    try world.settle([old], whole: true)
    try Self.filled(world, old)
    world.clock.advance(milliseconds: 60_000)
    world.put("folk/0.csv", "k4,d\n")
    let new = try world.node(member: "b", hash: "i") {
      $0.replacing("{id: string, name: string}", with: "{id: string, name: {from: name, type: string, default: none}}")
        .replacing("lake/people", with: "lake/folk")
    }
    new.parts.control.request(Self.request("one", lists: true))
    for _ in 0..<40 {
      try new.fullRound()
      world.clock.advance(milliseconds: 500)
    }
    try world.settle([new], whole: true)
    #expect(try Self.cuts(world).published == ["one"])
    let manifest = try Self.manifest("one", world)
    #expect(manifest.rows == 1 && manifest.missing.count == 1)
  }

  /// A cut of which all parts are held: nothing of them is in the store or on `control`.
  private static func held(_ world: StreamWorld) throws -> StreamWorld.Node {
    for number in 0...3 {
      world.put("people/\(number).csv", (0..<8).map { "k\(number * 3 + $0),\(number)\n" }.joined())
    }
    let node = try world.node(options: { $0.heldBytes = 1 << 20 })
    try world.settle([node], whole: true)
    #expect(node.context.held.isOpen)
    try world.append(.cut(id: "one", asOf: 1 << 50))
    try shardsOnly(world, node, milliseconds: 2_000)
    #expect(node.context.held.shards(of: "one").count == 2)
    #expect(try world.values("w.control").isEmpty && !world.objects.keys.contains { $0.contains("/_shards/") })
    return node
  }

  /// Everything but the publisher.
  private static func shardsOnly(_ world: StreamWorld, _ node: StreamWorld.Node, milliseconds: Int64) throws {
    for _ in 0..<10 {
      try node.round()
      _ = try node.parts.join.poll(milliseconds: 0)
      while try node.parts.join.work() {}
      while try node.parts.cuts.step() {}
      world.clock.advance(milliseconds: milliseconds / 10)
    }
  }

  private static func isReported(_ world: StreamWorld) throws -> Bool {
    let isWritten = world.objects.keys.contains { $0.contains("/_shards/") }
    return try world.values("w.control").count == 2 && isWritten
  }

  @Test("parts that were held for a publisher that is one no longer are written and reported")
  func ceased() throws {
    let world = try StreamWorld()
    let node = try Self.held(world)
    node.parts.control.rejoin()
    #expect(!node.context.held.isOpen)
    try Self.shardsOnly(world, node, milliseconds: 10)
    #expect(try Self.isReported(world) && node.context.held.isEmpty)
    // What another one would publish of them.
    try world.settle([node], whole: true)
    #expect(try Self.manifest("one", world).rows == 17)
  }

  @Test("parts that a publisher does nothing with are written and reported, and are published from there")
  func forgotten() throws {
    let world = try StreamWorld()
    let node = try Self.held(world)
    try Self.shardsOnly(world, node, milliseconds: 7_000)
    #expect(!node.context.held.isEmpty)
    try Self.shardsOnly(world, node, milliseconds: 7_000)
    #expect(try Self.isReported(world) && node.context.held.isEmpty && node.context.held.isOpen)
    try world.settle([node], whole: true)
    #expect(try Self.manifest("one", world).rows == 17)
  }

  @Test("what is held and cannot be written waits until it can")
  func heldStays() throws {
    let world = try StreamWorld()
    let node = try Self.held(world)
    node.parts.control.rejoin()
    world.onStore { operation, key throws(StoreError) in
      guard key.contains("/_shards/") else { return }
      throw StoreError(.unavailable, operation: "\(operation)", location: key, message: "it is away")
    }
    try Self.shardsOnly(world, node, milliseconds: 3_000)
    #expect(node.context.held.shards(of: "one").count == 2)
    world.onStore { _, _ in }
    try Self.shardsOnly(world, node, milliseconds: 3_000)
    #expect(try Self.isReported(world) && node.context.held.isEmpty)
    try world.settle([node], whole: true)
    #expect(try Self.manifest("one", world).rows == 17)
  }
}
