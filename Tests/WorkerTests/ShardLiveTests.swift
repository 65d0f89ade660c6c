import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// What the topic of features is told.
@Suite struct ShardLiveTests {
  private struct Told {
    var rows: [String: String?] = [:]
    var messages = 0
  }

  /// A worker with all shards that tells features.
  private final class Teller {
    let world: StreamWorld
    let node: StreamWorld.Node
    private var drivers: [ShardDriver] = []
    private var readers: [any PartitionReader] = []

    init(_ world: StreamWorld) throws {
      self.world = world
      node = try world.node(options: { $0.emitsFeatures = true })
      let context = node.context
      try world.settle([node])
      for shard in 0..<2 {
        drivers.append(try ShardDriver(context, shard: shard, files: MemorySegmentFiles()))
        readers.append(try world.broker.reader(TopicPartition(context.topics.features, shard), from: 0))
      }
    }

    /// Commits what was offered and gives what was told of it.
    func tell() throws -> Told {
      try world.settle([node])
      var told = Told()
      for (driver, reader) in zip(drivers, readers) {
        try driver.settle()
        _ = try driver.shard.live?.emit(driver.shard, moreToCome: false)
        while let block = try reader.poll(milliseconds: 0, maxBytes: 1 << 20) {
          for index in 0..<block.count {
            told.messages += 1
            let key = String(decoding: block.key(index) ?? [], as: UTF8.self)
            told.rows[key] = .some(block.value(index).map { String(decoding: $0, as: UTF8.self) })
          }
        }
      }
      return told
    }
  }

  @Test("an object that is replaced tells the keys whose rows it changed, added and took away, and no others")
  func replaced() throws {
    let world = try StreamWorld()
    let teller = try Teller(world)
    world.put("people/a.csv", (0..<100).map { "k\($0),a\n" }.joined())
    world.put("people/b.csv", (100..<200).map { "k\($0),b\n" }.joined())
    world.put("visits/a.csv", (0..<200).map { "k\($0),1\n" }.joined())
    for key in ["people/a.csv", "people/b.csv", "visits/a.csv"] { teller.node.offer(key) }
    #expect(try teller.tell().rows.count == 200)
    // k7's name changes, k8 goes, k500 is new, and the order is another.
    let rows = (0..<100).reversed().filter { $0 != 8 }.map { "k\($0),\($0 == 7 ? "other" : "a")\n" }
    world.put("people/a.csv", rows.joined() + "k500,new\n")
    teller.node.offer("people/a.csv")
    var told = try teller.tell()
    #expect(told.messages == 3 && Set(told.rows.keys) == ["k7", "k8", "k500"])
    #expect(told.rows["k8"] == .some(nil) && told.rows["k7"]??.contains("other") == true)
    // Of a source that is aggregated: one sum changes.
    world.put("visits/a.csv", (0..<200).map { "k\($0),\($0 == 150 ? 9 : 1)\n" }.joined())
    teller.node.offer("visits/a.csv")
    told = try teller.tell()
    #expect(Array(told.rows.keys) == ["k150"] && told.rows["k150"]??.contains("9") == true)
    // The same rows again: nothing is told.
    world.put("people/b.csv", (100..<200).reversed().map { "k\($0),b\n" }.joined())
    teller.node.offer("people/b.csv")
    #expect(try teller.tell().messages == 0)
    // And an object that goes takes its keys along.
    world.objects.remove("people/b.csv")
    teller.node.offer("people/b.csv")
    told = try teller.tell()
    #expect(told.messages == 100 && told.rows.values.allSatisfy { $0 == nil })
  }

  @Test("a row that was not told yet when another object was replaced is told")
  func waiting() throws {
    let world = try StreamWorld()
    let teller = try Teller(world)
    world.put("people/a.csv", "k1,a\nk2,a\n")
    teller.node.offer("people/a.csv")
    world.put("people/b.csv", "k3,b\n")
    teller.node.offer("people/b.csv")
    #expect(try teller.tell().rows.count == 3)
    // Both are folded before anything is told.
    world.put("people/c.csv", "k4,c\n")
    teller.node.offer("people/c.csv")
    world.put("people/b.csv", "k3,b2\n")
    teller.node.offer("people/b.csv")
    #expect(Set(try teller.tell().rows.keys) == ["k3", "k4"])
  }

  @Test("a row that no message holds is left out, and the others are told")
  func tooLarge() throws {
    let world = try StreamWorld(
      text: StreamWorld.text.replacing("people: [name]", with: "people: {name: name, again: name}"))
    let teller = try Teller(world)
    world.put("people/a.csv", "k1,a\nk2,\(String(repeating: "x", count: 600_000))\nk3,c\n")
    teller.node.offer("people/a.csv")
    #expect(Set(try teller.tell().rows.keys) == ["k1", "k3"])
  }
}
