internal import Columns
internal import Definition

/// What an `events` source accumulates a key: one fixed-size record of slots, shared where aggregates can share.
///
/// A record is `stride` bytes: the slots at their offsets, wide ones first, then presence bits (one a slot). A fresh
/// record is all zeros. Slots of one key lie together, because a row touches most of them and keys arrive in random
/// order: one or two cache lines a row instead of one a slot. Counts and sums of integers begin with two bytes and are
/// widened (``widened(_:)``) when one of them needs more: most never do, and what fits one cache line costs one miss a row.
public struct AccumulatorLayout: Sendable {
  /// Which rows a slot takes.
  struct Filter: Hashable, Sendable {
    var predicate: Predicate?
    /// Microseconds before the as-of time.
    var over: Int64?
  }

  enum Kind: Hashable, Sendable {
    /// Rows. A narrow integer.
    case rows
    /// Values that are not null. A narrow integer.
    case values
    /// A narrow integer for int and bool, Int128 for decimal (wrapping; ``EventsState`` counts the wraps), an exact window
    /// of Int128 for double.
    case sum
    /// The exact sum of squares, in a side table of wide sums. UInt32 + 1 into it, as Int64.
    case squares
    /// A value of the column's type.
    case min, max
    /// A ``RowVersion`` and a value of the column's type.
    case first, last
    /// Distinct values; a narrow integer, with the values' hashes in a side table.
    case distinct
  }

  struct Slot: Hashable, Sendable {
    var kind: Kind
    /// Position among the carried columns; nil for `rows`.
    var column: Int?
    var type: ColumnType?
    var filter: Int
    /// Bytes it takes.
    var width = 0
    /// Bytes from the record's start.
    var offset = 0

    init(kind: Kind, column: Int? = nil, type: ColumnType? = nil, filter: Int) {
      self.kind = kind
      self.column = column
      self.type = type
      self.filter = filter
      width = isNarrow ? AccumulatorLayout.narrowest : wideBytes
    }

    /// The slot is a count or sum: an integer of 2, 4 or 8 bytes.
    var isNarrow: Bool {
      switch (kind, type) {
      case (.rows, _), (.values, _), (.distinct, _), (.sum, .int), (.sum, .bool): true
      default: false
      }
    }

    private var wideBytes: Int {
      switch (kind, type) {
      case (.first, _), (.last, _): AccumulatorLayout.versionedBytes
      case (.sum, .double), (.sum, .decimal), (.min, .decimal), (.max, .decimal): 16
      default: 8
      }
    }
  }

  /// What narrow slots begin with.
  static let narrowest = 2

  /// Narrow slots of one kind and column: they are updated together (``SlotFamily``), so they are of one width.
  struct Group: Hashable {
    var kind: Kind
    var column: Int?

    init(_ slot: Slot) { (kind, column) = (slot.kind, slot.column) }
  }

  private(set) var slots: [Slot] = []
  private(set) var filters: [Filter] = [Filter(predicate: nil, over: nil)]
  private(set) var programs: [PredicateProgram?] = [nil]
  /// Each filter's slots.
  private(set) var slotsOfFilter: [[Int]] = []
  /// Filters that ask for one of several constants of a string column, together.
  private(set) var switches: [FilterSwitch] = []
  /// Filters that are in none of `switches`.
  private(set) var singleFilters: [Int] = []
  private(set) var stride = 0
  /// Where the presence bits begin.
  private(set) var presence = 0
  /// Counts and sums of integers by what rows add to them, and how that is found of a row; the same whatever their widths.
  private(set) var laneGroups: [LaneGroup] = []
  private(set) var laneIndices: [LaneIndex] = []
  /// Slots that are added to many at a time.
  private(set) var laneSets: [LaneSet] = []
  /// All others.
  private(set) var others: SlotChoice?
  /// Which slots answer which aggregate.
  let readings: [Aggregate: AggregateReading]
  /// The slot that counts all rows of the key: whether the key has any.
  static let rowsSlot = 0

