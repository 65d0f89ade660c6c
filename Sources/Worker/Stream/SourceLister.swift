internal import Definition
internal import Notifications
internal import Platform

/// Compares what the store has with what the ledger has accepted, and names the objects that differ: for stores that send
/// no notifications, and for those that were lost.
///
/// Used by one thread at a time. What it keeps between calls is bounded by the objects that differ (files that have not
/// settled) and, in buckets with versions, by a few words an object.
struct SourceLister {
  private let definition: Definition
  private let stores: any StoreDirectory
  /// By the source's index; opened when first listed, so that one that cannot be opened does not hide the others.
  private var listings: [Int: Listing] = [:]

  /// A source with its place and what was seen of it.
  fileprivate struct Listing {
    let place: StorePlace
    let rule: SourceRule
    var settling = SettlingFiles()
    /// Of keys in a bucket with versions: what the listing said of the version whose id is known.
    var known: [String: (listed: String, version: String)] = [:]
  }

  init(_ definition: Definition, stores: any StoreDirectory) {
    self.definition = definition
    self.stores = stores
  }

  /// What all sources of objects have to say; one that cannot be listed is a problem of its own, by the source's index.
  ///
  /// `now`: microseconds, for files that must stand still for a while. `accepted`: the version
  /// (``ObjectVersion/text(of:)``) that the ledger has accepted of a source's object; nil where there is none or the
  /// object is known to be gone. `acceptedKeys`: the keys of a source in its bucket for which there is one.
  mutating func differences<Keys: Sequence>(
    now: Int64, accepted: (_ source: Int, _ bucket: String, _ key: String) -> String?,
    acceptedKeys: (_ source: Int) -> Keys
  ) -> (hints: [ObjectHint], problems: [Int: StoreError]) where Keys.Element == String {
    var hints: [ObjectHint] = []
    var problems: [Int: StoreError] = [:]
    for (index, source) in definition.sources.enumerated() {
      guard case .objects = source.input else { continue }
      do throws(StoreError) {
        hints += try differences(
          source: index, now: now, accepted: { bucket, key in accepted(index, bucket, key) },
          acceptedKeys: acceptedKeys(index))
      } catch {
        problems[index] = error
      }
    }
    return (hints, problems)
  }

  /// Objects of one source that are new, changed or gone, by key. A source of records has none.
  mutating func differences(
    source index: Int, now: Int64, accepted: (_ bucket: String, _ key: String) -> String?,
    acceptedKeys: some Sequence<String>
  ) throws(StoreError) -> [ObjectHint] {
    guard case .objects(let location) = definition.sources[index].input else { return [] }
    // Taken out while it changes, and put back whatever happens.
    var listing: Listing
    if let known = listings.removeValue(forKey: index) { listing = known } else { listing = try open(index, location) }
    defer { listings[index] = listing }
    let rule = listing.rule
    let found = try stores.objects(at: listing.place).filter { rule.contains($0.key) }
    var present: Set<String> = []
    present.reserveCapacity(found.count)
    var hints: [ObjectHint] = []
    for info in found where present.insert(info.key).inserted {
      if let hint = listing.difference(
        info, accepted: accepted(info.bucket, info.key), now: now, settle: definition.sources[index].settle)
      {
        hints.append(hint)
      }
    }
    let bucket = listing.place.bucket
    for key in acceptedKeys where !present.contains(key) && rule.contains(key) && accepted(bucket, key) != nil {
      hints.append(ObjectHint(bucket: bucket, key: key, kind: .removed))
    }
    listing.forget(allBut: present)
    return hints.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }

  private func open(_ index: Int, _ location: String) throws(StoreError) -> Listing {
    let place = try stores.open(location)
    return Listing(place: place, rule: try SourceRule(definition.sources[index], place))
  }
}

extension SourceLister.Listing {
  /// A hint if the object is not the accepted version and, being a file, has settled.
  fileprivate mutating func difference(
    _ info: ObjectInfo, accepted: String?, now: Int64, settle: Int64
  ) -> ObjectHint? {
    let listed = ObjectVersion.text(of: info)
    if listed == accepted {
      settling.forget(info.key)
      return nil
    }
    var hint = ObjectHint(
      bucket: info.bucket, key: info.key, kind: .created, version: info.version, etag: info.etag, size: info.size)
    if info.bucket.isEmpty {
      return settling.hasSettled(info, now: now, settle: settle) ? hint : nil
    }
    guard let accepted, info.version == nil, !isTagAndTime(accepted) else { return hint }
    // The same bytes put again within a second look the same and have another version id.
    if known[info.key].map({ $0.listed == listed && $0.version == accepted }) != true {
      do throws(StoreError) {
        let head = try place.store.head(info.key)
        // Changed since it was listed: the next listing says of which version it speaks.
        guard head.etag == info.etag, head.modifiedMicroseconds == info.modifiedMicroseconds else { return hint }
        known[info.key] = (listed, ObjectVersion.text(of: head))
      } catch {
        // Who reads the object will find out what is the matter with it.
        return hint
      }
    }
    let version = known[info.key]?.version
    if version == accepted { return nil }
    hint.version = version == listed ? nil : version
    return hint
  }

  /// Whether a version's text is of an object without a version id: then a listing tells all there is to compare.
  private func isTagAndTime(_ text: String) -> Bool {
    guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")) else { return false }
    let time = text.utf8[text.utf8.index(after: slash)...]
    return !time.isEmpty && time.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  fileprivate mutating func forget(allBut present: Set<String>) {
    settling.forget(allBut: present)
    if known.count > present.count { known = known.filter { present.contains($0.key) } }
  }
}
