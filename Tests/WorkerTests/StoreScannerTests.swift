import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Listings that find what no notification spoke of.
@Suite struct StoreScannerTests {
  private func hints(_ world: StreamWorld) throws -> Int64 {
    try world.broker.bounds((0..<16).map { TopicPartition("s3.events", $0) }).values.reduce(0) { $0 + $1.end }
  }

  @Test("each difference is told once a while; nothing is told of what is accepted")
  func dedupe() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    let scanner = try StoreScanner(node.context)
    for number in 0..<5 { world.put("people/\(number).csv", "k,a\n") }
    world.objects.set("elsewhere/0.csv", [1])
    #expect(try scanner.step())
    #expect(try hints(world) == 5)
    #expect(try !scanner.step())
    scanner.request(again: false)
    #expect(scanner.isAsked)
    #expect(try scanner.step())
    #expect(try hints(world) == 5, "they are on their way")
    world.clock.advance(milliseconds: StoreScanner.patience / 1000 + 1)
    scanner.request(again: false)
    _ = try scanner.step()
    #expect(try hints(world) == 10)
    try world.settle([node])
    world.clock.advance(milliseconds: StoreScanner.patience / 1000 + 1)
    scanner.request(again: false)
    _ = try scanner.step()
    #expect(try hints(world) == 10)
    world.objects.remove("people/0.csv")
    world.put("people/1.csv", "k,b\n")
    scanner.request(again: false)
    _ = try scanner.step()
    #expect(try hints(world) == 12)
    scanner.request(again: true)
    _ = try scanner.step()
    #expect(try hints(world) == 16, "all that are there")
  }

  @Test("a listing that failed is still wanted")
  func requestOutlivesFailure() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    let scanner = try StoreScanner(node.context)
    _ = try scanner.step()
    world.put("people/0.csv", "k,a\n")
    world.onBroker { operation, _, place throws(BrokerError) in
      if operation == .append { throw StreamWorld.unavailable(place) }
    }
    scanner.request(again: true)
    #expect(throws: BrokerError.self) { try scanner.step() }
    world.onBroker { _, _, _ in }
    #expect(scanner.isAsked)
    #expect(try scanner.step())
    #expect(try hints(world) == 1)
  }

  @Test("what a listing repaired is counted once it is accepted, and what is set aside is never counted")
  func repaired() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    let scanner = try StoreScanner(node.context)
    _ = try scanner.step()
    world.put("people/0.csv", "k,a\n")
    world.objects.set("people/bad.csv", Array("nothing,of,this\n1,2,3\n".utf8), modified: 1)
    for _ in 0..<4 {
      scanner.request(again: false)
      _ = try scanner.step()
      for _ in 0..<100 {
        try node.round()
        world.clock.advance(milliseconds: 1000)
      }
    }
    #expect(node.parts.totals.repaired == 1)
    #expect(try hints(world) >= 2, "both are told of")
  }

  @Test("complete: once the stores hold nothing that the ledger has not")
  func complete() throws {
    let world = try StreamWorld()
    let node = try world.node()
    try world.settle([node])
    let scanner = try StoreScanner(node.context)
    func isComplete() throws -> Bool {
      world.clock.advance(milliseconds: 300)
      return try scanner.isComplete()
    }
    #expect(try isComplete())
    world.put("people/0.csv", "k,a\n")
    #expect(try !isComplete())
    try world.settle([node])
    #expect(try isComplete())
    world.objects.remove("people/0.csv")
    #expect(try !isComplete())
    try world.settle([node])
    #expect(try isComplete())
  }
}
