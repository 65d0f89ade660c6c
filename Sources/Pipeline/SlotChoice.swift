/// Some of a layout's slots, as loops over rows go through them: by filter, and by switch.
struct SlotChoice: Sendable {
  /// Filters that are in no switch, with slots.
  private(set) var singles: [(filter: Int, slots: [Int])] = []
  /// Switches with families of slots.
  private(set) var switches: [(number: Int, families: [SlotFamily])] = []

  init(_ layout: AccumulatorLayout, _ slots: [Int]) {
    let chosen = Set(slots)
    for filter in layout.singleFilters {
      let some = layout.slotsOfFilter[filter].filter(chosen.contains)
      if !some.isEmpty { singles.append((filter, some)) }
    }
    for (number, filters) in layout.switches.enumerated() {
      let families = filters.families.compactMap { $0.of(chosen) }
      if !families.isEmpty { switches.append((number, families)) }
    }
  }
}

extension SlotFamily {
  /// Those of its slots that are among these; nil: none is.
  fileprivate func of(_ chosen: Set<Int>) -> SlotFamily? {
    let places = places.map { chosen.contains(Int($0.index)) ? $0 : .none }
    guard let first = places.first(where: { $0.index >= 0 }) else { return nil }
    return SlotFamily(slot: Int(first.index), places: places)
  }
}
