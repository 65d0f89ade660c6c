import Platform
import TestKit
import Testing

@testable import Worker

/// What a snapshot on request waits for.
@Suite struct RecordsWatchTests {
  @Test("a topic that ends in a hole does not hold a snapshot up; records that are not read yet do")
  func hole() throws {
    let world = try StreamWorld()
    let node = try world.node()
    for n in 0..<5 { try world.produce("k", "{\"n\":\(n)}") }
    try world.settle([node])
    world.broker.skip(TopicPartition("app.clicks", 0), offsets: 2)
    world.broker.skip(TopicPartition("app.clicks", 1), offsets: 1)
    var watch = try RecordsWatch(node.context)
    func isOver() -> Bool { watch.isOver(node.context) }
    #expect(!isOver())
    world.clock.advance(milliseconds: 600)
    _ = isOver()
    #expect(isOver())

    try world.produce("k", "{\"n\":5}")
    watch = try RecordsWatch(node.context)
    for _ in 0..<4 {
      #expect(!isOver())
      world.clock.advance(milliseconds: 600)
    }
    try world.settle([node])
    #expect(isOver())
  }
}
