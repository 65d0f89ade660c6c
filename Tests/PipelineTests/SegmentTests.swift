import Columns
import TestKit
import Testing

@testable import Pipeline

/// Row batches on the wire and in segments.
@Suite struct SegmentTests {
  private static let schema: UInt64 = 0xfeed_beef_0123_4567

  @Test("a frame is read back, and damage of any byte is noticed", arguments: 0..<6)
  func frame(seed: Int) throws {
    let (batches, _) = ShardSplitterTests.deal(seed: seed, shards: 1)
    guard let batch = batches.min(by: { $0.count < $1.count }) else { return }
    let frame = RowFrame(attempt: AttemptID(high: .max, low: 3), number: 7, schema: Self.schema, generation: 9)
    let bytes = frame.encode(batch)
    let types = batch.columns.map(\.type)
    try bytes.withUnsafeBytes { raw in
      let header = try RowFrame(raw)
      #expect(header.attempt == frame.attempt && header.number == 7 && header.generation == 9)
      #expect(header.schema == Self.schema)
      let back = try RowFrame.batch(raw, types: types)
      #expect(ShardSplitterTests.rows(back) == ShardSplitterTests.rows(batch) && back.checksum == batch.checksum)
    }
    var random = SeededGenerator(seed: seed)
    func isRead(_ bytes: [UInt8]) -> Bool {
      bytes.withUnsafeBytes { (try? RowFrame($0)) != nil && (try? RowFrame.batch($0, types: types)) != nil }
    }
    for at in 0..<min(bytes.count, 400) {
      // All of the front, and as many places of the rest.
      for place in [at, random.int(0...bytes.count - 1)] {
        var damaged = bytes
        damaged[place] ^= 1 << UInt8(random.int(0...7))
        #expect(!isRead(damaged), "byte \(place) of \(bytes.count)")
      }
      #expect(!isRead(Array(bytes[..<at])))
    }
    #expect(!isRead(Array(bytes.dropLast())))
  }

  @Test("halves hold the rows in order", arguments: 0..<6)
  func halves(seed: Int) {
    for batch in ShardSplitterTests.deal(seed: seed, shards: 2).batches where batch.count > 1 {
      let halves = batch.halves()
      #expect(halves.flatMap(ShardSplitterTests.rows) == ShardSplitterTests.rows(batch))
      #expect(halves.reduce(0) { $0 &+ $1.checksum } == batch.checksum)
      #expect(halves.allSatisfy { $0.count > 0 && $0.shard == batch.shard })
    }
  }

  // MARK: Joining

  private struct Row: Hashable {
    var input: String
    var row: ShardSplitterTests.Dealt
  }

  /// A segment of random rows, whose inputs are objects or partitions.
  private static func part(
    _ random: inout SeededGenerator, position: Int, records: Bool
  ) -> (ref: SegmentRef, batches: [SegmentBuilder.Placed]) {
    let (batches, _) = ShardSplitterTests.deal(seed: random.int(0...50), shards: 1)
    let inputs = (0..<4).map { number in
      records
        ? SegmentInput(topic: "t", partition: number % 3, position: position)
        : SegmentInput(bucket: "b", key: "\(position)/\(number)", position: position, modified: Int64(number))
    }
    let dead = Set((0..<4).filter { _ in random.chance(4) })
    let header = SegmentHeader(
      source: "s", schema: "c", first: position, last: position, rows: batches.reduce(0) { $0 + $1.count },
      inputs: inputs, batches: [])
    let placed: [SegmentBuilder.Placed] = batches.map { (EncodedBatch($0), 0) }
    return (SegmentRef(name: nil, bytes: 0, header: header, dead: dead, batches: placed), placed)
  }

  private static func count(
    _ batches: [SegmentBuilder.Placed], _ types: [ColumnType], _ inputs: [SegmentInput], where isWanted: (Int) -> Bool
  ) throws -> [Row: Int] {
    var counts: [Row: Int] = [:]
    for (batch, base) in batches {
      for var row in ShardSplitterTests.rows(try batch.decode(types: types)) {
        row.input += base
        guard isWanted(row.input) else { continue }
        let input = inputs[row.input].tieName
        row.input = 0
        counts[Row(input: input, row: row), default: 0] += 1
      }
    }
    return counts
  }

