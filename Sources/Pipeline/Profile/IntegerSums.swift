/// The exact sum of integers and of their squares, in plain registers for what fits 64 bits.
struct IntegerSums {
  private var sum: Int128 = 0
  /// The squares' lower and upper 64 bits are added up apart, so neither overflows below 2⁶⁴ values.
  private var squaresLow: UInt128 = 0
  private var squaresHigh: UInt128 = 0
  /// Of integers beyond 64 bits.
  private var wide = WideSum()
  private var wideSquares = WideSum()

  @inline(__always)
  mutating func add(_ value: Int64, times: UInt32 = 1) {
    sum &+= Int128(value) &* Int128(times)
    let magnitude = value.magnitude
    let (high, low) = magnitude.multipliedFullWidth(by: magnitude)
    squaresLow &+= UInt128(low) &* UInt128(times)
    squaresHigh &+= UInt128(high) &* UInt128(times)
  }

  mutating func add(wide value: Int128) {
    if let small = Int64(exactly: value) {
      add(small)
    } else {
      wide.add(integer: value)
      wideSquares.addSquare(integer: value)
    }
  }

  mutating func merge(_ other: IntegerSums) {
    sum &+= other.sum
    squaresLow &+= other.squaresLow
    squaresHigh &+= other.squaresHigh
    wide.merge(other.wide)
    wideSquares.merge(other.wideSquares)
  }

  func write(to out: inout StateWriter) {
    out.put(fixed: sum)
    out.put(fixed: squaresLow)
    out.put(fixed: squaresHigh)
    wide.write(to: &out)
    wideSquares.write(to: &out)
  }

  init() {}

  init(_ state: inout StateReader) throws(StateError) {
    sum = try state.fixed()
    squaresLow = try state.fixed()
    squaresHigh = try state.fixed()
    wide = try WideSum(&state)
    wideSquares = try WideSum(&state)
  }

  func sums() -> (sum: WideSum, squares: WideSum) {
    var total = wide
    var squares = wideSquares
    total.add(integer: sum)
    squares.add(squaresLow, exponent: 0, negative: false)
    squares.add(squaresHigh, exponent: 64, negative: false)
    return (total, squares)
  }
}