  init(
    _ aggregates: [Aggregate], positions: [String: Int], types: [ColumnType], asOf: Int64, source: String
  ) throws(PlanError) {
    var slots: [Slot] = [Slot(kind: .rows, filter: 0)]
    var filters: [Filter] = [Filter(predicate: nil, over: nil)]
    var programs: [PredicateProgram?] = [nil]
    var readings: [Aggregate: AggregateReading] = [:]

    func slot(_ kind: Kind, _ column: Int?, _ filter: Int) -> Int {
      let wanted = Slot(kind: kind, column: column, type: column.map { types[$0] }, filter: filter)
      if let found = slots.firstIndex(of: wanted) { return found }
      slots.append(wanted)
      return slots.count - 1
    }

    for aggregate in aggregates where readings[aggregate] == nil {
      let filter = Filter(predicate: aggregate.predicate, over: aggregate.over)
      let filterIndex: Int
      if let found = filters.firstIndex(of: filter) {
        filterIndex = found
      } else {
        filters.append(filter)
        programs.append(
          try aggregate.predicate.map { p throws(PlanError) in
            try PredicateProgram(p, positions: positions, types: types)
          })
        filterIndex = filters.count - 1
      }
      var column: Int?
      if let name = aggregate.column {
        guard let position = positions[name] else {
          throw PlanError(message: "source '\(source)': no column '\(name)'")
        }
        column = position
      }
      var reading = AggregateReading(function: aggregate.function, slot: 0, values: nil, squares: nil)
      switch aggregate.function {
      case .count: reading.slot = slot(column == nil ? .rows : .values, column, filterIndex)
      case .sum: reading.slot = slot(.sum, column, filterIndex)
      case .mean:
        reading.slot = slot(.sum, column, filterIndex)
        reading.values = slot(.values, column, filterIndex)
      case .stddev:
        reading.slot = slot(.sum, column, filterIndex)
        reading.values = slot(.values, column, filterIndex)
        reading.squares = slot(.squares, column, filterIndex)
      case .min: reading.slot = slot(.min, column, filterIndex)
      case .max: reading.slot = slot(.max, column, filterIndex)
      case .first: reading.slot = slot(.first, column, filterIndex)
      case .last: reading.slot = slot(.last, column, filterIndex)
      case .countDistinct: reading.slot = slot(.distinct, column, filterIndex)
      }
      readings[aggregate] = reading
    }

    stride = AccumulatorLayout.place(&slots, &presence)
    self.slots = slots
    self.filters = filters
    self.programs = programs
    self.readings = readings
    slotsOfFilter = filters.indices.map { filter in slots.indices.filter { slots[$0].filter == filter } }
    switches = FilterSwitch.switches(programs)
    for index in switches.indices { switches[index].families = families(switches[index]) }
    let switched = Set(switches.flatMap { $0.filters.joined() })
    singleFilters = filters.indices.filter { !switched.contains($0) }
    (laneGroups, laneIndices) = AccumulatorLayout.laneGroups(slots, filters, programs, switches) {
      !switched.contains($0)
    }
    makeLanes()
  }

  private mutating func makeLanes() {
    laneSets = LaneSet.sets(self)
    let inSets = Set(laneSets.flatMap(\.slots))
    others = SlotChoice(self, slots.indices.filter { !inSets.contains($0) })
  }

  /// Where a slot lies in a record.
  struct Place: Sendable {
    /// The slot's index; −1: no slot.
    var index: Int32
    var offset: Int32
    var presenceOffset: Int32
    var presenceBit: UInt8

    static let none = Place(index: -1, offset: 0, presenceOffset: 0, presenceBit: 0)
  }

  func place(_ slot: Int) -> Place {
    Place(
      index: Int32(truncatingIfNeeded: slot), offset: Int32(truncatingIfNeeded: slots[slot].offset),
      presenceOffset: Int32(truncatingIfNeeded: presence + slot >> 3), presenceBit: 1 &<< UInt8(slot & 7))
  }

