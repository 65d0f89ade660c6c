public import Columns
internal import Definition

/// The rows of a cut in one shard, a list of key numbers a split, in an order that does not depend on arrival.
public struct SnapshotRows: Sendable {
  /// One list a split, in the rule's order.
  public let keys: [[UInt32]]

  /// Reads which keys are rows and where they go. The group key's value is a row's own (`split.by`), its text form.
  public init(_ state: ShardState, rule: SplitRule, by: Int?) {
    let table = state.keys
    let scratch = ByteArena()
    let group = by.flatMap { by in
      state.latest[state.plan.rowsSource].map { latest in
        (state: latest, column: by, value: Column(type: latest.layout.places[by].type, capacity: 1))
      }
    }
    // In the order of keys' numbers, in which everything lies; only what was decided is looked up in the other order.
    let none = rule.names.count
    var counts = Array(repeating: 0, count: none + 1)
    let (latest, views, bytes) = (state.latest[state.plan.rowsSource], table.views, UnsafePointer(table.arena.base))
    let splits = (0..<UInt32(truncatingIfNeeded: table.count)).map { key -> Int32 in
      var split = none
      if latest?.has(key) ?? state.isRow(key) {
        if let group {
          scratch.removeAll()
          group.state.read(group.column, of: key, into: group.value)
          ValueText.appendCanonical(group.value, 0, into: scratch)
          split = rule.split(UnsafePointer(scratch.base), scratch.count)
        } else {
          let view = views[Int(key)]
          split = rule.split(bytes + Int(view.start), view.length)
        }
      }
      counts[split] += 1
      return Int32(truncatingIfNeeded: split)
    }
    var starts = counts
    for split in starts.indices { starts[split] = split == 0 ? 0 : starts[split - 1] + counts[split - 1] }
    let dealt = [UInt32](unsafeUninitializedCapacity: table.count) { dealt, count in
      var next = starts
      for key in table.canonicalOrder() {
        let split = Int(splits[Int(key)])
        dealt[next[split]] = key
        next[split] += 1
      }
      count = table.count
    }
    keys = (0..<none).map { Array(dealt[starts[$0]..<starts[$0 + 1]]) }
  }
}

/// Builds a snapshot's columns from shards' states.
public struct SnapshotTableBuilder {
  private let plan: DatasetPlan
  private let keyCasts: [Cast]
  /// The columns that are built.
  private let reads: [Read]
  /// One flag a source: whether any column of it is.
  private let sources: [Bool]
  private var table: Table
  private var at = 0
  /// Of keys that are no single string.
  private let keyFields = FieldBlock()

  private struct Read {
    var column: Int
    var value: OutputColumn.Value
    var fallback: Literal?
    /// Of a column of texts.
    var coded: CodedTexts?
  }

  /// A value that the snapshot's type cannot hold.
  public struct OverflowError: Error, Sendable, CustomStringConvertible {
    public var column: String
    public var key: String
    public var description: String {
      "feature '\(column)' of key '\(key)': the sum does not fit its type; sum a decimal(38,s) or a double column"
    }
  }

  /// A builder of a table with `rows` rows. `columns`: one flag a column, those without are left without rows (nil: all
  /// are built). `spare`: a table of the same plan that is read no more; its memory is used again.
  public init(
    plan: DatasetPlan, keyCasts: [Cast], rows: Int, columns: [Bool]? = nil, reusing spare: consuming Table? = nil
  ) {
    self.plan = plan
    self.keyCasts = keyCasts
    let chosen = columns ?? Array(repeating: true, count: plan.output.count)
    reads = plan.output.indices.filter { chosen[$0] }.map {
      let isText = plan.output[$0].type == .string && plan.output[$0].source != nil
      return Read(
        column: $0, value: plan.output[$0].value, fallback: plan.output[$0].fallback,
        coded: isText ? CodedTexts() : nil)
    }
    sources = plan.sources.indices.map { source in
      plan.output.indices.contains { chosen[$0] && plan.output[$0].source == source }
    }
    let used = spare?.columns ?? []
    table = Table(
      fields: plan.fields,
      columns: plan.output.indices.map { index in
        let type = plan.output[index].type
        if !chosen[index] { return Column(type: type, capacity: 0) }
        guard index < used.count, used[index].type == type, used[index].capacity >= rows else {
          // Every value that is read is written before.
          return Column(type: type, capacity: rows, zeroed: false)
        }
        used[index].arena.removeAll()
        return used[index]
      }, count: rows)
  }

