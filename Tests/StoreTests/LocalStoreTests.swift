import Digests
import Foundation
import Glibc
import Platform
import Synchronization
import TestKit
import Testing

@testable import LocalStore

struct LocalStoreTests {
  private let store = LocalStore()
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  // MARK: Files of this machine

  @Test("a file is adopted as it is, over whatever is there, again and again")
  func filesAreAdopted() throws {
    let file = directory.path("cache/a")
    try directory.write("cache/a", "one")
    var old = timespec(tv_sec: 1000, tv_nsec: 0)
    withUnsafePointer(to: &old) { _ = utimensat(AT_FDCWD, file, [$0.pointee, $0.pointee], 0) }
    try directory.write("out/x/a", "before")
    for _ in 0..<2 {
      #expect(try store.adopt(directory.path("out/x/a"), file: file))
      let info = try store.head(directory.path("out/x/a"))
      #expect(try store.contents(info) == Array("one".utf8))
      // Whoever sweeps by age must not take it for one that has lain there for long.
      #expect(info.modifiedMicroseconds > 1_000_000_000_000_000)
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path("out/x")) == ["a"])
    }
    // Each name is removed for itself.
    #expect(unlink(file) == 0)
    #expect(try store.contents(try store.head(directory.path("out/x/a"))) == Array("one".utf8))
  }

  @Test("what cannot be adopted is left to be written")
  func notAdopted() throws {
    try directory.write("cache/a", "one")
    // Another file system, where this machine has one.
    var (here, there) = (stat(), stat())
    if stat(directory.path("cache/a"), &here) == 0, stat("/dev/shm", &there) == 0, here.st_dev != there.st_dev {
      let other = "/dev/shm/tributary-adopt-\(getpid())"
      #expect(try store.adopt("\(other)/a", file: directory.path("cache/a")) == false)
      #expect(try FileManager.default.contentsOfDirectory(atPath: other) == [])
      rmdir(other)
    }
    #expect(try store.adopt(directory.path("b"), file: directory.path("cache")) == false)
    #expect(throws: StoreError.self) { try store.adopt(directory.path("b"), file: directory.path("cache/none")) }
  }

  // MARK: Directories

  @Test("a directory goes with its last file, up to the store's root and no further")
  func emptyDirectoriesGo() throws {
    let rooted = LocalStore(root: directory.path("out"))
    for name in ["out/a/b/1", "out/a/b/2", "out/a/3", "out/c/4", "elsewhere/5"] { try directory.write(name) }
    func isThere(_ name: String) -> Bool { access(directory.path(name), F_OK) == 0 }
    try rooted.delete(directory.path("out/a/b/1"))
    #expect(isThere("out/a/b"))
    try rooted.delete(directory.path("out/a/b/2"))
    #expect(!isThere("out/a/b") && isThere("out/a/3"))
    try rooted.delete(directory.path("out/a/3"))
    try rooted.delete(directory.path("out/c/4"))
    #expect(!isThere("out/a") && !isThere("out/c") && isThere("out"))
    // It is not there any more, nor is its directory.
    try rooted.delete(directory.path("out/c/4"))
    try rooted.delete(directory.path("elsewhere/5"))
    #expect(isThere("elsewhere"))
    // Without a root, nothing goes.
    try directory.write("out/a/1")
    try store.delete(directory.path("out/a/1"))
    #expect(isThere("out/a"))
  }

  @Test("who writes into a directory while others empty it loses nothing")
  func emptiedWhileWrittenTo() throws {
    let out = directory.path("out")
    let rooted = LocalStore(root: out)
    let failures = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for round in 0..<200 {
        do {
          let path = "\(out)/x/y/z/\(thread)"
          try rooted.put(path, [UInt8(thread)], condition: round % 2 == 0 ? .always : .ifAbsent)
          if try rooted.contents(try rooted.head(path)) != [UInt8(thread)] { throw CancellationError() }
          try rooted.delete(path)
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
    }
    #expect(failures.withLock { $0 } == [])
    #expect(access("\(out)/x", F_OK) != 0)
  }

  // MARK: Reading

  @Test(arguments: [0, 1, 4096, 1_000_003]) func aFileIsReadWhole(size: Int) throws {
    var random = SeededRandom(seed: UInt64(size))
    let bytes = random.bytes(size)
    let path = directory.path("f")
    try store.put(path, bytes, condition: .always)
    let info = try #require(try store.listAll(path).first)
    #expect(info.size == Int64(size))
    for piece in [1000, 4096, 1 << 20] { #expect(try store.contents(info, piece: piece) == bytes) }
  }

  @Test func aRangeOfAFileIsReadAlone() throws {
    var random = SeededRandom(seed: 3)
    let bytes = random.bytes(10_000)
    let path = directory.path("f")
    try store.put(path, bytes, condition: .always)
    // Whatever its age: it is never written to again.
    let info = ObjectInfo(bucket: "", key: path, size: 10_000, modifiedMicroseconds: 0)
    for range in [0..<10_000, 0..<1, 9_999..<10_000, 4_097..<8_000, 5..<5] as [Range<Int64>] {
      #expect(try store.bytes(info, range) == Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)]))
    }
    for size in [9_999, 10_001] as [Int64] {
      let other = ObjectInfo(bucket: "", key: path, size: size, modifiedMicroseconds: 0)
      #expect(code { () throws(StoreError) in try store.bytes(other, 0..<10) } == .changed)
    }
    unlink(path)
    #expect(code { () throws(StoreError) in try store.bytes(info, 0..<10) } == .notFound)
    mkfifo(path, 0o600)
    #expect(code { () throws(StoreError) in try store.bytes(info, 0..<10) } == .changed)
  }

  @Test func aFileThatChangedSinceItWasListedIsNotRead() throws {
    let path = directory.path("f")
    try directory.write("f", "old content")
    let info = try #require(try store.listAll(path).first)
    try directory.write("f", "new content!")
    #expect(code { () throws(StoreError) in try store.open(info) } == .changed)
    // The same length, another time.
    try directory.write("f", "new content")
    utimes(path, [timeval(tv_sec: 1000, tv_usec: 0), timeval(tv_sec: 1000, tv_usec: 5)])
    #expect(code { () throws(StoreError) in try store.open(info) } == .changed)
    #expect(try store.head(path).modifiedMicroseconds == 1_000_000_005)
    unlink(path)
    #expect(code { () throws(StoreError) in try store.open(info) } == .notFound)
  }

  /// Appended to, cut, and overwritten in place while it is read.
  @Test(arguments: [0, 1, 2]) func aFileThatChangesWhileItIsReadIsNotMixed(how: Int) throws {
    let path = directory.path("f")
    try store.put(path, [UInt8](repeating: 1, count: 300_000), condition: .always)
    utimes(path, [timeval(tv_sec: 1000, tv_usec: 0), timeval(tv_sec: 1000, tv_usec: 0)])
    let reader = try store.open(try store.head(path))
    var start = [UInt8](repeating: 0, count: 100_000)
    _ = try start.withUnsafeMutableBytes { try reader.read(into: $0) }
    switch how {
    case 0:
      let file = open(path, O_WRONLY | O_APPEND)
      Glibc.write(file, "more", 4)
      close(file)
    case 1: truncate(path, 150_000)
    default:
      let file = open(path, O_WRONLY)
      pwrite(file, "2222", 4, 250_000)
      close(file)
    }
    let error = failure { () throws(StoreError) in try reader.rest() }
    #expect(error?.code == .changed && error?.hint.isEmpty == false)
  }

  @Test func aReplacedFileIsReadToTheEndAsItWas() throws {
    // The open descriptor keeps the old file: whole old bytes are right, and what rename is for.
    let path = directory.path("f")
    let old = [UInt8](repeating: 1, count: 300_000)
    try store.put(path, old, condition: .always)
    let reader = try store.open(try store.head(path))
    try store.put(path, [UInt8](repeating: 2, count: 300_000), condition: .always)
    #expect(try reader.rest() == old)
  }

  @Test func aPipeInAFilesPlaceDoesNotBlock() throws {
    mkfifo(directory.path("p"), 0o644)
    let info = ObjectInfo(bucket: "", key: directory.path("p"), size: 0, modifiedMicroseconds: 0)
    #expect(code { () throws(StoreError) in try store.open(info) } == .other)
  }

  // MARK: Writing

  @Test func directoriesAreMadeAndNothingElseIsLeft() throws {
    try store.put(directory.path("a/b/c.json"), [1, 2], condition: .always)
    try store.put(directory.path("a/b/c.json"), [3], condition: .always)
    try store.put(directory.path("a/d"), [4], condition: .ifAbsent)
    #expect(
      code { () throws(StoreError) in try store.put(directory.path("a/d"), [5], condition: .ifAbsent) }
        == .exists)
    let etag = try #require(try store.head(directory.path("a/d")).etag)
    #expect(etag == SHA256.hex(SHA256.digest([4])))
    #expect(
      try store.put(directory.path("a/d"), [6], condition: .ifMatch(etag: etag))
        == SHA256.hex(SHA256.digest([6])))
    #expect(
      code { () throws(StoreError) in
        try store.put(directory.path("a/d"), [7], condition: .ifMatch(etag: etag))
      } == .changed)
    #expect(
      code { () throws(StoreError) in
        try store.put(directory.path("a/e"), [7], condition: .ifMatch(etag: etag))
      } == .changed)
    #expect(try directory.names() == ["a", "a/b", "a/b/c.json", "a/d"])
    #expect(try store.contents(try store.head(directory.path("a/b/c.json"))) == [3])
    try store.delete(directory.path("a/d"))
    try store.delete(directory.path("a/d"))
    try store.delete(directory.path("no/such/directory"))
    #expect(try directory.names() == ["a", "a/b", "a/b/c.json"])
    // A file where a directory should be, and the reverse.
    #expect(
      code { () throws(StoreError) in try store.put(directory.path("a/b/c.json/x"), [1], condition: .always) }
        != nil)
    #expect(
      code { () throws(StoreError) in try store.put(directory.path("a/b"), [1], condition: .always) } != nil)
    #expect(code { () throws(StoreError) in try store.delete(directory.path("a/b")) } != nil)
    #expect(
      code { () throws(StoreError) in try store.put(directory.path("a/"), [1], condition: .always) } == .other
    )
    #expect(try directory.names() == ["a", "a/b", "a/b/c.json"])
  }

  @Test func aWriterShowsNothingBeforeItsEnd() throws {
    let path = directory.path("w/f")
    let writer = try store.writer(path)
    try writer.write(Array("hello ".utf8))
    #expect(try store.listAll(directory.path).isEmpty)
    try writer.write(Array("world".utf8))
    try writer.finish()
    writer.abort()
    #expect(try store.contents(try store.head(path)) == Array("hello world".utf8))
    #expect(code { () throws(StoreError) in try writer.write([1]) } == .other)
    #expect(code { () throws(StoreError) in try writer.finish() } == .other)
    try store.writer(path).write([1])
    let aborted = try store.writer(path)
    try aborted.write([1])
    aborted.abort()
    #expect(try directory.names() == ["w", "w/f"])
    #expect(try store.contents(try store.head(path)) == Array("hello world".utf8))
  }

  @Test("a large file goes to its device in blocks, whatever the pieces and the file system", arguments: 0..<12)
  func largeFiles(seed: Int) throws {
    var random = SeededGenerator(seed: seed)
    // The system takes all of a block, some of it, or refuses blocks at once or after a while (EINVAL).
    let refusesAfter = random.pick([Int.max, Int.max, 0, 2])
    let takesMost = random.pick([Int.max, Int.max, 70_000, 3])
    let calls = Mutex(0)
    let store = LocalStore { descriptor, bytes, count in
      let call = calls.withLock { calls in
        defer { calls += 1 }
        return calls
      }
      if call >= refusesAfter, fcntl(descriptor, F_GETFL) & __O_DIRECT != 0 {
        errno = EINVAL
        return -1
      }
      return Glibc.write(descriptor, bytes, takesMost == 3 && call % 2 == 0 ? min(count, 3) : min(count, takesMost))
    }
    let size = LocalWriter.blockBytes * random.int(0...4) + random.pick([-1, 0, 1, 5000])
    let contents = (0..<max(0, size)).map { _ in UInt8.random(in: 0...255, using: &random) }
    let writer = try store.writer(directory.path("large"))
    var at = 0
    while at < contents.count {
      let count = min(contents.count - at, random.pick([1, 100, 4096, 300_000, LocalWriter.blockBytes, 1 << 21]))
      try writer.write(Array(contents[at..<at + count]))
      at += count
    }
    try writer.finish()
    let info = try store.head(directory.path("large"))
    #expect(try store.contents(info) == contents, "seed \(seed)")
  }

  @Test func oneOfTwelveRacingWritersWins() throws {
    for round in 0..<50 {
      let path = directory.path("race\(round)")
      let store = self.store
      let codes = onThreads(12) { index in
        code { () throws(StoreError) in try store.put(path, [UInt8(index)], condition: .ifAbsent) }
      }
      #expect(codes.count { $0 == nil } == 1)
      #expect(codes.count { $0 == .exists } == 11)
      let winner = try #require(codes.firstIndex { $0 == nil })
      #expect(try store.contents(try store.head(path)) == [UInt8(winner)])
    }
    #expect(try directory.names().count == 50)
  }

  /// Twelve threads each count up by compare-and-swap: no increment may be lost.
  @Test func comparedWritesLoseNothing() throws {
    let path = directory.path("counter")
    try store.put(path, Array("0".utf8), condition: .ifAbsent)
    let store = self.store
    let failures = onThreads(12) { _ in
      failure { () throws(StoreError) in
        var done = 0
        while done < 10 {
          let info = try store.head(path)
          guard let bytes = try? store.contents(info), let etag = info.etag,
            SHA256.hex(SHA256.digest(bytes)) == etag,
            let number = Int(String(decoding: bytes, as: UTF8.self))
          else { continue }
          do throws(StoreError) {
            try store.put(path, Array(String(number + 1).utf8), condition: .ifMatch(etag: etag))
            done += 1
          } catch {
            guard error.code == .changed else { throw error }
          }
        }
      }
    }
    #expect(failures.allSatisfy { $0 == nil }, "\(failures.compactMap { $0 })")
    #expect(try store.contents(try store.head(path)) == Array("120".utf8))
    #expect(try directory.names() == ["counter"])
  }

  /// Other processes exclude each other by the same lock, and a killed one does not hold it for ever.
  @Test(.timeLimit(.minutes(1))) func aLockThatAnotherProcessHoldsIsWaitedFor() throws {
    let path = directory.path("f")
    let etag = try #require(try store.put(path, [1], condition: .always))
    let name = ".tributary-\(SHA256.hex(Array(SHA256.digest(Array("f".utf8)).prefix(12)))).lock"
    let holder = try LeashedProcess([
      "python3", "-c",
      "import fcntl,sys,time;f=open(sys.argv[1],'w');fcntl.flock(f,2);print('held',flush=True);time.sleep(600)",
      directory.path(name),
    ])
    #expect(holder.readLine() == "held")
    let store = self.store
    let isDone = Mutex(false)
    Thread.detachNewThread {
      Thread.sleep(forTimeInterval: 0.5)
      #expect(!isDone.withLock { $0 })
      holder.stop()
    }
    try store.put(path, [2], condition: .ifMatch(etag: etag))
    isDone.withLock { $0 = true }
    #expect(try directory.names() == ["f"])
  }

  // MARK: Full devices

  /// `ENOSPC` after some bytes, as a full device gives it; and short writes on the way.
  @Test(arguments: [ENOSPC, EDQUOT]) func aFullDeviceLeavesNothingPartial(errorCode: Int32) throws {
    let left = Mutex(100_000)
    let store = LocalStore { descriptor, bytes, count in
      let room = left.withLock { left in
        let room = min(left, count, 7000)
        left -= room
        return room
      }
      if room == 0 {
        errno = errorCode
        return -1
      }
      return Glibc.write(descriptor, bytes, room)
    }
    try store.put(directory.path("kept"), [1], condition: .always)
    for path in ["kept", "new"] {
      left.withLock { $0 = 100_000 }
      let big = [UInt8](repeating: 7, count: 900_000)
      let error = failure { () throws(StoreError) in
        try store.put(directory.path(path), big, condition: .always)
      }
      #expect(error?.code == .full && error?.hint.isEmpty == false)
      left.withLock { $0 = 100_000 }
      let writer = try store.writer(directory.path(path))
      #expect(code { () throws(StoreError) in try writer.write(big) } == .full)
      // Giving up is not undone by a caller that goes on.
      #expect(code { () throws(StoreError) in try writer.finish() } != nil)
    }
    #expect(try directory.names() == ["kept"])
    #expect(try LocalStore().contents(try LocalStore().head(directory.path("kept"))) == [1])
  }
}