  /// The same with these groups' slots of so many bytes: everything lies elsewhere.
  func widened(_ widths: [Group: Int]) -> AccumulatorLayout {
    var layout = self
    for index in slots.indices where slots[index].isNarrow {
      if let width = widths[Group(slots[index])] { layout.slots[index].width = width }
    }
    layout.stride = AccumulatorLayout.place(&layout.slots, &layout.presence)
    for at in layout.switches.indices {
      for family in layout.switches[at].families.indices {
        let places = layout.switches[at].families[family].places
        layout.switches[at].families[family].places = places.map { $0.index < 0 ? $0 : layout.place(Int($0.index)) }
      }
    }
    layout.makeLanes()
    return layout
  }

  /// The slots of a switch's filters, those together that differ in their constants alone.
  private func families(_ filters: FilterSwitch) -> [SlotFamily] {
    var families: [SlotFamily] = []
    for (constant, filters) in filters.filters.enumerated() {
      for filter in filters {
        for index in slotsOfFilter[filter] {
          let slot = slots[index]
          let at =
            families.firstIndex { family in
              let first = slots[family.slot]
              return self.filters[first.filter].over == self.filters[filter].over && first.kind == slot.kind
                && first.column == slot.column
            } ?? families.count
          if at == families.count {
            families.append(
              SlotFamily(slot: index, places: Array(repeating: .none, count: StringSwitch.constantsMax + 1)))
          }
          families[at].places[constant + 1] = place(index)
        }
      }
    }
    return families
  }

  /// Gives each slot its offset, and says where the presence bits begin; gives the record's size. The widest come first, so
  /// that each is aligned by the ones before it.
  private static func place(_ slots: inout [Slot], _ presence: inout Int) -> Int {
    var offset = 0
    for width in [16, 8, 4, 2] {
      for index in slots.indices where alignment(slots[index]) == width {
        slots[index].offset = offset
        offset += slots[index].width
      }
    }
    presence = offset
    offset += (slots.count + 7) / 8
    return (offset + 15) / 16 * 16
  }

  /// All but versioned values, which are three times as wide, are aligned to their width.
  private static func alignment(_ slot: Slot) -> Int { min(slot.width, 16) }

  /// A ``RowVersion`` (24 bytes, padded to 32) and the value.
  static let versionedBytes = 48
  static let versionedValueOffset = 32
}

/// Filters of the kind `column = 'constant'` over one string column: each row belongs to the filters of one constant.
struct FilterSwitch: Sendable {
  let column: Int
  let constants: StringSwitch
  /// Of each constant; more than one where aggregates differ in `over`.
  let filters: [[Int]]
  fileprivate(set) var families: [SlotFamily] = []

  /// Those that pay: of two constants or more.
  static func switches(_ programs: [PredicateProgram?]) -> [FilterSwitch] {
    var byColumn: [Int: [(constant: [UInt8], filters: [Int])]] = [:]
    for (filter, program) in programs.enumerated() {
      guard case .compareString(let column, .equal, let constant) = program,
        !constant.isEmpty, constant.count <= StringSwitch.lengthMax
      else { continue }
      if let at = byColumn[column]?.firstIndex(where: { $0.constant == constant }) {
        byColumn[column]?[at].filters.append(filter)
      } else {
        byColumn[column, default: []].append((constant, [filter]))
      }
    }
    return byColumn.sorted { $0.key < $1.key }.compactMap { column, cases in
      guard cases.count > 1, let constants = StringSwitch(cases.map(\.constant)) else { return nil }
      return FilterSwitch(column: column, constants: constants, filters: cases.map(\.filters))
    }
  }
}

/// Slots of a switch's filters that are all of one kind, column and `over`: a row's constant says which of them it
/// updates.
struct SlotFamily: Sendable {
  /// One of them.
  let slot: Int
  /// By the code of ``StringSwitch``: 1 + the constant's index.
  var places: [AccumulatorLayout.Place]
}

/// Where an aggregate's answer is found in a key's record.
public struct AggregateReading: Sendable {
  var function: Aggregate.Function
  var slot: Int
  /// The count of values, where the answer needs it.
  var values: Int?
  var squares: Int?
}
