internal import CRDKafka
internal import Synchronization
internal import Threads

/// A token for SASL/OAUTHBEARER, and how long it lives.
public typealias OAuthToken = (token: String, lifetimeMilliseconds: Int64, principal: String)

/// What librdkafka's callbacks of one handle reach by its opaque pointer. Lives as long as the handle.
final class ClientContext: @unchecked Sendable {
  // Sendable: `rebalanced` is set before the handle is polled first and called by polls alone, on the consumer's thread.
  let settings: KafkaSettings
  var rebalanced: ((rd_kafka_resp_err_t, UnsafePointer<rd_kafka_topic_partition_list_t>) -> Void)?
  private let log: KafkaLog
  private let oauthToken: (@Sendable () throws -> OAuthToken)?
  private let state = Mutex(State())

  private struct State {
    var lastFault: KafkaFault?
    /// When all brokers were first found to be down, in milliseconds of the monotonic clock.
    var downSince: Int64?
  }

  init(settings: KafkaSettings, oauthToken: (@Sendable () throws -> OAuthToken)?, log: KafkaLog) {
    self.settings = settings
    self.oauthToken = oauthToken
    self.log = log
  }

  /// What a connection last failed with.
  var lastFault: KafkaFault? { state.withLock { $0.lastFault } }
  var downSince: Int64? { state.withLock { $0.downSince } }

  func reached() {
    state.withLock {
      $0.downSince = nil
      $0.lastFault = nil
    }
  }

  func say(_ text: String) { log.say(settings.redacted(text)) }

  private func note(_ fault: KafkaFault) {
    state.withLock {
      // "1/1 brokers are down" says less than why.
      guard fault.code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN else {
        $0.lastFault = fault
        return
      }
      if $0.lastFault == nil { $0.lastFault = fault }
      if $0.downSince == nil { $0.downSince = monotonicMilliseconds() }
    }
  }

  private func refreshToken(_ client: OpaquePointer) {
    guard let oauthToken else { return }
    var message = [CChar](repeating: 0, count: 512)
    do {
      let token = try oauthToken()
      let result = rd_kafka_oauthbearer_set_token(
        client, token.token, token.lifetimeMilliseconds, token.principal, nil, 0, &message, message.count)
      if result != RD_KAFKA_RESP_ERR_NO_ERROR { rd_kafka_oauthbearer_set_token_failure(client, message) }
    } catch {
      rd_kafka_oauthbearer_set_token_failure(client, "no token: \(error)")
    }
  }

  /// Sets the callbacks. The configuration's handle must not outlive `self`.
  func install(in configuration: OpaquePointer) {
    rd_kafka_conf_set_opaque(configuration, Unmanaged.passUnretained(self).toOpaque())
    rd_kafka_conf_set_log_cb(configuration) { client, level, facility, text in
      guard let client, let text, let facility, let opaque = rd_kafka_opaque(client) else { return }
      let kind = String(cString: facility)
      let context = Unmanaged<ClientContext>.fromOpaque(opaque).takeUnretainedValue()
      // Warnings and worse, or all if the user asks for it by the property `debug`. A property for consumers is no mistake
      // on a producer: both get all properties.
      guard level <= 4 || context.settings.properties["debug"] != nil, kind != "CONFWARN" else { return }
      context.say("kafka: \(kind): \(String(cString: text))")
    }
    rd_kafka_conf_set_error_cb(configuration) { _, code, text, opaque in
      guard let opaque else { return }
      Unmanaged<ClientContext>.fromOpaque(opaque).takeUnretainedValue().note(
        KafkaFault(rd_kafka_resp_err_t(rawValue: code), text.map { String(cString: $0) }))
    }
    rd_kafka_conf_set_rebalance_cb(configuration) { _, code, list, opaque in
      guard let list, let opaque else { return }
      Unmanaged<ClientContext>.fromOpaque(opaque).takeUnretainedValue().rebalanced?(code, list)
    }
    guard oauthToken != nil else { return }
    rd_kafka_conf_enable_sasl_queue(configuration, 1)
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(configuration) { client, _, opaque in
      guard let client, let opaque else { return }
      Unmanaged<ClientContext>.fromOpaque(opaque).takeUnretainedValue().refreshToken(client)
    }
  }

  var refreshesTokens: Bool { oauthToken != nil }
}

/// The user's log, shared by all handles: all of them complain of the same broker.
final class KafkaLog: Sendable {
  private let write: @Sendable (String) -> Void
  private let collapser = Mutex(LogCollapser())

  init(_ write: @escaping @Sendable (String) -> Void) { self.write = write }

  func say(_ text: String) {
    if let line = collapser.withLock({ $0.line(text, at: monotonicMilliseconds()) }) { write(line) }
  }
}

func monotonicMilliseconds() -> Int64 { monotonicMicroseconds() / 1000 }
