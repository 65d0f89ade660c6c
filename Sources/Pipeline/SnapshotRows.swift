public import Columns
internal import Definition

/// The rows of a cut in one shard, a list of key numbers a split, in an order that does not depend on arrival.
public struct SnapshotRows: Sendable {
  /// One list a split, in the rule's order.
  public let keys: [[UInt32]]

  /// Reads which keys are rows and where they go. The group key's value is a row's own (`split.by`), its text form.
  public init(_ state: ShardState, rule: SplitRule, by: Int?) {
    var lists: [[UInt32]] = Array(repeating: [], count: rule.names.count)
    let table = state.keys
    let scratch = ByteArena()
    let group = by.flatMap { by in
      state.latest[state.plan.rowsSource].map { latest in
        (state: latest, column: by, value: Column(type: latest.layout.places[by].type, capacity: 1))
      }
    }
    // In the order of keys' numbers, in which everything lies; only what was decided is looked up in the other order.
    let none = rule.names.count
    let splits = (0..<UInt32(truncatingIfNeeded: table.count)).map { key -> Int32 in
      guard state.isRow(key) else { return Int32(truncatingIfNeeded: none) }
      var split: Int
      if let group {
        scratch.removeAll()
        group.state.read(group.column, of: key, into: group.value)
        ValueText.appendCanonical(group.value, 0, into: scratch)
        split = rule.split(UnsafePointer(scratch.base), scratch.count)
      } else {
        let view = table.views[Int(key)]
        split = rule.split(UnsafePointer(table.arena.base + Int(view.start)), view.length)
      }
      return Int32(truncatingIfNeeded: split)
    }
    for key in table.canonicalOrder() {
      let split = Int(splits[Int(key)])
      if split != none { lists[split].append(key) }
    }
    keys = lists
  }
}

/// Builds a snapshot's columns from shards' states.
public struct SnapshotTableBuilder {
  private let plan: DatasetPlan
  private let keyCasts: [Cast]
  /// One flag a column: whether it is built.
  private let chosen: [Bool]
  /// One flag a source: whether any column of it is.
  private let sources: [Bool]
  private var table: Table
  private var at = 0

  /// A value that the snapshot's type cannot hold.
  public struct OverflowError: Error, Sendable, CustomStringConvertible {
    public var column: String
    public var key: String
    public var description: String {
      "feature '\(column)' of key '\(key)': the sum does not fit its type; sum a decimal(38,s) or a double column"
    }
  }

  /// A builder of a table with `rows` rows. `columns`: one flag a column, those without are left without rows (nil: all
  /// are built).
  public init(plan: DatasetPlan, keyCasts: [Cast], rows: Int, columns: [Bool]? = nil) {
    self.plan = plan
    self.keyCasts = keyCasts
    let chosen = columns ?? Array(repeating: true, count: plan.output.count)
    self.chosen = chosen
    sources = plan.sources.indices.map { source in
      plan.output.indices.contains { chosen[$0] && plan.output[$0].source == source }
    }
    table = Table(
      fields: plan.fields,
      columns: zip(plan.output, chosen).map { Column(type: $0.type, capacity: $1 ? rows : 0) }, count: rows)
  }

  /// Where a column is read from in place of its source's state: an aggregate's state of its own, in which a row's key
  /// has the row's position among `keys` as its number.
  struct Detour {
    var state: EventsState
    var reading: AggregateReading
  }

  /// Keys whose rows are read column after column: few enough that what the state has of them, which lies anywhere, is
  /// fetched from memory once and not for every column.
  private static let keysAtOnce = 512

  /// Appends the rows of the given keys of a shard, which must be readable (no writer at the same time).
  public mutating func append(_ state: ShardState, keys: ArraySlice<UInt32>) throws(OverflowError) {
    var rest = keys
    while !rest.isEmpty {
      try append(state, keys: rest.prefix(SnapshotTableBuilder.keysAtOnce), detours: [:])
      rest = rest.dropFirst(SnapshotTableBuilder.keysAtOnce)
    }
  }

  /// `detours` by output column.
  mutating func append(_ state: ShardState, keys: ArraySlice<UInt32>, detours: [Int: Detour])
    throws(OverflowError)
  {
    // Of each source, for all of its columns.
    let latestFound = sources.indices.map { sources[$0] ? state.latest[$0]?.find(keys) ?? [] : [] }
    let eventsFound = sources.indices.map { sources[$0] ? state.events[$0]?.find(keys) ?? [] : [] }
    let positions = detours.isEmpty ? [] : (0..<keys.count).map { UInt32(truncatingIfNeeded: $0) }
    for (index, output) in plan.output.enumerated() where chosen[index] {
      let column = table.columns[index]
      switch output.value {
      case .key(let part): readKey(state, keys, part: part, into: column)
      case .latest(let source, let kept):
        guard let latest = state.latest[source] else { continue }
        latestFound[source].withUnsafeBufferPointer { latest.read(kept, $0, into: column, at: at) }
      case .aggregate(let source, let reading):
        guard let events = state.events[source] else { continue }
        let bad: UInt32?
        if let detour = detours[index] {
          let found = detour.state.find(positions[...])
          bad = detour.state.read(detour.reading, keys: positions[...], found, into: column, at: at)
            .map { keys[keys.startIndex + Int($0)] }
        } else {
          bad = events.read(reading, keys: keys, eventsFound[source], into: column, at: at)
        }
        if let bad {
          throw OverflowError(column: output.name, key: state.keys.arena.string(state.keys.views[Int(bad)]))
        }
      }
      if let fallback = output.fallback { column.fillNulls(fallback, from: at, to: at + keys.count) }
    }
    at += keys.count
  }

