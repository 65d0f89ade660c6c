// Reads a topic from its first record to the ends that its partitions have at the start, with librdkafka alone: what
// any consumer of these records could reach at most. Prints records, bytes, wall and CPU seconds as JSON.
//
// usage: consume BROKERS TOPIC PARTITIONS        cc -O2 bench/consume.c -o consume -lrdkafka
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char message[256];
  if (rd_kafka_conf_set(conf, name, value, message, sizeof message) != RD_KAFKA_CONF_OK) {
    fprintf(stderr, "%s\n", message);
    exit(1);
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  char message[256];
  double began = seconds(CLOCK_MONOTONIC);
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", argv[1]);
  set(conf, "group.id", "bare");
  set(conf, "enable.auto.commit", "false");
  rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, message, sizeof message);
  if (!consumer) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  rd_kafka_poll_set_consumer(consumer);
  int partitions = atoi(argv[3]);
  long long wanted = 0, records = 0, bytes = 0;
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
  for (int partition = 0; partition < partitions; partition++) {
    int64_t first = 0, end = 0;
    rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(consumer, argv[2], partition, &first, &end, 10000);
    if (error) {
      fprintf(stderr, "bounds of partition %d: %s\n", partition, rd_kafka_err2str(error));
      return 1;
    }
    wanted += end - first;
    rd_kafka_topic_partition_list_add(list, argv[2], partition)->offset = first;
  }
  rd_kafka_assign(consumer, list);
  rd_kafka_topic_partition_list_destroy(list);
  while (records < wanted) {
    rd_kafka_message_t *record = rd_kafka_consumer_poll(consumer, 60000);
    if (!record) {
      fprintf(stderr, "%lld of %lld records, then nothing for a minute\n", records, wanted);
      return 1;
    }
    if (!record->err) {
      records++;
      bytes += (long long)record->len;
    }
    rd_kafka_message_destroy(record);
  }
  printf("{\"records\": %lld, \"bytes\": %lld, \"seconds\": %.4f, \"cpu_seconds\": %.4f}\n", records, bytes,
         seconds(CLOCK_MONOTONIC) - began, seconds(CLOCK_PROCESS_CPUTIME_ID));
  return 0;
}
