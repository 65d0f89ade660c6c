import Dispatch
import Glibc
import Pipeline
import Platform
import TestKit
import Testing

@testable import Worker

/// Stores that fail, runs that are cancelled: one clear error, and nothing half published (I6).
@Suite(.serialized) struct BatchFaultTests {
  final class Counter: Sendable {
    private let count = Guarded(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
  }

  /// Counts operations and fails at one of them.
  final class Faults: Sendable {
    let count = Guarded(0)
    let failAt: Int
    let failed = Guarded<String?>(nil)

    init(failAt: Int) { self.failAt = failAt }

    var hook: MemoryStore.Hook {
      { (operation, key) throws(StoreError) in
        let number = self.count.withLock { count in
          count += 1
          return count
        }
        if number == self.failAt {
          self.failed.withLock { $0 = "\(operation.rawValue) \(key)" }
          throw StoreError(.unavailable, operation: operation.rawValue, location: key, message: "planted fault")
        }
      }
    }
  }

  @Test(
    "any one operation fails: an error that names it, or no harm; and the next run mends all", arguments: ["", "lake"])
  func oneFault(bucket: String) throws {
    let lake = Lake(seed: 11, bucket: bucket, visits: 300, files: 3)
    let clean = MemoryObjects()
    lake.fill(clean)
    let counter = Faults(failAt: -1)
    let wanted = try lake.outcome(lake.options(), lake.stores(clean, hook: counter.hook)).manifest
    let total = counter.count.withLock { $0 }
    #expect(total > 30)
    for failAt in 1...total {
      let objects = MemoryObjects()
      lake.fill(objects)
      let faults = Faults(failAt: failAt)
      let published = Published(objects: objects)
      do {
        _ = try lake.outcome(lake.options(), lake.stores(objects, hook: faults.hook))
      } catch let error as BatchError {
        let failed = faults.failed.withLock { $0 } ?? ""
        #expect("\(error)".contains("planted fault"), "\(error)")
        if !failed.contains("out") || failed.hasPrefix("open") || failed.hasPrefix("read") {
          #expect("\(error)".contains(failed.split(separator: " ")[1]), "\(failed): \(error)")
        }
      }
      #expect(try published.manifest("one").map { $0.fingerprint == wanted.fingerprint } ?? true)
      let after = try lake.outcome(lake.options(), lake.stores(objects))
      let failed = faults.failed.withLock { $0 } ?? ""
      #expect(after.manifest.fingerprint == wanted.fingerprint)
      #expect(try published.problems("one") == [], "after \(failed)")
      #expect(try published.latest()?.snapshot == "one", "after \(failed)")
    }
  }

  @Test("an object that cannot be read is named, with its source; nothing is published")
  func unreadable() throws {
    let lake = Lake(seed: 12, visits: 300, files: 4)
    for damage in ["customers/part-2.csv", "visits/part-1.jsonl"] {
      let objects = MemoryObjects()
      lake.fill(objects)
      objects.set(damage, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, 2, 3])
      do {
        _ = try lake.outcome(lake.options(), lake.stores(objects))
        Issue.record("\(damage) was read")
      } catch let error as BatchError {
        #expect(error.problems.count == 1 && error.problems[0].contains(damage), "\(error)")
      }
      #expect(objects.keys.allSatisfy { !$0.hasPrefix("out/") })
    }
  }

  @Test("cancelled at any time: it ends soon, and a snapshot is whole or not there", arguments: 0..<25)
  func cancelled(seed: Int) throws {
    let lake = Lake(seed: 13, bucket: seed % 2 == 0 ? "" : "lake", visits: 3000, files: 10)
    let objects = MemoryObjects()
    lake.fill(objects)
    var random = SeededGenerator(seed: seed)
    let delay = random.int(0...300)
    let run = try lake.run(
      lake.options(threads: random.int(1...3)),
      lake.stores(objects, readMax: 5000) { (operation, _) throws(StoreError) in
        if operation == .read { usleep(500) }
      })
    let done = DispatchSemaphore(value: 0)
    DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(delay)) {
      run.cancel()
      done.signal()
    }
    do {
      _ = try withDeadline(seconds: 20, "a run cancelled after \(delay) ms") { try run.run() }
    } catch let error as BatchError {
      #expect("\(error)".contains("stopped before the end"), "\(error)")
      #expect(try Published(objects: objects).manifest("one") == nil)
    }
    done.wait()
    #expect(try Published(objects: objects).problems("one") == [])
  }

  @Test("fetchers do not run ahead of the workers without bound")
  func runAhead() throws {
    let lake = Lake(seed: 14, visits: 10, files: 1)
    let objects = MemoryObjects()
    lake.fill(objects)
    // Each an attempt of its own, small enough for a mailbox.
    let line = Array("{\"customer\":{\"id\":\"c-1\"},\"at\":\"2025-01-01T00:00:00Z\",\"page\":\"home\"}\n".utf8)
    let text = Array(repeatElement(line, count: 3 << 20 / line.count).joined())
    for file in 0..<40 { objects.set("visits/large-\(file).jsonl", text) }
    let opened = Counter()
    let run = try lake.run(
      lake.options(threads: 1),
      lake.stores(objects) { (operation, key) throws(StoreError) in
        if operation == .open && key.contains("large") { opened.add() }
      })
    let done = DispatchSemaphore(value: 0)
    DispatchQueue.global().async {
      _ = try? run.run()
      done.signal()
    }
    // Until nothing more is opened for a while, or the run has got far.
    var last = -1
    while opened.value != last && opened.value < 40 {
      last = opened.value
      usleep(300_000)
    }
    let ahead = opened.value - run.progress.objects
    run.cancel()
    #expect(done.wait(timeout: .now() + 20) == .success)
    #expect(ahead <= 8, "\(ahead) objects were open at a time")
  }
}
