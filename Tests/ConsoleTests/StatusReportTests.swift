import Status
import Testing

@testable import Console

@Suite struct StatusReportTests {
  /// 2026-11-21T03:30:00Z
  static let now: Int64 = 1_795_231_800_000_000

  static func node(_ worker: String, _ change: (inout NodeStatus) -> Void = { _ in }) -> NodeStatus {
    var node = NodeStatus(
      tributary: "0.1.0", dataset: "people", worker: worker, state: .running, started: "2026-11-21T03:00:00Z",
      broker: .init(kind: .kafka, isReachable: true), ledgerPosition: 1041, generation: 2,
      shards: [.init(shard: 0, state: .serving, ledgerPosition: 1041, rows: 1_204_332, keys: 20_000, segments: 7)],
      inputs: .init(accepted: 1000, inFlight: 2, waiting: 3), rowsApplied: 1_204_332, rowsRejected: 12)
    change(&node)
    return node
  }

  @Test func plain() {
    let first = Self.node("w1") {
      $0.snapshots = .init(
        lastID: "2026-11-21T03:00:00Z", lastFingerprint: "ab12", lastAt: "2026-11-21T03:06:10Z",
        pending: ["by-hand"], nextSlot: "2026-11-21T04:00:00Z")
      $0.lag = [
        .init(topic: "s3.events", partition: 1, records: 0),
        .init(topic: "app.clicks", partition: 0, records: 5120, seconds: 4),
      ]
    }
    let second = Self.node("w2\u{1b}[2J") {
      $0.ledgerPosition = 1040
      $0.broker.isReachable = false
      $0.started = "2026-11-18T03:00:00Z"
      $0.shards = [
        .init(shard: 2, state: .stopped, reason: "rows 17–20 are gone", stagedBytes: 1_500_000),
        .init(shard: 1, state: .recovering, ledgerPosition: 12),
      ]
      $0.inputs = .init(
        accepted: 990, inFlight: 1, waiting: 0,
        failed: (0..<22).map { .init(source: "usage", location: "s3://lake/\($0).gz", reason: "403", attempts: 5) })
      $0.deadLetters = 12
      $0.repaired = 1
    }
    let text = StatusReport(
      [second, first], silent: [.init(address: "w3:9464", reason: "connection refused")], now: Self.now
    ).render(.plain)
    #expect(
      text == #"""
        people  2 workers, 1 worker without the broker, 1 shard stopped, 22 inputs failed, 1 shard recovering

          ledger     1,041, generation 2
          inputs     1,000 accepted, 3 in flight, 3 waiting
          rows       2,408,664 applied, 24 rejected since the start
          snapshot   2026-11-21T03:00:00Z at 2026-11-21T03:06:10Z (23:50 min ago), fingerprint ab12
          pending    by-hand
          next       2026-11-21T04:00:00Z
          dead       12 letters
          repaired   1 input without a notification

        Workers
        worker       state           up  broker       ledger  shards  in flight  rows applied  version
        -----------  -------  ---------  -----------  ------  ------  ---------  ------------  -------
        w1           running  30:00 min  kafka         1,041       1          2     1,204,332  0.1.0
        w2\u{1b}[2J  running        3 d  kafka, away   1,040       2          1     1,204,332  0.1.0

        Shards
        shard  worker       state       ledger       rows    keys  segments  staged  reason
        -----  -----------  ----------  ------  ---------  ------  --------  ------  -------------------
            0  w1           serving      1,041  1,204,332  20,000         7     0 B
            1  w2\u{1b}[2J  recovering      12          0       0         0     0 B
            2  w2\u{1b}[2J  stopped       none          0       0         0  1.5 MB  rows 17–20 are gone

        Lag
        topic       partition  worker  behind  oldest
        ----------  ---------  ------  ------  ------
        app.clicks          0  w1       5,120   4.0 s

        Failed inputs
        source  failed input     attempts  reason
        ------  ---------------  --------  ------
        usage   s3://lake/0.gz          5  403
        usage   s3://lake/1.gz          5  403
        usage   s3://lake/2.gz          5  403
        usage   s3://lake/3.gz          5  403
        usage   s3://lake/4.gz          5  403
        usage   s3://lake/5.gz          5  403
        usage   s3://lake/6.gz          5  403
        usage   s3://lake/7.gz          5  403
        usage   s3://lake/8.gz          5  403
        usage   s3://lake/9.gz          5  403
        usage   s3://lake/10.gz         5  403
        usage   s3://lake/11.gz         5  403
        usage   s3://lake/12.gz         5  403
        usage   s3://lake/13.gz         5  403
        usage   s3://lake/14.gz         5  403
        usage   s3://lake/15.gz         5  403
        usage   s3://lake/16.gz         5  403
        usage   s3://lake/17.gz         5  403
        usage   s3://lake/18.gz         5  403
        usage   s3://lake/19.gz         5  403
        and 2 more
        no answer from w3:9464: connection refused

        """#)
  }

  @Test func aQuietStart() {
    let node = NodeStatus(
      tributary: "0.1.0", dataset: "people", worker: "w", state: .starting, started: "soon",
      broker: .init(kind: .embedded, isReachable: true))
    #expect(
      StatusReport([node], now: Self.now).render(.plain) == #"""
        people  1 worker, all well

          ledger     none, generation 0
          inputs     0 accepted, 0 in flight, 0 waiting
          rows       0 applied, 0 rejected since the start
          snapshot   none published yet

        Workers
        worker  state     up  broker    ledger  shards  in flight  rows applied  version
        ------  --------  --  --------  ------  ------  ---------  ------------  -------
        w       starting   ?  embedded    none       0          0             0  0.1.0

        """#)
    #expect(
      StatusReport([], silent: [.init(address: "a:1", reason: "gone")], now: 0).render(.plain)
        == "no answer from a:1: gone\n")
  }

  @Test("rows that shards wait for are named, with what to do")
  func missing() {
    let node = Self.node("w1") {
      $0.missing = .init(
        (0..<21).map {
          .init(
            source: "usage", location: "s3://lake/\($0).gz", rows: 1200, shards: [0, 3],
            problem: $0 == 0 ? "gone from the store" : nil)
        })
    }
    let text = StatusReport([node], now: Self.now).render(.plain)
    #expect(text.hasPrefix("people  1 worker, 21 inputs without rows\n"))
    #expect(
      text.contains(
        """
        Missing rows
        source  input without rows   rows  shards  problem
        ------  ------------------  -----  ------  -------------------
        usage   s3://lake/0.gz      1,200  0 3     gone from the store
        usage   s3://lake/1.gz      1,200  0 3

        """.dropLast()))
    #expect(text.contains("and 1 more\n`tributary backfill --again DEFINITION` supplies them;"))
  }
}
