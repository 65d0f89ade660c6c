internal import CRDKafka
internal import Platform
internal import Threads

/// Owns one of librdkafka's handles; the last one to let go destroys it, which waits for its threads.
///
/// The handle itself may be used from any thread; what must not outlive it (topics, queues) keeps a reference to this.
final class ClientHandle: @unchecked Sendable {
  // Sendable: the pointer never changes, and what it points to is thread-safe.
  let pointer: OpaquePointer
  let context: ClientContext

  /// `adjust` sets callbacks of the role.
  init(
    _ role: KafkaSettings.Role, _ context: ClientContext, adjust: (OpaquePointer) -> Void = { _ in }
  ) throws(BrokerError) {
    let settings = context.settings
    let configuration = try settings.configuration(role)
    context.install(in: configuration)
    adjust(configuration)
    let type: rd_kafka_type_t =
      switch role {
      case .producer: RD_KAFKA_PRODUCER
      case .member, .reader: RD_KAFKA_CONSUMER
      }
    var message = [CChar](repeating: 0, count: 512)
    guard let pointer = rd_kafka_new(type, configuration, &message, message.count) else {
      let isOfSystem = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE
      // Only a handle takes the configuration over.
      rd_kafka_conf_destroy(configuration)
      throw BrokerError(
        .other, operation: "connect", location: settings.brokers, message: settings.redacted(string(message)),
        hint: isOfSystem ? ThreadError.hint : "check the broker's properties")
    }
    self.pointer = pointer
    self.context = context
    if context.refreshesTokens, let failure = rd_kafka_sasl_background_callbacks_enable(pointer) {
      defer { rd_kafka_error_destroy(failure) }
      let text = String(cString: rd_kafka_error_string(failure))
      throw BrokerError(
        .other, operation: "connect", location: settings.brokers, message: settings.redacted(text),
        hint: "a token goes with sasl.mechanisms=OAUTHBEARER")
    }
  }

  /// librdkafka 2.0.2 ends the process if a member is destroyed between joining and its first assignment (an assertion on
  /// the sticky assignor's state). Such a handle is left to the end of the process; there are few of them.
  var isLeftBehind = false

  deinit {
    // Without the consumer's close, which is said explicitly: leaving a group may take seconds and is not wanted of
    // a member that keeps its place.
    if isLeftBehind {
      // Its threads go on calling back.
      _ = Unmanaged.passRetained(context)
      return
    }
    rd_kafka_destroy_flags(pointer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
  }

  func error(_ fault: KafkaFault, _ operation: String, _ location: String? = nil) -> BrokerError {
    let settings = context.settings
    let shown = KafkaFault(fault.code, settings.redacted(fault.text))
    let cause = context.lastFault.map { KafkaFault($0.code, settings.redacted($0.text)) }
    return shown.error(operation, location ?? settings.brokers, brokers: settings.brokers, cause: cause)
  }

  func error(_ code: rd_kafka_resp_err_t, _ operation: String, _ location: String? = nil) -> BrokerError {
    error(KafkaFault(code), operation, location)
  }

  /// Asks any broker something, to know whether one is there.
  func checkReachable(_ operation: String, milliseconds: Int32) throws(BrokerError) {
    _ = try metadata(operation, milliseconds: milliseconds) { _ in }
  }

  /// What the cluster says of itself: brokers alone, or topics too.
  func metadata<R>(
    _ operation: String, topics: Bool = false, milliseconds: Int32? = nil, _ body: (rd_kafka_metadata) -> R
  ) throws(BrokerError) -> R {
    var answer: UnsafePointer<rd_kafka_metadata>?
    let code = rd_kafka_metadata(
      pointer, topics ? 1 : 0, nil, &answer, milliseconds ?? context.settings.requestMilliseconds)
    guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let answer else { throw error(code, operation) }
    defer { rd_kafka_metadata_destroy(answer) }
    context.reached()
    return body(answer.pointee)
  }
}
