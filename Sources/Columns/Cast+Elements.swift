extension Cast {
  /// The same reading for the elements of a list: an unreadable one is a fault whatever ``setNullOnError`` says, and
  /// nulls stay null; both are judged for the row as a whole.
  public var ofElements: Cast { Cast(elementsOf: self) }

  private init(elementsOf cast: Cast) {
    type = cast.type
    time = cast.time
    reading = cast.reading
    setNullOnError = false
    fallback = nil
  }
}
