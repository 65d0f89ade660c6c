/// Numbers by binary order of magnitude: bins for quantiles, and exact sums of each order's mantissas.
///
/// A bin is a sign, an exponent and the upper six bits of the mantissa: 64 bins of equal width between a power of two
/// and the next. The middle of a bin differs from anything in it by 1/128 at most, 0.8 %. (DDSketch takes a logarithm
/// for the same; the bits cost nothing and are the same on every machine. Below 2⁻¹⁰²² the error is absolute.)
/// A bin is a fixed function of the value, so counts may be added up in any order.
///
/// Memory: a page of 1,080 bytes for each exponent that occurs, 2,100 pages at the very most.
final class MagnitudeSketch {
  /// Bins of one exponent and what its mantissas add up to.
  struct Page {
    /// The sum of the signed mantissas, each below 2⁵³, so 2⁶⁴ of them fit.
    var sum: Int128 = 0
    /// The sum of the squared mantissas: low 128 bits, and how often they overflowed.
    var squares: UInt128 = 0
    var squareCarries: UInt64 = 0
  }

  static let binsPerPage = 64
  /// Exponents as they lie in a double's bits.
  static let exponents = 2048

  /// Page number + 1 for each biased exponent; 0: none yet.
  private let index: UnsafeMutablePointer<UInt16>
  private var pages: UnsafeMutablePointer<Page>
  /// 128 counts a page: positive bins, then negative ones.
  private var counts: UnsafeMutablePointer<UInt64>
  private var pageCount = 0
  private var pageCapacity = 1
  private(set) var zeros: UInt64 = 0

  init() {
    index = .allocate(capacity: Self.exponents)
    index.initialize(repeating: 0, count: Self.exponents)
    pages = .allocate(capacity: pageCapacity)
    counts = .allocate(capacity: pageCapacity * 2 * Self.binsPerPage)
  }

  deinit {
    index.deallocate()
    pages.deallocate()
    counts.deallocate()
  }

  /// About how much memory it takes.
  var bytes: Int {
    Self.exponents * MemoryLayout<UInt16>.stride
      + pageCapacity * (MemoryLayout<Page>.stride + 2 * Self.binsPerPage * MemoryLayout<UInt64>.stride)
  }

  /// Adds doubles that are finite; others are skipped.
  func add(_ values: UnsafePointer<Double>, _ number: Int) { add(values, number) { _ in 1 } }

  /// Each value as often as its count says.
  func add(_ values: UnsafePointer<Double>, _ times: UnsafePointer<UInt32>, _ number: Int) {
    add(values, number) { UInt64(times[$0]) }
  }

  @inline(__always)
  private func add(_ values: UnsafePointer<Double>, _ number: Int, times: (Int) -> UInt64) {
    let index = index
    var pages = pages
    var counts = counts
    for i in 0..<number {
      let bits = values[i].bitPattern
      let exponent = Int(truncatingIfNeeded: (bits &>> 52) & 0x7ff)
      let fraction = bits & 0x000f_ffff_ffff_ffff
      if exponent == 0x7ff { continue }
      var mantissa = fraction
      if exponent != 0 {
        mantissa |= 0x0010_0000_0000_0000
      } else if fraction == 0 {
        zeros &+= times(i)
        continue
      }
      var page = Int(index[exponent]) &- 1
      if page < 0 {
        page = newPage(exponent)
        pages = self.pages
        counts = self.counts
      }
      let isNegative = bits &>> 63
      let bin = Int(truncatingIfNeeded: fraction &>> 46 | isNegative &<< 6)
      counts[page &* 2 &* Self.binsPerPage &+ bin] &+= times(i)
      // Negation by sign mask, without a branch that the predictor would miss.
      let sign = Int64(bitPattern: isNegative)
      let signed = (Int64(bitPattern: mantissa) ^ (0 &- sign)) &+ sign
      let (high, low) = mantissa.multipliedFullWidth(by: mantissa)
      pages[page].sum &+= Int128(signed) &* Int128(times(i))
      // The low word's product reaches into the high one's; what is beyond 128 bits is carried at once.
      let lows = UInt128(low) &* UInt128(times(i))
      let highs = UInt128(high) &* UInt128(times(i)) &+ lows &>> 64
      let added = highs &<< 64 | UInt128(UInt64(truncatingIfNeeded: lows))
      let (sum, overflow) = pages[page].squares.addingReportingOverflow(added)
      pages[page].squares = sum
      pages[page].squareCarries &+= UInt64(truncatingIfNeeded: highs &>> 64) &+ (overflow ? 1 : 0)
    }
  }

  /// Counts integers in their bins; their sums are the caller's affair. An integer of `k` bits counts as a double of
  /// exponent k − 1.
  func count(_ values: UnsafePointer<Int64>, _ number: Int) { count(values, number) { _ in 1 } }

  /// Each integer as often as its count says.
  func count(_ values: UnsafePointer<Int64>, _ times: UnsafePointer<UInt32>, _ number: Int) {
    count(values, number) { UInt64(times[$0]) }
  }

  @inline(__always)
  private func count(_ values: UnsafePointer<Int64>, _ number: Int, times: (Int) -> UInt64) {
    let index = index
    var counts = counts
    var zeros: UInt64 = 0
    for i in 0..<number {
      let magnitude = values[i].magnitude
      if magnitude == 0 {
        zeros &+= times(i)
        continue
      }
      let leading = magnitude.leadingZeroBitCount
      var page = Int(index[1086 &- leading]) &- 1
      if page < 0 {
        page = newPage(1086 &- leading)
        counts = self.counts
      }
      // The six bits below the highest, and the sign.
      let top = (magnitude &<< UInt64(truncatingIfNeeded: leading)) &<< 1
      let bin = Int(truncatingIfNeeded: top &>> 58 | (UInt64(bitPattern: values[i]) &>> 63) &<< 6)
      counts[page &* 2 &* Self.binsPerPage &+ bin] &+= times(i)
    }
    self.zeros &+= zeros
  }

