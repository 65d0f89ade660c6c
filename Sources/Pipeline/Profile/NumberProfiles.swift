internal import CScan
internal import Columns

/// The hash that tells values apart for counting distinct ones.
enum ProfileHash {
  /// Moves 0 away from `mix`'s fixed point.
  @inline(__always)
  static func word(_ bits: UInt64) -> UInt64 { Hashing.mix(bits &+ 0x9e37_79b9_7f4a_7c15) }

  /// Of integers.
  @inline(__always)
  static func words<T: FixedWidthInteger & SignedInteger>(
    _ values: UnsafePointer<T>, _ number: Int, into hashes: UnsafeMutablePointer<UInt64>
  ) {
    var done = 0
    if let wide = values as? UnsafePointer<Int64> { done = cscan_profile_int64s(wide, number, hashes) }
    if let narrow = values as? UnsafePointer<Int32> { done = cscan_profile_int32s(narrow, number, hashes) }
    for i in done..<number { hashes[i] = word(UInt64(bitPattern: Int64(values[i]))) }
  }

  /// Of a double that is not −0.0; all NaN are one.
  @inline(__always)
  static func double(_ value: Double) -> UInt64 { word(value == value ? value.bitPattern : 0x7ff8 &<< 48) }
}

/// A column of doubles. NaN and the infinities are counted apart and enter nothing else but the distinct values;
/// -0.0 counts as 0.0.
final class DoubleProfile {
  let distinct = DistinctCounter()
  let sketch = MagnitudeSketch()
  var nans = 0
  var infinities = 0
  /// Of the finite values; `low > high` while there is none.
  var low = Double.infinity
  var high = -Double.infinity

  func add(_ values: UnsafePointer<Double>, _ number: Int, _ hashes: UnsafeMutablePointer<UInt64>) {
    var low = low
    var high = high
    var unusual = 0
    let done = cscan_profile_doubles(values, number, hashes, &low, &high, &unusual)
    for i in done..<number {
      // Adding +0.0 turns -0.0 into 0.0 and changes nothing else.
      let value = values[i] + 0.0
      let magnitude = value.magnitude
      let isFinite = magnitude <= .greatestFiniteMagnitude
      unusual &+= isFinite ? 0 : 1
      low = isFinite && value < low ? value : low
      high = isFinite && value > high ? value : high
      hashes[i] = ProfileHash.double(value)
    }
    self.low = low
    self.high = high
    if unusual > 0 {
      for i in 0..<number {
        if values[i].isNaN { nans += 1 } else if values[i].isInfinite { infinities += 1 }
      }
    }
    distinct.add(hashes, number)
    sketch.add(values, number)
  }

  func merge(_ other: DoubleProfile) {
    distinct.merge(other.distinct)
    sketch.merge(other.sketch)
    nans += other.nans
    infinities += other.infinities
    low = min(low, other.low)
    high = max(high, other.high)
  }
}

/// A column of 64-bit integers.
final class IntegerProfile {
  let distinct = DistinctCounter()
  let sketch = MagnitudeSketch()
  var sums = IntegerSums()
  var low = Int64.max
  var high = Int64.min

  func add(_ values: UnsafePointer<Int64>, _ number: Int, _ hashes: UnsafeMutablePointer<UInt64>) {
    var low = low
    var high = high
    var sums = sums
    for i in 0..<number {
      let value = values[i]
      low = value < low ? value : low
      high = value > high ? value : high
      sums.add(value)
      hashes[i] = ProfileHash.word(UInt64(bitPattern: value))
    }
    self.low = low
    self.high = high
    self.sums = sums
    distinct.add(hashes, number)
    sketch.count(values, number)
  }

  func merge(_ other: IntegerProfile) {
    distinct.merge(other.distinct)
    sketch.merge(other.sketch)
    sums.merge(other.sums)
    low = min(low, other.low)
    high = max(high, other.high)
  }
}

/// A column of decimals, by their unscaled values.
final class DecimalProfile {
  let distinct = DistinctCounter()
  let sketch = MagnitudeSketch()
  var sums = IntegerSums()
  var low = Int128.max
  var high = Int128.min

  func add(_ values: UnsafePointer<Int128>, _ number: Int, _ hashes: UnsafeMutablePointer<UInt64>) {
    for i in 0..<number {
      let value = values[i]
      low = value < low ? value : low
      high = value > high ? value : high
      sums.add(wide: value)
      sketch.count(wide: value)
      let bits = UInt128(bitPattern: value)
      hashes[i] = ProfileHash.word(
        ProfileHash.word(UInt64(truncatingIfNeeded: bits &>> 64)) ^ UInt64(truncatingIfNeeded: bits))
    }
    distinct.add(hashes, number)
  }

  func merge(_ other: DecimalProfile) {
    distinct.merge(other.distinct)
    sketch.merge(other.sketch)
    sums.merge(other.sums)
    low = min(low, other.low)
    high = max(high, other.high)
  }
}

/// A column of dates or timestamps.
final class TimeProfile {
  let distinct = DistinctCounter()
  var sketch = TimeSketch()

  @inline(__always)
  func add<T: FixedWidthInteger & SignedInteger>(
    _ values: UnsafePointer<T>, _ number: Int, _ hashes: UnsafeMutablePointer<UInt64>
  ) {
    ProfileHash.words(values, number, into: hashes)
    distinct.add(hashes, number)
    sketch.add(values, number)
  }

  func merge(_ other: TimeProfile) {
    distinct.merge(other.distinct)
    sketch.merge(other.sketch)
  }
}

/// A column of booleans.
final class BoolProfile {
  var trues = 0
  var falses = 0

  func add(_ values: UnsafePointer<UInt8>, _ validity: UnsafePointer<UInt8>, _ rows: Int) {
    var trues = 0
    var valid = 0
    for row in 0..<rows {
      trues &+= Int(values[row] & validity[row] & 1)
      valid &+= Int(validity[row])
    }
    self.trues += trues
    falses += valid - trues
  }

  func merge(_ other: BoolProfile) {
    trues += other.trues
    falses += other.falses
  }
}
