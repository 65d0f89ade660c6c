internal import Platform

/// Row batches that this worker has sent to its own shards: what the broker has acknowledged need not be fetched from it.
///
/// Staging is a cache, and every entry's receipt is verified (I3), so nothing depends on what is here: what is not, because
/// its shard was somebody else's then, or there is too much of it, is read from `rows`. Thread-safe.
final class OwnRows: Sendable {
  struct Message {
    var offset: Int64
    var frame: [UInt8]
  }

  private struct Box {
    var messages: [Message] = []
    var bytes = 0
  }

  /// Of the shards that take them.
  private let boxes = Locked<[Int: Box]>([:])
  private let bytesMax: Int

  /// `bytesMax`: of a shard.
  init(bytesMax: Int = 16 << 20) { self.bytesMax = bytesMax }

  /// Shards that take them.
  var shards: Set<Int> { boxes.withLock { Set($0.keys) } }
  var isEmpty: Bool { boxes.withLock { $0.isEmpty } }

  /// From now on the shard's are kept.
  func open(_ shard: Int) { boxes.withLock { $0[shard] = $0[shard] ?? Box() } }
  func close(_ shard: Int) { boxes.withLock { _ = $0.removeValue(forKey: shard) } }

  /// Takes what was appended, as far as its shard's owner is here and there is room.
  func add(_ messages: [OutgoingMessage], _ offsets: [Int64]) {
    boxes.withLock { boxes in
      for (message, offset) in zip(messages, offsets) {
        guard let shard = message.partition, let frame = message.value, let bytes = boxes[shard]?.bytes,
          bytes + frame.count <= bytesMax
        else { continue }
        boxes[shard]?.messages.append(Message(offset: offset, frame: frame))
        boxes[shard]?.bytes += frame.count
      }
    }
  }

  /// Bytes that wait for a shard.
  func bytes(_ shard: Int) -> Int { boxes.withLock { $0[shard]?.bytes ?? 0 } }

  func take(_ shard: Int) -> [Message] {
    boxes.withLock { boxes in
      guard let box = boxes[shard], !box.messages.isEmpty else { return [] }
      boxes[shard] = Box()
      return box.messages
    }
  }
}
