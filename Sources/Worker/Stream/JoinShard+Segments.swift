internal import Columns
internal import Pipeline

/// Rows that are only in memory become files, and small files become larger ones.
extension JoinShard {
  /// Rows that are only in memory become files, one a source and stretch between cuts.
  func seal() throws {
    let boundaries = context.options.sabotage == .stretch ? [] : cuts.positions
    // By position, of which each entry's rows have their own: sealing one group moves the indices of the others.
    var groups: [String: [Int]] = [:]
    for ref in segments.refs where ref.name == nil {
      let stretch = boundaries.count { $0 < ref.header.first }
      groups["\(ref.header.source) \(ref.header.schema) \(stretch)", default: []].append(ref.header.first)
    }
    for positions in groups.values.sorted(by: { $0[0] < $1[0] }) {
      let members = Set(positions)
      let indices = segments.refs.indices.filter {
        segments.refs[$0].name == nil && members.contains(segments.refs[$0].header.first)
      }
      try join(indices, dropsDead: cuts.isEmpty)
    }
    // What only a pending cut still holds.
    try cuts.seal { ref in
      let (content, dead) = try SegmentBuilder.join(
        [(ref, ref.batches)], types: types(of: ref), dropsDead: false)
      let (name, header, pieces) = try SegmentCodec.encode(content, shard: shard)
      try storage.saveLocally(name, pieces)
      return SegmentRef(name: name, bytes: pieces.reduce(0) { $0 + $1.count }, header: header, dead: dead)
    }
  }

  /// Small files of a source become one, so that their number stays bounded as records come in.
  func merge() throws {
    var groups: [String: [Int]] = [:]
    for (index, ref) in segments.refs.enumerated() {
      guard let source = context.source(ref.header.source),
        ref.header.schema == context.plan.sources[source].schemaHash
      else { continue }
      groups[ref.header.source, default: []].append(index)
    }
    for indices in groups.values where indices.count > JoinShard.filesMax {
      // The newest ones are the smallest as a rule; equal sizes are merged, as in any log of sorted files.
      let small = indices.sorted { segments.refs[$0].bytes < segments.refs[$1].bytes }
      try join(small.prefix(JoinShard.filesMerged).sorted(), dropsDead: true)
      return
    }
  }

  private func join(_ indices: [Int], dropsDead: Bool) throws {
    let parts = try indices.map { index in
      let ref = segments.refs[index]
      return (ref: ref, batches: try batches(of: ref))
    }
    guard let first = parts.first?.ref else { return }
    let (content, dead) = try SegmentBuilder.join(parts, types: types(of: first), dropsDead: dropsDead)
    let (name, header, pieces) = try SegmentCodec.encode(content, shard: shard)
    try storage.saveLocally(name, pieces)
    let ref = SegmentRef(name: name, bytes: pieces.reduce(0) { $0 + $1.count }, header: header, dead: dead)
    // A cut that holds the same rows names the file from now on.
    let firsts = Set(indices.map { segments.refs[$0].header.first })
    cuts.rename(firsts, to: ref)
    segments.replace(indices, with: ref)
  }

  private func types(of ref: SegmentRef) -> [ColumnType] {
    context.source(ref.header.source).map { context.types(source: $0) } ?? []
  }

  /// A segment's batches with what to add to their input numbers.
  func batches(of ref: SegmentRef) throws -> [SegmentBuilder.Placed] {
    guard let name = ref.name else { return ref.batches }
    let bytes = try storage.bytes(name, verify: false)
    return try ref.header.batches.map { (try SegmentCodec.encoded(name, bytes.bytes, $0), $0.inputBase) }
  }
}
