import Testing

@testable import Worker

/// Lines that are sent to a running worker become records; what a worker says of itself.
@Suite struct SentRecordsTests {
  private func read(_ text: String, keyed: Bool = false) throws -> [[String?]] {
    try SentRecords(Array(text.utf8), keyed: keyed).records.map { record in
      [record.key, record.value].map { $0.map { String(decoding: $0, as: UTF8.self) } }
    }
  }

  @Test("a line is a value as it stands") func values() throws {
    #expect(try read("") == [])
    #expect(try read("\n\r\n\n") == [])
    #expect(try read("a\tb\n {} \r\nlast") == [[nil, "a\tb"], [nil, " {} "], [nil, "last"]])
  }

  @Test("a key ends at the first tab, and nothing behind it is a tombstone") func keys() throws {
    #expect(try read("k\tv\tw\n\tv\nk\t\r\n", keyed: true) == [["k", "v\tw"], ["", "v"], ["k", nil]])
    #expect(throws: SentRecords.MissingKey(line: 3)) { try read("k\tv\n\nno key\n", keyed: true) }
  }

  @Test("a worker says once that it serves, and now and then what it read") func journal() {
    var journal = NodeJournal()
    var totals = NodeTotals()
    #expect(journal.lines(isReady: true, totals, now: 0) == [])
    totals.shards = [(shard: 0, position: 1, rows: 0), (shard: 1, position: 1, rows: 0)]
    (totals.inputsAccepted, totals.rowsRead, totals.rowsRejected) = (2, 10, 1)
    #expect(
      journal.lines(isReady: true, totals, now: 1) == [.ready(shards: 2), .read(inputs: 2, rows: 10, rejected: 1)])
    (totals.inputsAccepted, totals.rowsRead) = (3, 15)
    #expect(journal.lines(isReady: true, totals, now: NodeJournal.every) == [])
    #expect(
      journal.lines(isReady: true, totals, now: NodeJournal.every + 1) == [.read(inputs: 1, rows: 5, rejected: 0)])
    #expect(journal.lines(isReady: false, totals, now: 3 * NodeJournal.every) == [])
    #expect(journal.lines(isReady: true, totals, now: 3 * NodeJournal.every) == [.ready(shards: 2)])
  }
}
