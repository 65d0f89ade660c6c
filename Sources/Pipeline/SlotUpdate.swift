internal import Columns

/// Where in a row's record the slot lies that it updates.
protocol SlotPlaces {
  func place(_ row: Int) -> AccumulatorLayout.Place
}

/// The same one of all rows.
struct OnePlace: SlotPlaces {
  private let place: AccumulatorLayout.Place

  init(_ place: AccumulatorLayout.Place) { self.place = place }

  @inline(__always) func place(_ row: Int) -> AccumulatorLayout.Place { place }
}

/// One of a ``SlotFamily``, by the row's constant.
struct PlaceByCode: SlotPlaces {
  let codes: UnsafePointer<UInt8>
  let places: UnsafePointer<AccumulatorLayout.Place>

  @inline(__always) func place(_ row: Int) -> AccumulatorLayout.Place { places[Int(codes[row])] }
}

/// One slot's update by selected rows, or that of several slots of one kind, column and type. Functions of it are
/// compiled for each kind of places.
struct SlotUpdate<Places: SlotPlaces> {
  let rows: RowColumns
  let numbers: UnsafePointer<UInt32>
  let records: UnsafePointer<UnsafeMutableRawPointer>
  let selection: UnsafePointer<UInt32>
  let count: Int
  /// The slot, or one of them.
  let slot: AccumulatorLayout.Slot
  let places: Places

  var column: Column? { slot.column.map { rows.columns[$0] } }

  @inline(__always)
  func pointer<T>(_ row: Int, as type: T.Type) -> UnsafeMutablePointer<T> {
    (records[row] + Int(places.place(row).offset)).assumingMemoryBound(to: type)
  }

  /// Sets the presence bit; gives whether it was set before.
  @inline(__always)
  func markPresent(_ row: Int) -> Bool {
    let place = places.place(row)
    let bits = (records[row] + Int(place.presenceOffset)).assumingMemoryBound(to: UInt8.self)
    let before = bits.pointee
    bits.pointee = before | place.presenceBit
    return before & place.presenceBit != 0
  }

  /// Calls `body` with each row whose value is not null and with its slot, and marks the slot present. Always inlined
  /// with `body` known, so what runs is one plain loop.
  @inline(__always)
  func eachPresent<T>(
    _ validity: UnsafePointer<UInt8>, as type: T.Type, _ body: (Int, UnsafeMutablePointer<T>) -> Void
  ) {
    let (records, selection, places) = (records, selection, places)
    for i in 0..<count {
      let row = Int(selection[i])
      guard validity[row] != 0 else { continue }
      let (record, place) = (records[row], places.place(row))
      (record + Int(place.presenceOffset)).assumingMemoryBound(to: UInt8.self).pointee |= place.presenceBit
      body(row, (record + Int(place.offset)).assumingMemoryBound(to: type))
    }
  }
}