  /// The finished table.
  public consuming func finish() -> Table {
    precondition(at == table.count)
    return table
  }

  private func readKey(_ state: ShardState, _ keys: ArraySlice<UInt32>, part: Int, into column: Column) {
    let table = state.keys
    if keyCasts.count == 1 && column.type == .string {
      (column.validity + at).update(repeating: 1, count: keys.count)
      keys.withUnsafeBufferPointer { readStrings(table.views, table.arena, $0, into: column) }
      return
    }
    let views = FieldBlock()
    views.reserveFields(keys.count, keeping: 0)
    var row = 0
    for key in keys {
      views.fields[row] = nthPart(table.views[Int(key)], part, of: keyCasts.count, in: table.arena)
      row += 1
    }
    if column.type == .string {
      row = 0
      for _ in keys {
        let view = views.fields[row]
        let start = column.arena.append(table.arena.base + Int(view.start), view.length)
        column.views[at + row] = ByteView(start: start, length: UInt32(view.length))
        column.validity[at + row] = 1
        row += 1
      }
      return
    }
    // Canonical text back to the key's type: what ingest wrote, so no faults.
    let typed = Column(type: column.type, capacity: keys.count)
    let faults = RowFaults(capacity: keys.count)
    _ = keyCasts[part].run(
      text: table.arena, textIsValidUTF8: true, fields: views.fields, stride: 1, rows: keys.count, into: typed,
      faults: faults, columnIndex: 0)
    let stride = column.type.stride
    (column.values + at * stride).copyMemory(from: typed.values, byteCount: keys.count * stride)
    (column.validity + at).update(from: typed.validity, count: keys.count)
  }

  /// The n-th of a list key's parts, which are joined with U+001F.
  private func nthPart(_ view: ByteView, _ part: Int, of parts: Int, in arena: ByteArena) -> ByteView {
    if parts == 1 { return view }
    var start = Int(view.start)
    let end = start + view.length
    var left = part
    var at = start
    while at < end {
      if arena.base[at] == 0x1f {
        if left == 0 { break }
        left -= 1
        start = at + 1
      }
      at += 1
    }
    return ByteView(start: UInt32(start), length: UInt32(at - start))
  }

  /// Copies the keys' strings to rows that are not null. First all views, then all bytes: what is not in the caches is
  /// fetched for many rows at a time.
  private func readStrings(
    _ from: UnsafePointer<ByteView>, _ fromArena: ByteArena, _ keys: UnsafeBufferPointer<UInt32>, into column: Column
  ) {
    let (views, validity) = (column.views + at, column.validity + at)
    var bytes = 0
    for row in 0..<keys.count where validity[row] != 0 {
      let view = from[Int(keys[row])]
      views[row] = view
      bytes &+= view.length
    }
    let arena = column.arena
    arena.reserve(bytes)
    let (source, target) = (UnsafeRawPointer(fromArena.base), UnsafeMutableRawPointer(arena.base))
    var end = arena.count
    for row in 0..<keys.count where validity[row] != 0 {
      let view = views[row]
      views[row] = ByteView(start: UInt32(truncatingIfNeeded: end), length: UInt32(truncatingIfNeeded: view.length))
      if view.length <= 16 {
        // Sixteen bytes at once: both arenas are padded by more.
        let word = (source + Int(view.start)).loadUnaligned(as: UInt128.self)
        (target + end).storeBytes(of: word, as: UInt128.self)
      } else {
        (target + end).copyMemory(from: source + Int(view.start), byteCount: view.length)
      }
      end &+= view.length
    }
    arena.setCount(end)
  }
}

extension Column {
  /// Puts a constant in place of nulls among rows `from..<to`.
  func fillNulls(_ literal: Literal, from: Int, to: Int) {
    switch literal {
    case .string(let text):
      guard (from..<to).contains(where: { validity[$0] == 0 }) else { return }
      fillNulls(views, arena.append(text), from, to)
    case .int(let value), .timestamp(let value): fillNulls(int64s, value, from, to)
    case .double(let value): fillNulls(doubles, value, from, to)
    case .bool(let value): fillNulls(bytes, value ? 1 : 0, from, to)
    case .date(let value): fillNulls(int32s, value, from, to)
    case .decimal(let value): fillNulls(int128s, value, from, to)
    }
    (validity + from).update(repeating: 1, count: to - from)
  }

  /// Without a branch that depends on a row.
  @inline(__always)
  private func fillNulls<T: BitwiseCopyable>(_ values: UnsafeMutablePointer<T>, _ value: T, _ from: Int, _ to: Int) {
    let validity = validity
    for row in from..<to {
      let held = values[row]
      values[row] = validity[row] == 0 ? value : held
    }
  }
}