  @Test("a joined segment holds the rows of its parts, less those that were dropped", arguments: 0..<12)
  func join(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    let records = random.chance(2)
    let dropsDead = random.chance(2)
    let parts = (0..<random.int(1...4)).map { Self.part(&random, position: 10 + $0, records: records) }
    let types = ModelSource.types
    let (content, dead) = try SegmentBuilder.join(
      parts, types: types, dropsDead: dropsDead)
    var live: [Row: Int] = [:]
    var all: [Row: Int] = [:]
    for (ref, batches) in parts {
      live.merge(try Self.count(batches, types, ref.header.inputs) { !ref.dead.contains($0) }) { $0 + $1 }
      all.merge(try Self.count(batches, types, ref.header.inputs) { _ in true }) { $0 + $1 }
    }
    let inputs = content.header.inputs
    let counted = try Self.count(content.batches, types, inputs) { !dead.contains($0) }
    #expect(counted == live)
    let whole = try Self.count(content.batches, types, inputs) { _ in true }
    #expect(whole == (dropsDead ? live : all))
    #expect(content.header.rows == content.batches.reduce(0) { $0 + $1.batch.rows })
    #expect(!dropsDead || dead.isEmpty)
    #expect(content.header.first == 10 && content.header.last == 9 + parts.count)
    if records {
      // A partition is one input; what is dead of it apart.
      #expect(Set(inputs.indices.map { "\(inputs[$0].tieName) \(dead.contains($0))" }).count == inputs.count)
      #expect(inputs.count <= 6 && inputs.allSatisfy { $0.position < 10 + parts.count })
    } else {
      #expect(Set(inputs.map(\.tieName)).count == inputs.count)
    }
    #expect(content.batches.allSatisfy { $0.batch.rows > 0 })
  }

  // MARK: What is live

  private static func object(_ key: Int) -> ObjectIdentity { ObjectIdentity(source: "s", bucket: "b", key: "k\(key)") }

  @Test(
    "what is live of each object is where a model has it, through replacing, merging and checkpoints", arguments: 0..<30
  )
  func live(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    var set = SegmentSet()
    /// Position of each key's live rows.
    var model: [Int: Int] = [:]
    for position in 1...60 {
      let keys = Array(0..<8).shuffled(using: &random).prefix(random.int(1...4))
      let accepted = keys.filter { _ in !random.chance(4) }
      for key in accepted {
        let hadRows = set.supersede(Self.object(key))
        #expect(hadRows == (model[key] != nil), "seed \(seed)")
        model[key] = nil
      }
      set.dropDead()
      if random.chance(5) { continue }
      let inputs = keys.map { SegmentInput(bucket: "b", key: "k\($0)", position: position, modified: 0) }
      let refused = Set(
        keys.indices.map { $0 - keys.startIndex }.filter { !accepted.contains(keys[keys.startIndex + $0]) })
      set.add(
        SegmentRef(
          name: random.chance(2) ? "\(position)" : nil, bytes: 1,
          header: SegmentHeader(
            source: "s", schema: "c", first: position, last: position, rows: keys.count, inputs: inputs, batches: []),
          dead: refused))
      for key in accepted { model[key] = position }
      if random.chance(6), set.refs.count > 2 {
        let indices = set.refs.indices.filter { _ in random.chance(2) }
        if let first = indices.first {
          let (content, dead) = try SegmentBuilder.join(
            indices.map { (ref: set.refs[$0], batches: []) }, types: [], dropsDead: random.chance(2))
          set.replace(indices, with: SegmentRef(name: "m", bytes: 1, header: content.header, dead: dead))
          #expect(set.refs[first].name == "m")
        }
      }
      if random.chance(10) { set = SegmentSet(set.refs) }
      var found: [Int: Int] = [:]
      for ref in set.refs {
        for (number, input) in ref.header.inputs.enumerated() where !ref.dead.contains(number) {
          guard let key = Int(input.key?.dropFirst() ?? "") else { continue }
          #expect(found[key] == nil, "seed \(seed): two versions of \(key) are live")
          found[key] = input.position
        }
      }
      #expect(found == model, "seed \(seed), position \(position)")
    }
  }

  @Test("a refused input in an accepted entry does not hide where the object's rows are")
  func refusedInput() {
    func ref(_ position: Int, dead: Set<Int> = []) -> SegmentRef {
      SegmentRef(
        name: nil, bytes: 1,
        header: SegmentHeader(
          source: "s", schema: "c", first: position, last: position, rows: 1,
          inputs: [SegmentInput(bucket: "b", key: "k1", position: position, modified: 0)], batches: []), dead: dead)
    }
    var set = SegmentSet()
    set.add(ref(5))
    set.add(ref(9, dead: [0]))
    let hadRows = set.supersede(Self.object(1))
    #expect(hadRows)
    set.dropDead()
    #expect(set.refs.isEmpty && set.rows == 0 && set.memoryBytes == 0)
  }

  @Test("a partition that is read anew drops what was read before")
  func reopened() {
    var set = SegmentSet()
    for position in 1...3 {
      set.add(
        SegmentRef(
          name: "\(position)", bytes: 1,
          header: SegmentHeader(
            source: "s", schema: "c", first: position, last: position, rows: 1,
            inputs: (0..<2).map { SegmentInput(topic: "t", partition: $0, position: position) }, batches: [])))
    }
    func supersede(_ source: String, _ partition: Int) -> Bool {
      set.supersede(RangeIdentity(source: source, topic: "t", partition: partition))
    }
    let answers = [supersede("other", 0), supersede("s", 0), supersede("s", 0)]
    #expect(answers == [false, true, false])
    set.dropDead()
    #expect(set.refs.map(\.dead) == [[0], [0], [0]])
    let last = supersede("s", 1)
    set.dropDead()
    #expect(last && set.refs.isEmpty)
  }
}
