import Testing

@testable import Pipeline

@Suite struct LedgerFoldTests {
  // MARK: One object, every interleaving

  /// Up to four operations; nothing is deleted that is not there.
  static let scripts: [[ObjectWorld.Operation]] = {
    var all: [[ObjectWorld.Operation]] = [[]]
    var last = all
    for _ in 0..<4 {
      last = last.flatMap { script in
        ObjectWorld.Operation.allCases.compactMap { operation in
          operation == .delete && script.last != .put ? nil : script + [operation]
        }
      }
      all += last
    }
    return all
  }()

  private func failures(_ rule: ObjectWorld.Rule, _ trouble: ObjectWorld.Trouble, most: Int) -> (
    traces: [[String]], worlds: Int
  ) {
    var traces: [[String]] = []
    var worlds = 0
    for script in Self.scripts where script.count <= most {
      if let trace = ObjectWorld.explore(script, trouble, rule, worlds: &worlds) { traces.append(trace) }
    }
    return (traces, worlds)
  }

  @Test("notifications late, out of order, repeated or lost: the fold ends in what the store holds")
  func truth() {
    for (trouble, most) in [([], 4), (.lost, 4), (.repeated, 3), ([.lost, .repeated], 3)]
      as [(ObjectWorld.Trouble, Int)]
    {
      let (traces, worlds) = failures(.real, trouble, most: most)
      #expect(traces.isEmpty, "\(traces.first ?? [])")
      #expect(worlds > 1000, "\(worlds) worlds")
    }
  }

  @Test("the exploration finds what happens without `base`")
  func canary() {
    let traces = failures(.withoutBase, [], most: 2).traces
    #expect(traces.contains { $0.last?.contains("accepted") == true })
  }

  // MARK: Single rules

  private let object = ObjectIdentity(source: "s", bucket: "b", key: "k")

  private func entry(
    _ objects: [(ObjectIdentity, String?, Int?)], generation: Int = 1
  ) -> LedgerEntry {
    .commit(
      Commit(
        generation: generation, attempt: AttemptID(high: 0, low: 1),
        inputs: objects.map {
          CommittedInput(object: $0, version: $1, base: $2, rowsRead: 1, rowsApplied: 1, rowsRejected: 0)
        }, shards: []))
  }

  @Test("each input of an entry is judged by itself, and after the ones before it")
  func manyInputs() {
    var fold = LedgerFold()
    _ = fold.judge(.defined(generation: 1, semanticHash: "h", shards: 4))
    let other = ObjectIdentity(source: "t", bucket: "b", key: "k")
    #expect(
      fold.judge(entry([(object, "v1", nil), (other, "v1", nil), (object, "v2", nil)]))
        == .inputs([true, true, false]))
    #expect(
      fold.objects[object].map { [$0.position, Int($0.rowsRead)] } == [1, 1] && fold.objects[object]?.version == "v1")
    #expect(fold.judge(entry([(object, "v2", 1), (other, nil, 0)])) == .inputs([true, false]))
    #expect(fold.judge(entry([(object, nil, 2), (other, nil, 1)])) == .inputs([true, true]))
    #expect(fold.objects[object]?.position == 3 && fold.objects[object]?.version == nil)
    #expect(
      fold.judge(entry([(object, "v3", nil)])) == .inputs([false]), "an absence is an entry to build on")
    #expect(fold.position == 5)
  }

  @Test("a dataset keeps its shard count; generations go up; commits of another generation are refused")
  func generations() {
    var fold = LedgerFold()
    #expect(fold.judge(entry([(object, "v1", nil)])) == .inputs([false]), "before anything is defined")
    #expect(fold.judge(.defined(generation: 1, semanticHash: "h", shards: 4)) == .accepted)
    #expect(fold.judge(.defined(generation: 2, semanticHash: "h", shards: 8)) != .accepted)
    #expect(fold.judge(.defined(generation: 1, semanticHash: "g", shards: 4)) != .accepted)
    #expect(fold.judge(.defined(generation: 3, semanticHash: "g", shards: 4)) == .accepted)
    #expect(fold.judge(.defined(generation: 2, semanticHash: "f", shards: 4)) != .accepted)
    #expect(fold.generation == 3 && fold.semanticHash == "g" && fold.shards == 4)
    #expect(fold.judge(entry([(object, "v1", nil)], generation: 1)) == .inputs([false]))
    #expect(fold.judge(entry([(object, "v1", nil)], generation: 4)) == .inputs([false]))
    #expect(fold.judge(entry([(object, "v1", nil)], generation: 3)) == .inputs([true]))
  }

  @Test("the first cut with an id counts, and ends once")
  func cuts() {
    var fold = LedgerFold()
    _ = fold.judge(.defined(generation: 1, semanticHash: "h", shards: 4))
    #expect(fold.judge(.published(cut: "a")) != .accepted)
    #expect(fold.judge(.cut(id: "a", asOf: 1)) == .accepted)
    #expect(fold.judge(.cut(id: "a", asOf: 2)) != .accepted)
    #expect(fold.judge(.cut(id: "b", asOf: 2)) == .accepted)
    #expect(fold.cuts.mapValues(\.position) == ["a": 2, "b": 4])
    #expect(fold.judge(.published(cut: "a")) == .accepted)
    #expect(fold.judge(.abandoned(cut: "a", reason: "late")) != .accepted)
    #expect(fold.judge(.abandoned(cut: "b", reason: "a check failed")) == .accepted)
    #expect(fold.judge(.published(cut: "b")) != .accepted)
    #expect(fold.judge(.cut(id: "a", asOf: 3)) != .accepted, "an id is not used again")
    #expect(fold.cuts.isEmpty)
  }
}