  /// Where a column is read from in place of its source's state: an aggregate's state of its own, in which a row's key
  /// has the row's position among `keys` as its number.
  struct Detour {
    var state: EventsState
    var reading: AggregateReading
  }

  /// Appends the rows of the given keys of a shard, which must be readable (no writer at the same time).
  public mutating func append(_ state: ShardState, keys: ArraySlice<UInt32>) throws(OverflowError) {
    try append(state, keys: keys, detours: [:])
  }

  /// `detours` by output column.
  mutating func append(_ state: ShardState, keys: ArraySlice<UInt32>, detours: [Int: Detour])
    throws(OverflowError)
  {
    try keys.withUnsafeBufferPointer { keys throws(OverflowError) in
      let ahead = RecordsAhead(state, sources: sources, keys: keys)
      try ahead.forBlocks { first, block throws(OverflowError) in
        for (index, read) in reads.enumerated() {
          if !detours.isEmpty, let detour = detours[read.column] {
            try self.read(read, state, block, first, detour)
          } else {
            try self.read(read, state, block, first, ahead)
          }
          if let fallback = read.fallback {
            table.columns[read.column].fillNulls(fallback, from: at, to: at + block.count)
          }
          if index & 1 == 0 { ahead.advance(max(reads.count / 2, 1)) }
        }
        at += block.count
      }
    }
  }

  /// `first`: the position of the first of the keys.
  private func read(
    _ read: Read, _ state: ShardState, _ keys: UnsafeBufferPointer<UInt32>, _ first: Int, _ ahead: RecordsAhead
  ) throws(OverflowError) {
    let column = table.columns[read.column]
    switch read.value {
    case .key(let part): readKey(state, keys, part: part, into: column)
    case .latest(let source, let kept):
      guard let latest = state.latest[source] else { return column.clear(from: at, count: keys.count) }
      latest.read(kept, ahead.records(source, at: first, keys.count), into: column, at: at, read.coded)
    case .aggregate(let source, let reading):
      guard let events = state.events[source] else { return column.clear(from: at, count: keys.count) }
      let found = ahead.records(source, at: first, keys.count)
      if let bad = events.read(reading, keys: keys, found, into: column, at: at) {
        throw overflow(read.column, bad, state)
      }
    }
  }

  private func read(
    _ read: Read, _ state: ShardState, _ keys: UnsafeBufferPointer<UInt32>, _ first: Int, _ detour: Detour
  ) throws(OverflowError) {
    let positions = (first..<first + keys.count).map { UInt32(truncatingIfNeeded: $0) }
    if let bad = detour.state.read(detour.reading, keys: positions, into: table.columns[read.column], at: at) {
      throw overflow(read.column, keys[Int(bad) - first], state)
    }
  }

  private func overflow(_ column: Int, _ key: UInt32, _ state: ShardState) -> OverflowError {
    OverflowError(
      column: plan.output[column].name, key: state.keys.arena.string(state.keys.views[Int(key)]))
  }

  /// The finished table.
  public consuming func finish() -> Table {
    precondition(at == table.count)
    return table
  }

  private func readKey(
    _ state: ShardState, _ keys: UnsafeBufferPointer<UInt32>, part: Int, into column: Column
  ) {
    let table = state.keys
    if keyCasts.count == 1 && column.type == .string {
      (column.validity + at).update(repeating: 1, count: keys.count)
      readStrings(table.views, table.arena, keys, into: column)
      return
    }
    let views = keyFields
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
  /// Makes rows null, of zeros.
  func clear(from: Int, count: Int) {
    (validity + from).update(repeating: 0, count: count)
    (values + from * type.stride).initializeMemory(as: UInt8.self, repeating: 0, count: count * type.stride)
  }

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
