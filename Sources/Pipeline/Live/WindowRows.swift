internal import Columns

/// The rows of one source that may lie in a window, by key: which row of which batch.
///
/// A list a key, newest addition first, in one pool of links. Links of rows that time has left behind are taken out when
/// their key is looked at, and swept when they are too many.
final class WindowRows {
  let plan: WindowPlan

  private struct Held {
    let rows: RowColumns
    /// The rows' owner.
    let batch: RowBatch
    let inputs: [UInt32]
    /// The latest event time of its rows.
    let newest: Int64
    /// How many of its rows were linked.
    let linked: Int
  }

  private struct Link {
    var batch: UInt32
    var row: UInt32
    /// The next link's index + 1; 0: none.
    var next: UInt32
  }

  /// A row to be gathered for the key at `position` of those asked for.
  private struct Wanted {
    /// The batch above the row, so that rows of one batch come together.
    var place: UInt64
    var position: UInt32

    var batch: Int { Int(place >> 32) }
    var row: UInt32 { UInt32(truncatingIfNeeded: place) }
  }

  private let prepared: PreparedRows
  private var held: [Held?] = []
  /// The batches' times, nil for those that were let go: all that a walk along the links looks at.
  private var times: [UnsafePointer<Int64>?] = []
  private var links: [Link] = []
  /// By key number, the first link's index + 1.
  private var heads: [UInt32] = []
  /// Rows linked of batches that are held.
  private var linkedRows = 0
  private var lastExpiry = Int64.min
  /// The last state's: what was too narrow for some keys will be for others.
  private var layout: AccumulatorLayout

  private static let gatheredRows = 4096

  init(plan: WindowPlan) {
    self.plan = plan
    layout = plan.layout
    prepared = PreparedRows(plan.layout, shards: 1)
  }

  /// Links, of rows that are gone too.
  var linkCount: Int { links.count }

  /// Where windows begin as of `asOf`, at the earliest.
  private func oldest(_ asOf: Int64) -> Int64 {
    let (start, overflow) = asOf.subtractingReportingOverflow(plan.span)
    return overflow ? .min : start
  }

  /// Links a batch's rows that are not too old.
  func add(_ batch: RowBatch, numbers: UnsafePointer<UInt32>, keyCount: Int, inputs: [UInt32], asOf: Int64) {
    if heads.count < keyCount {
      heads.append(contentsOf: repeatElement(0, count: max(keyCount, heads.count * 2) - heads.count))
    }
    let oldest = oldest(asOf)
    let number = UInt32(truncatingIfNeeded: held.count)
    let before = links.count
    var newest = Int64.min
    for row in 0..<batch.count where batch.times[row] >= oldest {
      newest = max(newest, batch.times[row])
      let key = Int(numbers[row])
      links.append(Link(batch: number, row: UInt32(truncatingIfNeeded: row), next: heads[key]))
      heads[key] = UInt32(truncatingIfNeeded: links.count)
    }
    let linked = links.count - before
    if linked == 0 { return }
    linkedRows += linked
    var rows = batch.rows
    rows.columns = plan.columns.map { batch.columns[$0] }
    times.append(rows.times)
    held.append(Held(rows: rows, batch: batch, inputs: inputs, newest: newest, linked: linked))
  }

  /// Lets go of batches that no window reaches any more. Cheap unless a good part of a window has passed.
  func expire(asOf: Int64) {
    let oldest = oldest(asOf)
    let (elapsed, overflow) = oldest.subtractingReportingOverflow(lastExpiry)
    if overflow || elapsed > plan.span / 64 {
      lastExpiry = oldest
      for number in held.indices {
        guard let entry = held[number], entry.newest < oldest else { continue }
        linkedRows -= entry.linked
        held[number] = nil
        times[number] = nil
      }
    }
    if links.count > 2 * linkedRows + 4096 { sweep(oldest) }
  }

