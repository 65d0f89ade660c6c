/// What one server gives to all its clients together, and to each.
///
/// At most: `connections` × (`connectionBytes` + 2 × `bodyBytes`) of memory (bodies grow by doubling), beside what answers
/// take.
struct HTTPLimits: Sendable {
  /// Threads that poll and run the handler: as many requests are handled at a time.
  var threads: UInt32 = 4
  /// Over all threads; who comes later waits in the listen queue.
  var connections: UInt32 = 128
  /// libmicrohttpd's pool for a connection: the request line and all headers must fit (else 413, 414 or 431).
  var connectionBytes = 32 << 10
  var bodyBytes = 1 << 20
  /// Of a body that is too large this much more is read and dropped, so that the client gets to see the 413.
  var discardedBytes = 8 << 20
  /// From a connection's start, or its last answer, to the end of the next request; and from the handler's end until the
  /// answer is taken. It bounds clients that send or take a byte now and then, which a limit on silence does not.
  var exchangeMilliseconds: Int64 = 20_000
  /// How long `stop` waits for answers that are on their way.
  var stopMilliseconds: Int64 = 3_000

  init() {
    precondition(connections >= threads && connectionBytes >= 4096)
  }
}
