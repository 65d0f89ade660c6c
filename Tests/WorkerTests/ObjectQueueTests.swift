import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// What is to be done next.
@Suite struct ObjectQueueTests {
  @Test(
    "each object is read once, in groups whose entry the ledger takes, however long the names",
    arguments: [5, 200, 4000])
  func groups(nameBytes: Int) throws {
    var queue = ObjectQueue(sources: 1)
    let count = 1200
    for number in 0..<count {
      let key = "\(number)".padding(nameBytes)
      let identity = ObjectIdentity(source: "a-source-of-some-name", bucket: "", key: key)
      queue.offer(identity, source: 0, again: false, isRepair: false, token: nil)
    }
    var read: [String] = []
    while let job = queue.nextJob(now: 0, verdict: { _ in nil }) {
      switch job {
      case .look(let tasks):
        queue.looking -= 1
        for task in tasks {
          task.info = ObjectInfo(bucket: "", key: task.identity.key, size: 10, modifiedMicroseconds: 1)
        }
        queue.looked[0] += tasks
      case .read(let attempt):
        queue.finishReading(attempt)
        read += attempt.tasks.map(\.identity.key)
        let entry = try LedgerWriter.encode(.commit(commit(attempt)))
        #expect(entry.count < LedgerWriter.entryBytesMax)
        // Many short ones still share an entry.
        if nameBytes == 5 && read.count < count { #expect(attempt.tasks.count == AttemptGrouping.inputsMax) }
      default: Issue.record("nothing was staged")
      }
    }
    #expect(read.count == count && Set(read).count == count)
  }

  /// As long as it gets: all shards have rows, and objects have every fact.
  private func commit(_ attempt: ObjectAttempt) -> Commit {
    var receipt = ShardReceipt()
    receipt.rows = 1_000_000_000
    receipt.checksum = .max
    receipt.note(offset: 1_000_000_000_000)
    let sha256 = String(repeating: "f", count: 64)
    return Commit(
      generation: 1, attempt: AttemptID(high: .max, low: .max),
      inputs: attempt.tasks.map {
        CommittedInput(
          object: $0.identity, version: "1234567890-1795230000000000", base: 1_000_000_000, rowsRead: 1_000_000_000,
          rowsApplied: 1_000_000_000, rowsRejected: 1_000_000,
          facts: ObjectFacts(
            size: 1 << 40, modified: 1_795_230_000_000_000, etag: nil, versionID: nil, sha256: sha256,
            reasons: ["not_a_timestamp": 1_000_000]))
      }, schema: "0123456789abcdef", shards: Array(repeating: receipt, count: 4096))
  }
}

extension String {
  fileprivate func padding(_ bytes: Int) -> String {
    self + String(repeating: "x", count: max(0, bytes - utf8.count))
  }

  @Test("an object gets a second thread if it is large and there is a processor for it")
  func ahead() throws {
    var queue = ObjectQueue(sources: 1)
    func begins(_ bytes: Int64, threads: Int) -> Bool { queue.beginAhead(bytes, threads: threads) }
    #expect(!begins(ObjectQueue.aheadBytesMin - 1, threads: 2))
    #expect(!begins(ObjectQueue.aheadBytesMin, threads: 0))
    let read = Self.reading(&queue)
    let first = try #require(read)
    #expect(!begins(ObjectQueue.aheadBytesMin, threads: 1))
    #expect(begins(ObjectQueue.aheadBytesMin, threads: 2))
    let readToo = Self.reading(&queue)
    let second = try #require(readToo)
    #expect(!begins(.max, threads: 3))
    queue.endAhead()
    #expect(begins(.max, threads: 3))
    queue.endAhead()
    queue.finishReading(first)
    queue.finishReading(second)
    #expect(begins(.max, threads: 1))
  }

  /// One more object whose attempt is to be read.
  private static func reading(_ queue: inout ObjectQueue) -> ObjectAttempt? {
    queue.looked[0].append(
      ObjectTask(
        identity: ObjectIdentity(source: "people", bucket: "", key: "k\(queue.tasks.count)"), source: 0))
    guard case .read(let attempt) = queue.nextJob(now: 0, verdict: { _ in nil }) else { return nil }
    return attempt
  }
}
