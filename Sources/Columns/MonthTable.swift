/// Where the months of 1900…2099 begin: spares the common dates the calendar's divisions and month lengths.
///
/// 16 kB, of which a year takes 80 bytes; computed at first use.
///
/// Sendable: written only by `init`, which `static let` runs once, and never freed.
struct MonthTable: @unchecked Sendable {
  /// Entry (year − 1900) × 20 + month, month 0…19: days from 1970-01-01 to the day before the month's first, times
  /// 32, plus the number of its days; 0 where there is no such month.
  let months: UnsafePointer<Int32>

  static let monthsPerYear = 20
  static let shared = MonthTable()

  private init() {
    let count = 200 * MonthTable.monthsPerYear
    let entries = UnsafeMutablePointer<Int32>.allocate(capacity: count)
    entries.initialize(repeating: 0, count: count)
    for year in 1900...2099 {
      for month in 1...12 {
        let days = Calendar.days(year: year, month: month, day: 1) - 1
        entries[(year - 1900) * MonthTable.monthsPerYear + month] =
          Int32(days * 32 + Calendar.days(inMonth: month, of: year))
      }
    }
    months = UnsafePointer(entries)
  }
}