  /// Writes links and batches anew without what is gone.
  private func sweep(_ oldest: Int64) {
    var numbers = [UInt32](repeating: .max, count: held.count)
    var kept: [Held?] = []
    for (number, entry) in held.enumerated() {
      guard let entry else { continue }
      numbers[number] = UInt32(truncatingIfNeeded: kept.count)
      kept.append(entry)
    }
    var swept: [Link] = []
    swept.reserveCapacity(linkedRows)
    for key in heads.indices {
      var at = heads[key]
      heads[key] = 0
      while at != 0 {
        let link = links[Int(at) - 1]
        at = link.next
        let batch = numbers[Int(link.batch)]
        if batch == .max { continue }
        swept.append(Link(batch: batch, row: link.row, next: heads[key]))
        heads[key] = UInt32(truncatingIfNeeded: swept.count)
      }
    }
    held = kept
    times = kept.map { $0?.rows.times }
    links = swept
  }

  /// A state of the windowed aggregates as of `asOf`, over these keys' rows alone: a key's number in it is its position
  /// in `keys`.
  func state(of keys: ArraySlice<UInt32>, asOf: Int64, table: InputTable) -> EventsState {
    let state = EventsState(layout: layout, asOf: asOf)
    let wanted = wanted(keys, asOf: asOf)
    let batch = RowBatch(shard: 0, types: plan.types, capacity: min(max(wanted.count, 1), WindowRows.gatheredRows))
    var inputs: [UInt32] = []
    var numbers: [UInt32] = []
    var rows: [UInt32] = []
    func flush() {
      numbers.withUnsafeBufferPointer { numbers in
        guard let base = numbers.baseAddress else { return }
        prepared.prepare(batch, numbers: base)
        prepared.withChosen(0) { chosen in
          state.apply(prepared, chosen, keyCount: keys.count, inputs: inputs, table: table)
        }
        prepared.removeAll()
      }
      batch.removeAll()
      inputs.removeAll(keepingCapacity: true)
      numbers.removeAll(keepingCapacity: true)
    }
    var at = 0
    while at < wanted.count {
      let number = wanted[at].batch
      rows.removeAll(keepingCapacity: true)
      let room = batch.capacity - batch.count
      while at < wanted.count && wanted[at].batch == number && rows.count < room {
        rows.append(wanted[at].row)
        numbers.append(wanted[at].position)
        at += 1
      }
      guard let entry = held[number] else { preconditionFailure("rows of a batch that was let go") }
      let first = batch.count
      rows.withUnsafeBufferPointer { batch.append($0, of: entry.rows, withKeys: false) }
      for row in first..<batch.count {
        // Rows of many attempts in one batch: each gets an input of its own.
        let origin = batch.origins[row]
        inputs.append(entry.inputs[origin.input])
        batch.origins[row] = RowOrigin(input: row, row: origin.row)
      }
      if batch.count == batch.capacity { flush() }
    }
    if batch.count > 0 { flush() }
    layout = state.layout
    return state
  }

  /// The keys' rows within the longest window, those of one batch together; links to older ones are taken out.
  private func wanted(_ keys: ArraySlice<UInt32>, asOf: Int64) -> [Wanted] {
    let oldest = oldest(asOf)
    var wanted: [Wanted] = []
    times.withUnsafeBufferPointer { times in
      links.withUnsafeMutableBufferPointer { links in
        var position: UInt32 = 0
        for key in keys {
          defer { position &+= 1 }
          if Int(key) >= heads.count { continue }
          var previous = 0
          var at = Int(heads[Int(key)])
          while at != 0 {
            let link = links[at &- 1]
            if let times = times[Int(link.batch)], times[Int(link.row)] >= oldest {
              wanted.append(Wanted(place: UInt64(link.batch) << 32 | UInt64(link.row), position: position))
              previous = at
            } else if previous == 0 {
              heads[Int(key)] = link.next
            } else {
              links[previous &- 1].next = link.next
            }
            at = Int(link.next)
          }
        }
      }
    }
    wanted.sort { $0.place < $1.place }
    return wanted
  }
}

extension RowBatch {
  /// Makes room for other rows.
  fileprivate func removeAll() {
    count = 0
    arena.removeAll()
  }
}