  /// As ``count(_:_:)``, for a decimal.
  func count(wide value: Int128) {
    let magnitude = value.magnitude
    guard magnitude != 0 else {
      zeros &+= 1
      return
    }
    let leading = magnitude.leadingZeroBitCount
    let page = self.page(1150 - leading)
    let top = (magnitude &<< UInt128(truncatingIfNeeded: leading)) &<< 1
    let bin = Int(truncatingIfNeeded: top &>> 122) + (value < 0 ? Self.binsPerPage : 0)
    counts[page * 2 * Self.binsPerPage + bin] &+= 1
  }

  func merge(_ other: MagnitudeSketch) {
    zeros &+= other.zeros
    for exponent in 0..<Self.exponents where other.index[exponent] != 0 {
      let theirs = Int(other.index[exponent]) - 1
      let mine = page(exponent)
      pages[mine].sum &+= other.pages[theirs].sum
      let (sum, overflow) = pages[mine].squares.addingReportingOverflow(other.pages[theirs].squares)
      pages[mine].squares = sum
      pages[mine].squareCarries &+= other.pages[theirs].squareCarries &+ (overflow ? 1 : 0)
      for bin in 0..<2 * Self.binsPerPage {
        counts[mine * 2 * Self.binsPerPage + bin] &+= other.counts[theirs * 2 * Self.binsPerPage + bin]
      }
    }
  }

  // MARK: Parts, for writing and reading a sketch

  /// Ascending.
  var usedExponents: [Int] { (0..<Self.exponents).filter { index[$0] != 0 } }

  /// An exponent's sums, and its positive and negative bins; the exponent must be a used one.
  func contents(_ exponent: Int) -> (Page, [UInt64]) {
    let page = Int(index[exponent]) - 1
    let bins = 2 * Self.binsPerPage
    return (pages[page], Array(UnsafeBufferPointer(start: counts + page * bins, count: bins)))
  }

  /// Replaces an exponent's contents.
  func set(_ exponent: Int, _ contents: Page, _ bins: [UInt64]) {
    precondition(bins.count == 2 * Self.binsPerPage)
    let page = page(exponent)
    pages[page] = contents
    for (bin, count) in bins.enumerated() { counts[page * bins.count + bin] = count }
  }

  func set(zeros: UInt64) { self.zeros = zeros }

  /// The exact sums of the doubles and of their squares.
  func sums() -> (sum: WideSum, squares: WideSum) {
    var sum = WideSum()
    var squares = WideSum()
    for exponent in 0..<Self.exponents where index[exponent] != 0 {
      let page = pages[Int(index[exponent]) - 1]
      // A subnormal's mantissa weighs as one of exponent 1.
      let weight = max(exponent, 1) - 1075
      sum.add(page.sum.magnitude, exponent: weight, negative: page.sum < 0)
      squares.add(page.squares, exponent: 2 * weight, negative: false)
      squares.add(UInt128(page.squareCarries), exponent: 2 * weight + 128, negative: false)
    }
    return (sum, squares)
  }

  /// A bin in ascending order of what it holds.
  struct Bin {
    let count: UInt64
    let isNegative: Bool
    /// The least magnitude in the bin, and how wide it is; both 0 for zeros.
    let low: Double
    let width: Double
  }

  /// All bins that hold something, ascending.
  func bins() -> [Bin] {
    var negative: [Bin] = []
    var positive: [Bin] = []
    for exponent in 0..<Self.exponents where index[exponent] != 0 {
      let base = (Int(index[exponent]) - 1) * 2 * Self.binsPerPage
      let width = Double(sign: .plus, exponent: max(exponent, 1) - 1023 - 6, significand: 1)
      for bin in 0..<Self.binsPerPage {
        let steps = exponent == 0 ? bin : bin + Self.binsPerPage
        let low = Double(steps) * width
        if counts[base + bin] > 0 {
          positive.append(Bin(count: counts[base + bin], isNegative: false, low: low, width: width))
        }
        if counts[base + Self.binsPerPage + bin] > 0 {
          negative.append(
            Bin(count: counts[base + Self.binsPerPage + bin], isNegative: true, low: low, width: width))
        }
      }
    }
    let zero = zeros > 0 ? [Bin(count: zeros, isNegative: false, low: 0, width: 0)] : []
    return negative.reversed() + zero + positive
  }

  @inline(__always)
  private func page(_ exponent: Int) -> Int {
    let number = Int(index[exponent])
    return number != 0 ? number &- 1 : newPage(exponent)
  }

  @inline(never) private func newPage(_ exponent: Int) -> Int {
    let bins = 2 * Self.binsPerPage
    if pageCount == pageCapacity {
      let grownPages = UnsafeMutablePointer<Page>.allocate(capacity: pageCapacity * 2)
      let grownCounts = UnsafeMutablePointer<UInt64>.allocate(capacity: pageCapacity * 2 * bins)
      grownPages.update(from: pages, count: pageCount)
      grownCounts.update(from: counts, count: pageCount * bins)
      pages.deallocate()
      counts.deallocate()
      pages = grownPages
      counts = grownCounts
      pageCapacity *= 2
    }
    pages[pageCount] = Page()
    (counts + pageCount * bins).initialize(repeating: 0, count: bins)
    pageCount += 1
    index[exponent] = UInt16(truncatingIfNeeded: pageCount)
    return pageCount - 1
  }
}
