public import Columns

/// Makes one segment of several: inputs renumbered, small batches joined, rows of dropped inputs left out.
public enum SegmentBuilder {
  /// Rows that a joined batch holds at most.
  static let batchRowsMax = 4096
  /// Bytes of keys and strings at which a joined batch ends.
  static let arenaBytesMax = 1 << 20

  /// Batches of this many rows are taken over as they are, if their inputs' numbers only move.
  static let rowsTakenOver = 1024

  /// A batch, and what to add to its rows' input numbers.
  public typealias Placed = (batch: EncodedBatch, inputBase: Int)

  public struct Content: Sendable {
    /// Its extents are filled in by whoever lays the batches out.
    public var header: SegmentHeader
    public var batches: [Placed]
  }

  /// `parts` in ledger order, all of one source and schema (whose carried columns are of `types`), with their batches.
  /// With `dropsDead`, rows of dead inputs go and so do the inputs.
  public static func join(_ parts: [(ref: SegmentRef, batches: [Placed])], types: [ColumnType], dropsDead: Bool)
    throws(RowBatchCodec.CodecError) -> (content: Content, dead: Set<Int>)
  {
    let first = parts[0].ref.header
    var inputs: [SegmentInput] = []
    var dead: Set<Int> = []
    // Dead ranges apart from live ones: a cut may still hold them.
    var partitions: [[String]: Int] = [:]
    var joiner = BatchJoiner(types: types)
    for (ref, batches) in parts {
      var numbers: [Int] = []
      for (number, input) in ref.header.inputs.enumerated() {
        let isDead = ref.dead.contains(number)
        let partition = [input.tieName, isDead ? "dead" : ""]
        if isDead && dropsDead {
          numbers.append(-1)
        } else if input.key == nil, let held = partitions[partition] {
          // Ranges of one partition are one input: their rows are told apart by offset.
          inputs[held].position = max(inputs[held].position, input.position)
          numbers.append(held)
        } else {
          if input.key == nil { partitions[partition] = inputs.count }
          if isDead { dead.insert(inputs.count) }
          numbers.append(inputs.count)
          inputs.append(input)
        }
      }
      for (batch, base) in batches { try joiner.add(batch, numbers: numbers[base...]) }
    }
    let header = SegmentHeader(
      source: first.source, schema: first.schema, first: parts.map(\.ref.header.first).min() ?? first.first,
      last: parts.map(\.ref.header.last).max() ?? first.last, rows: 0, inputs: inputs, batches: [])
    var content = Content(header: header, batches: joiner.finish())
    content.header.rows = content.batches.reduce(0) { $0 + $1.batch.rows }
    return (content, dead)
  }

  /// Copies the rows of small batches together until one is full.
  private struct BatchJoiner {
    let types: [ColumnType]
    var done: [Placed] = []
    var open: RowBatch?

    init(types: [ColumnType]) { self.types = types }

    /// The n-th of `numbers` is the new number of input n; −1: its rows are left out.
    mutating func add(_ batch: EncodedBatch, numbers: ArraySlice<Int>) throws(RowBatchCodec.CodecError) {
      if batch.rows >= SegmentBuilder.rowsTakenOver, let shift = Self.shift(numbers) {
        done.append((batch, shift))
      } else {
        add(try batch.decode(types: types), numbers: Array(numbers))
      }
    }

    /// What all numbers have grown by; nil if that is not one and the same.
    private static func shift(_ numbers: ArraySlice<Int>) -> Int? {
      guard let first = numbers.first, first >= 0 else { return nil }
      for (index, number) in numbers.enumerated() where number != first + index { return nil }
      return first
    }

    private mutating func add(_ batch: RowBatch, numbers: [Int]) {
      var chosen: [UInt32] = []
      chosen.reserveCapacity(batch.count)
      for row in 0..<batch.count where numbers[batch.origins[row].input] >= 0 {
        chosen.append(UInt32(truncatingIfNeeded: row))
      }
      var from = 0
      while from < chosen.count {
        let target = openBatch(shard: batch.shard)
        let n = min(chosen.count - from, target.capacity - target.count)
        let at = target.count
        chosen[from..<from + n].withUnsafeBufferPointer { target.append($0, of: batch.rows) }
        target.renumber(from: at, numbers)
        if target.count == target.capacity || target.arena.count >= SegmentBuilder.arenaBytesMax { seal() }
        from += n
      }
    }

    private mutating func openBatch(shard: Int) -> RowBatch {
      if let open { return open }
      let made = RowBatch(
        shard: shard, types: types, capacity: SegmentBuilder.batchRowsMax,
        arenaBytes: 1 << 16)
      open = made
      return made
    }

    private mutating func seal() {
      if let open, open.count > 0 { done.append((EncodedBatch(open), 0)) }
      open = nil
    }

    mutating func finish() -> [Placed] {
      seal()
      return done
    }
  }
}

extension RowBatch {
  /// Gives the inputs of rows from `start` on other numbers.
  fileprivate func renumber(from start: Int, _ numbers: [Int]) {
    for row in start..<count {
      let origin = origins[row]
      origins[row] = RowOrigin(input: numbers[origin.input], row: origin.row, isRemoval: origin.isRemoval)
    }
  }
}
