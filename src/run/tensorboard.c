/* run/tensorboard.c - TensorBoard's event files: records of {length, crc, protobuf Event, crc}. The wall time is 0, so the bytes of a file
 * depend on the run alone.
 * Source   TensorFlow, tsl/lib/io/record_writer.cc (framing, masked CRC32C); event.proto, summary.proto (field numbers) */
#include "rein/journal.h"
#include <string.h>

uint32_t rn_crc32c(const void *bytes, size_t n) {
  static const uint32_t half[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};   // Castagnoli, a nibble at a time
  uint32_t c = ~0u;
  for (const unsigned char *at = bytes; n; n--, at++) {
    c ^= *at;
    c = c >> 4 ^ half[c & 15], c = c >> 4 ^ half[c & 15];
  }
  return ~c;
}

static uint32_t masked(const void *bytes, size_t n) {
  uint32_t c = rn_crc32c(bytes, n);
  return (c >> 15 | c << 17) + 0xa282ead8u;
}

// x86 and ARM lie little end first, as the file does
static void record(rn_text *t, const rn_text *event) {
  uint64_t n = event->n;
  uint32_t head = masked(&n, sizeof n), tail = masked(event->at, event->n);
  rn_say_bytes(t, &n, sizeof n), rn_say_bytes(t, &head, sizeof head);
  rn_say_bytes(t, event->at, event->n), rn_say_bytes(t, &tail, sizeof tail);
}

static void varint(rn_text *t, uint64_t x) {
  for (; x >= 128; x >>= 7) rn_say_bytes(t, &(unsigned char){(unsigned char)(x | 128)}, 1);
  rn_say_bytes(t, &(unsigned char){(unsigned char)x}, 1);
}

static void field(rn_text *t, int number, int wire) { varint(t, (uint64_t)(number << 3 | wire)); }

static void text_field(rn_text *t, int number, const void *bytes, size_t n) {
  field(t, number, 2), varint(t, n), rn_say_bytes(t, bytes, n);
}

static void wall_time(rn_text *event) { field(event, 1, 1), rn_say_bytes(event, &(double){0}, 8); }        // Event.wall_time = 1

void rn_event_version(rn_text *t) {
  rn_text event = {0};
  wall_time(&event);
  text_field(&event, 3, "brain.Event:2", 13);                  // Event.file_version = 3
  record(t, &event);
  rn_free(event.at);
}

void rn_event_scalar(rn_text *t, long step, const char *tag, double value) {
  rn_text event = {0}, summary = {0}, one = {0};
  float simple = (float)value;
  text_field(&one, 1, tag, strlen(tag));                       // Value.tag = 1
  field(&one, 2, 5), rn_say_bytes(&one, &simple, 4);           // Value.simple_value = 2
  text_field(&summary, 1, one.at, one.n);                      // Summary.value = 1
  wall_time(&event);
  field(&event, 2, 0), varint(&event, (uint64_t)step);         // Event.step = 2
  text_field(&event, 5, summary.at, summary.n);                // Event.summary = 5
  record(t, &event);
  rn_free(event.at), rn_free(summary.at), rn_free(one.at);
}
