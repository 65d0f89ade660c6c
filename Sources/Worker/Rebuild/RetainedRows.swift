internal import Columns
internal import Definition
internal import Pipeline
internal import Platform

/// Rows of a manifest's inputs, out of the segments that a stream keeps (ARCHITECTURE.md §5).
///
/// A row is told by its input and its number there, and both are in the segment: an object's rows by the position of the
/// entry that brought them (an object may have had several versions), a partition's by their offsets. Whether they count
/// today does not matter, only whether they are there; that all are shows in their number, which the manifest knows.
struct RetainedRows: Sendable {
  let segments: RetainedSegments
  /// The ledger position of the manifest's cut.
  let cut: Int

  /// Gives the rows of `inputs` of one source in batches, with the inputs' numbers; false of `body` ends it. What comes
  /// back is which inputs are not there whole, and what there is of them.
  func read(_ inputs: AttemptInputs, _ plan: SourcePlan, _ body: (RowBatch) -> Bool) throws -> [(
    input: Int, reason: String
  )] {
    var search = Search(inputs, cut: cut)
    for age in RetainedSegments.Age.allCases where !search.isComplete {
      let found = try segments.segments(age).filter {
        $0.header.source == plan.source.name && $0.header.schema == plan.schemaHash
      }
      for segment in found { search.choose(segment.header) }
      for segment in found where !search.isComplete {
        let numbers = search.numbers(segment)
        guard !numbers.isEmpty, let bytes = try segments.bytes(segment.shard, segment.name) else { continue }
        for extent in segment.header.batches {
          let batch = try bytes.withRawBytes {
            try SegmentCodec.batch(segment.name, $0, extent, types: plan.carriedTypes)
          }
          let rows = batch.selecting { search.take($0, base: extent.inputBase, numbers) }
          if rows.count > 0 && !body(rows) { return [] }
        }
        search.finish(segment, numbers)
      }
    }
    return search.missing(in: segments.state.key(""))
  }

  /// What is looked for, and what was found of it so far.
  private struct Search {
    private let inputs: AttemptInputs
    private let cut: Int
    private let wanted: [UInt64]
    /// Offsets of each range.
    private let parts: [[Range<Int64>]]
    private var found: [UInt64]
    private var objects: [Name: Int] = [:]
    private var partitions: [Name: Int] = [:]
    /// Of objects: the position of the entry that is meant.
    private var positions: [Int?]
    /// Of partitions.
    private var seen: [NumberSet]
    /// Objects that a shard has given all of.
    private var done: Set<[Int]> = []

    private struct Name: Hashable {
      var first: String
      var second: String
    }

    init(_ inputs: AttemptInputs, cut: Int) {
      self.inputs = inputs
      self.cut = cut
      wanted =
        inputs.objects.map { $0.expected?.rowsApplied ?? 0 } + inputs.ranges.map { $0.expected?.rowsApplied ?? 0 }
      parts = inputs.ranges.map(\.parts)
      found = Array(repeating: 0, count: wanted.count)
      positions = Array(repeating: nil, count: inputs.objects.count)
      seen = Array(repeating: NumberSet(), count: inputs.ranges.count)
      for (number, file) in inputs.objects.enumerated() {
        objects[Name(first: file.info.bucket, second: file.info.key)] = number
      }
      for (number, range) in inputs.ranges.enumerated() {
        partitions[Name(first: range.range.topic, second: "\(range.range.partition)")] = number
      }
    }

    var isComplete: Bool { found == wanted }

    private func object(_ input: SegmentInput) -> Int? {
      guard let bucket = input.bucket, let key = input.key else { return nil }
      return objects[Name(first: bucket, second: key)]
    }

    /// Of an object's versions with the manifest's Last-Modified the last one before the cut is meant. (A manifest of a
    /// batch has a position of another ledger; then the last one at all may be.)
    mutating func choose(_ header: SegmentHeader) {
      for input in header.inputs {
        guard let number = object(input), input.modified == inputs.objects[number].modified,
          found[number] == 0
        else { continue }
        func rank(_ position: Int) -> (Int, Int) { (position < cut ? 1 : 0, position) }
        if let held = positions[number], rank(held) >= rank(input.position) { continue }
        positions[number] = input.position
      }
    }

    /// Our numbers of a segment's inputs that are wanted of it.
    func numbers(_ segment: RetainedSegments.Segment) -> [Int: Int] {
      var numbers: [Int: Int] = [:]
      for (index, input) in segment.header.inputs.enumerated() {
        if let number = object(input) {
          guard positions[number] == input.position, !done.contains([segment.shard, number]) else { continue }
          numbers[index] = number
        } else if let topic = input.topic, let partition = input.partition,
          let number = partitions[Name(first: topic, second: "\(partition)")]
        {
          numbers[index] = inputs.objects.count + number
        }
      }
      return numbers
    }

    /// The row's origin among our inputs, if it is one of theirs that has not come before.
    mutating func take(_ origin: RowOrigin, base: Int, _ numbers: [Int: Int]) -> RowOrigin? {
      guard let number = numbers[base + origin.input] else { return nil }
      if number >= inputs.objects.count {
        let range = number - inputs.objects.count
        // A record's row number is its offset + 1.
        let offset = Int64(origin.row) - 1
        guard parts[range].contains(where: { $0.contains(offset) }), seen[range].insert(origin.row) else { return nil }
      }
      found[number] += 1
      return RowOrigin(input: number, row: origin.row, isRemoval: origin.isRemoval)
    }

    mutating func finish(_ segment: RetainedSegments.Segment, _ numbers: [Int: Int]) {
      for number in numbers.values where number < inputs.objects.count { done.insert([segment.shard, number]) }
    }

    func missing(in place: String) -> [(input: Int, reason: String)] {
      wanted.indices.filter { found[$0] != wanted[$0] }.map { number in
        (number, "the segments retained in \(place) hold \(found[number]) of its \(wanted[number]) rows")
      }
    }
  }
}
