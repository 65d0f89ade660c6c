internal import CScan
internal import Columns

/// What rows have to be to count for a slot.
struct LaneCondition: Hashable, Sendable {
  /// The filter whose predicate is true; nil: none is asked for.
  var truth: Int?
  /// Microseconds before the as-of time.
  var over: Int64?
  /// The column whose value is not null.
  var column: Int?
}

/// By which lanes of a group a row is added to (``LaneGroup``): a byte a row.
enum LaneIndex: Hashable, Sendable {
  /// Bit i: the row fulfils the i-th condition.
  case flags([LaneCondition])
  /// The code of the switch's constant; one more than the last where the row does not fulfil the condition.
  case codes(switch: Int, condition: LaneCondition)

  /// Conditions of one index: the more, the fewer groups, and the larger their tables.
  static let flagsMax = 6

  /// What rows with a code have to be.
  fileprivate var condition: LaneCondition? {
    if case .codes(_, let condition) = self { condition } else { nil }
  }
}

/// Slots that are added to by one index: counts, or sums of one column.
struct LaneGroup: Sendable {
  /// Position among the layout's indices.
  var index: Int
  /// The column that is summed; nil: rows are counted.
  var values: Int?
  /// By index.
  var slots: [[Int]]
}

/// A block's indices, for as long as its rows are prepared.
struct LaneIndices {
  private var bytes: UnsafeMutablePointer<UInt8>
  private var capacity = 0
  private var rows = 0
  /// Which as-of time's they are.
  private var asOf: Int64?
  private var isFound = false

  init() { bytes = .allocate(capacity: 1) }

  /// By its owner, once.
  func deallocate() { bytes.deallocate() }

  /// Other rows have been prepared.
  mutating func forget() { isFound = false }

  subscript(index: Int) -> UnsafePointer<UInt8> { UnsafePointer(bytes + index * rows) }

  /// Finds all of a layout's, if they are not those of `asOf` already.
  mutating func find(
    _ layout: AccumulatorLayout, _ columns: RowColumns, asOf: Int64?, truth: (Int) -> UnsafePointer<UInt8>,
    codes: (Int) -> UnsafePointer<UInt8>
  ) {
    if isFound && self.asOf == asOf { return }
    (isFound, self.asOf, rows) = (true, asOf, columns.count)
    if layout.laneIndices.count * rows > capacity {
      bytes.deallocate()
      capacity = layout.laneIndices.count * rows
      bytes = .allocate(capacity: capacity)
    }
    for (number, index) in layout.laneIndices.enumerated() {
      let found = bytes + number * rows
      switch index {
      case .flags(let conditions):
        found.update(repeating: 0, count: rows)
        for (bit, condition) in conditions.enumerated() {
          let (times, first) = LaneIndices.window(condition, columns, asOf)
          cscan_flag(
            rows, condition.truth.map(truth), times, first, condition.column.map { columns.columns[$0].validity },
            1 &<< UInt8(bit), found)
        }
      case .codes(let at, let condition):
        let (times, first) = LaneIndices.window(condition, columns, asOf)
        found.update(from: codes(at), count: rows)
        cscan_keep_codes(
          rows, nil, times, first, condition.column.map { columns.columns[$0].validity },
          UInt8(layout.switches[at].filters.count + 1), found)
      }
    }
  }

  /// When the condition's window begins; no times where it has none.
  private static func window(
    _ condition: LaneCondition, _ rows: RowColumns, _ asOf: Int64?
  ) -> (UnsafePointer<Int64>?, Int64) {
    guard let over = condition.over, let asOf, let times = rows.times else { return (nil, 0) }
    let (start, overflow) = asOf.subtractingReportingOverflow(over)
    return (times, overflow ? .min : start)
  }
}

extension AccumulatorLayout {
  /// The groups of all slots that are counts or sums of integers, and their indices.
  ///
  /// `isSingle`: of filters that are in no switch.
  static func laneGroups(
    _ slots: [Slot], _ filters: [Filter], _ programs: [PredicateProgram?], _ switches: [FilterSwitch],
    isSingle: (Int) -> Bool
  ) -> (groups: [LaneGroup], indices: [LaneIndex]) {
    var groups: [LaneGroup] = []
    var indices: [LaneIndex] = []

    func number(_ index: LaneIndex) -> Int {
      if let found = indices.firstIndex(of: index) { return found }
      indices.append(index)
      return indices.count - 1
    }

    for (at, switched) in switches.enumerated() {
      for family in switched.families where slots[family.slot].isLane {
        let slot = slots[family.slot]
        let condition = LaneCondition(over: filters[slot.filter].over, column: slot.column)
        let (index, values) = (number(.codes(switch: at, condition: condition)), slot.summed)
        let group = groups.firstIndex { $0.index == index && $0.values == values } ?? groups.count
        if group == groups.count {
          groups.append(
            LaneGroup(index: index, values: values, slots: Array(repeating: [], count: switched.filters.count + 2)))
        }
        for (code, place) in family.places.enumerated() where place.index >= 0 {
          groups[group].slots[code].append(Int(place.index))
        }
      }
    }

    // Of each summed column, and of counts, which conditions have which slots.
    var byValues: [(values: Int?, conditions: [(LaneCondition, slots: [Int])])] = []
    for (index, slot) in slots.enumerated() where slot.isLane && isSingle(slot.filter) {
      let condition = LaneCondition(
        truth: programs[slot.filter] == nil ? nil : slot.filter, over: filters[slot.filter].over, column: slot.column)
      let at = byValues.firstIndex { $0.values == slot.summed } ?? byValues.count
      if at == byValues.count { byValues.append((slot.summed, [])) }
      if let known = byValues[at].conditions.firstIndex(where: { $0.0 == condition }) {
        byValues[at].conditions[known].slots.append(index)
      } else {
        byValues[at].conditions.append((condition, [index]))
      }
    }
    for (values, conditions) in byValues {
      // What counts for every value goes along with a switch that looks at all of them.
      if let values, conditions.count == 1, conditions[0].0 == LaneCondition(column: values),
        let group = groups.firstIndex(where: { $0.values == values && indices[$0.index].condition == conditions[0].0 })
      {
        for code in groups[group].slots.indices.dropLast() { groups[group].slots[code] += conditions[0].slots }
        continue
      }
      for first in Swift.stride(from: 0, to: conditions.count, by: LaneIndex.flagsMax) {
        let some = conditions[first..<min(first + LaneIndex.flagsMax, conditions.count)]
        let table = (0..<1 << some.count).map { flags in
          some.enumerated().flatMap { bit, condition in flags >> bit & 1 == 1 ? condition.slots : [] }
        }
        groups.append(LaneGroup(index: number(.flags(some.map { $0.0 })), values: values, slots: table))
      }
    }
    return (groups, indices)
  }
}

extension AccumulatorLayout.Slot {
  /// Whether it is a count or sum that rows are added to without a look at anything else.
  var isLane: Bool {
    switch (kind, type) {
    case (.rows, _), (.values, _), (.sum, .int): true
    default: false
    }
  }

  /// The column whose values are added to a lane; nil: rows are counted.
  fileprivate var summed: Int? { kind == .sum ? column : nil }
}
