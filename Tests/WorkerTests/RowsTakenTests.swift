import Platform
import TestKit
import Testing

@testable import Worker

/// What of `rows` need not be fetched, because this worker sent it.
@Suite struct RowsTakenTests {
  /// A partition in which others' messages lie between our own, which come when they are acknowledged, in any order; some of
  /// them are forgotten on their way. The consumer gives what follows on one another, and is put back now and then.
  @Test("nothing is passed over that has not come, and what comes first is taken once", arguments: 0..<60)
  func everything(seed: Int) {
    var random = SeededGenerator(seed: seed)
    let ownOneIn = random.int(1...4)
    var isOwn: [Bool] = []
    var rows = RowsTaken()
    var acknowledged: [Int] = []
    var came: Set<Int> = []
    var fetched = 0
    var now: Int64 = 0
    func look() {
      #expect((0..<Int(rows.next)).allSatisfy { came.contains($0) }, "seed \(seed): \(rows.next) was passed over")
      #expect((rows.gapSince != nil) == came.contains { $0 > Int(rows.next) }, "seed \(seed)")
      #expect(!came.contains(Int(rows.next)), "seed \(seed): it stands still at \(rows.next)")
    }
    for _ in 0..<400 {
      now += 1
      switch random.int(0...5) {
      case 0, 1:
        let own = random.chance(ownOneIn)
        if own { acknowledged.append(isOwn.count) }
        isOwn.append(own)
      case 2, 3:
        guard !acknowledged.isEmpty else { continue }
        let offset = acknowledged.remove(at: random.int(0...acknowledged.count - 1))
        // There was no room for it.
        if random.chance(8) { continue }
        let isNew = rows.takeOwn(Int64(offset), now: now)
        #expect(isNew == !came.contains(offset), "seed \(seed)")
        came.insert(offset)
      case 4:
        for _ in 0..<random.int(0...4) where fetched < isOwn.count {
          let isNew = rows.takeFetched(Int64(fetched), now: now)
          #expect(isNew || came.contains(fetched), "seed \(seed): \(fetched) was not taken")
          came.insert(fetched)
          fetched += 1
        }
      default:
        guard random.chance(4) else { continue }
        // All is fetched from here on: what was ahead comes again.
        rows.fetchAll()
        came = came.filter { $0 < Int(rows.next) }
        fetched = Int(rows.next)
        #expect(rows.ownFrom == nil && rows.gapSince == nil)
      }
      look()
    }
    while fetched < isOwn.count {
      _ = rows.takeFetched(Int64(fetched), now: now)
      came.insert(fetched)
      fetched += 1
    }
    look()
    #expect(Int(rows.next) == isOwn.count, "seed \(seed)")
  }

  @Test("a message that was fetched again is known where nothing is missing before own ones, and else is new")
  func again() {
    var rows = RowsTaken(from: 5)
    // The topic was made anew: what lies before was not seen.
    let (old, sent) = (rows.takeFetched(3, now: 0), rows.takeOwn(4, now: 0))
    #expect(old && sent && rows.next == 5 && rows.ownFrom == nil)
    // Fetched before it was acknowledged: from here on nothing is missing before own ones.
    let (first, repeated) = (rows.takeFetched(5, now: 0), rows.takeOwn(5, now: 0))
    #expect(first && !repeated && rows.ownFrom == 6)
    let (own, fetched, older) = (
      rows.takeOwn(6, now: 0), rows.takeFetched(6, now: 0), rows.takeFetched(4, now: 0)
    )
    #expect(own && !fetched && older)
    let ahead = rows.takeOwn(9, now: 7)
    #expect(ahead && rows.gapSince == 7 && rows.next == 7)
    rows.pass(to: 8, now: 9)
    #expect(rows.next == 8 && rows.gapSince == 9)
    rows.pass(to: 9, now: 9)
    #expect(rows.next == 10 && rows.gapSince == nil)
  }

  @Test("more that is ahead than is kept in mind is waited for again")
  func many() {
    var rows = RowsTaken()
    for offset in 1...RowsTaken.aheadMax + 1 { _ = rows.takeOwn(Int64(offset), now: 1) }
    let first = rows.takeOwn(0, now: 2)
    #expect(first && rows.next == 1 && rows.gapSince != nil)
  }

  @Test("where others' messages always lie in between, own ones are tried more and more seldom")
  func seldom() {
    var feed = OwnFeed()
    feed.begin(0)
    #expect(!feed.isFeeding)
    let (opened, openedAgain) = (feed.opens(0), feed.opens(0))
    #expect(opened && !openedAgain)
    var (now, tries): (Int64, Int) = (0, 1)
    while now < 600_000_000 {
      if feed.opens(now) { tries += 1 }
      feed.begin(now)
      if feed.isFeeding { feed.end(now) }
      now += 10_000
    }
    // After 1, 2, 4, 8, 16, 32 seconds, and then once a minute.
    #expect((15...17).contains(tries))
    now += OwnFeed.pauseMax
    let opensLater = feed.opens(now)
    #expect(opensLater)
    feed.begin(now)
    // It goes well for long: then as at the beginning.
    now += 3 * OwnFeed.pauseMax
    feed.end(now)
    let (early, due) = (feed.opens(now + OwnFeed.pauseMin - 1), feed.opens(now + OwnFeed.pauseMin))
    #expect(!early && due)
  }

  @Test("own messages are kept for the shards that are here, while there is room")
  func room() {
    let own = OwnRows(bytesMax: 10)
    own.open(1)
    func add(_ shard: Int, _ bytes: Int, at offset: Int64) {
      own.add([OutgoingMessage(topic: "rows", partition: shard, value: Array(repeating: 0, count: bytes))], [offset])
    }
    add(0, 1, at: 0)
    add(1, 6, at: 7)
    add(1, 6, at: 8)
    add(1, 4, at: 9)
    #expect(own.bytes(0) == 0 && own.bytes(1) == 10 && own.take(0).isEmpty)
    own.open(1)
    #expect(own.take(1).map(\.offset) == [7, 9] && own.bytes(1) == 0 && own.take(1).isEmpty)
    add(1, 6, at: 10)
    own.close(1)
    #expect(own.bytes(1) == 0)
    own.open(1)
    #expect(own.take(1).isEmpty)
  }
}
