internal import CRDKafka
internal import Platform

/// An error of librdkafka or of a broker, as the library's callbacks and answers give it.
struct KafkaFault: Sendable {
  let code: rd_kafka_resp_err_t
  let text: String

  init(_ code: rd_kafka_resp_err_t, _ text: String? = nil) {
    self.code = code
    self.text = text.flatMap { $0.isEmpty ? nil : $0 } ?? String(cString: rd_kafka_err2str(code))
  }

  /// What it means to the caller.
  var meaning: BrokerError.Code {
    switch code {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE,
      RD_KAFKA_RESP_ERR__SSL:
      .forbidden
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
      RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      .noSuchTopic
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
      RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
      .tooLarge
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST,
      RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
      .fenced
    case RD_KAFKA_RESP_ERR__DESTROY, RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
      .closed
    case RD_KAFKA_RESP_ERR_INVALID_MSG, RD_KAFKA_RESP_ERR__BAD_MSG, RD_KAFKA_RESP_ERR__BAD_COMPRESSION,
      RD_KAFKA_RESP_ERR__UNDERFLOW:
      .damaged
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
      RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE,
      RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__RETRY, RD_KAFKA_RESP_ERR__QUEUE_FULL,
      RD_KAFKA_RESP_ERR__IN_PROGRESS, RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS, RD_KAFKA_RESP_ERR__NO_OFFSET,
      RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
      RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
      RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
      RD_KAFKA_RESP_ERR_NOT_CONTROLLER, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
      RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
      RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_LISTENER_NOT_FOUND, RD_KAFKA_RESP_ERR_PREFERRED_LEADER_NOT_AVAILABLE,
      RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
      .unavailable
    default: .other
    }
  }

  /// The error for a caller. `cause`: what a connection last failed with, which says more than "timed out".
  func error(_ operation: String, _ location: String, brokers: String, cause: KafkaFault? = nil) -> BrokerError {
    var code = meaning
    var message = text
    if code == .unavailable, let cause {
      // Credentials that are refused show up as a broker that is never reached.
      if cause.meaning == .forbidden { code = .forbidden }
      message += " (\(cause.text))"
    }
    return BrokerError(
      code, operation: operation, location: location, message: message, hint: hint(code, brokers))
  }

  private func hint(_ meaning: BrokerError.Code, _ brokers: String) -> String {
    switch (code, meaning) {
    case (RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, _), (RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, _):
      "fewer brokers are up than the topic's min.insync.replicas asks for"
    case (RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, _): "look at the broker's disks and its log"
    case (RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, _): "poll, then commit again"
    case (RD_KAFKA_RESP_ERR__SSL, _):
      "check ssl.ca.location and that the port is one of the broker's TLS listeners"
    case (_, .unavailable): "is the broker at \(brokers) running, and can this machine reach it?"
    case (_, .forbidden): "check security.protocol, the sasl.* properties and the user's permissions (ACLs)"
    case (_, .noSuchTopic): "create the topics with `tributary topics apply`"
    case (_, .tooLarge): "raise message.max.bytes here and max.message.bytes of the topic, or send less at once"
    case (_, .fenced): "another process runs under the same member name, or this one was away for too long"
    default: ""
    }
  }
}
