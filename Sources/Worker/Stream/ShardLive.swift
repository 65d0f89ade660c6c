internal import Columns
internal import Definition
internal import Pipeline
internal import Platform

/// A shard's current features, for the `features` topic.
final class ShardLive {
  init(_ context: StreamContext, shard: Int) throws {}
  func add(_ ref: SegmentRef, source: Int) throws {}
  func replace(_ refs: [SegmentRef], _ shard: JoinShard) throws {}
  func rebuild(_ refs: [SegmentRef], _ shard: JoinShard) throws {}
  func forgetTouched() {}
  var hasWaiting: Bool { false }
  func emit(_ shard: JoinShard, moreToCome: Bool) throws -> Bool { false }
}
