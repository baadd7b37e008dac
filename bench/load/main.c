// Load for WebSocket servers (and one client) on 127.0.0.1. One thread; every run ends by itself.
//
//   make -C bench/load OUT=/some/folder/load     with TLS and compression where OpenSSL's and zlib's headers are; or:
//   cc -O2 -o load bench/load/*.c
//   cc -O2 -DWITH_TLS -DWITH_ZLIB -o load bench/load/*.c -lssl -lcrypto -lz
//
//   load echo PORT --connections C --depth D --size S --seconds T
//     Closed loop: keeps D messages in flight on each connection.
//     -> messagesPerSecond, messages, verified, p50Us, p99Us
//   load rate PORT --connections C --rate R --size S --seconds T [--burst B]
//     Open loop: R messages a second in all, each with an intended time from a fixed schedule, B of one connection at a time.
//     Latency counts from the intended time, and messages wait for nobody: those that are still unanswered two seconds
//     after the end count with the time they have waited. "late": how far the load itself was behind its schedule.
//     -> offeredPerSecond, repliesPerSecond, verified, unanswered, p50Us, p99Us, maxUs, lateP99Us
//   load fanout PORT --connections C --in-flight W --size S --seconds T [--slow K]
//     The first connection publishes, the server delivers to all C. W publishes are in flight until every connection has
//     them. K more connections complete the opening handshake and never read. S is 8 or more (the number of the publish).
//     "missing": connections that did not get every message, counted after draining (a lost message does not stop the run).
//     -> deliveriesPerSecond, publishesPerSecond, verified, missing
//   load topics PORT --connections C --topics T --publishers G --in-flight W --size S --seconds T [--ports P,…] [--pids PID,…]
//     Several servers, or one. Connections go round PORT and --ports, and round T topics, G in a row to each: connection i asks
//     for /?topic=N with N = i / G % T. The first T x G publish, W messages in flight on each until all C / T connections of
//     the topic have them. EVERY delivery is checked: each message once, and in the order of its publisher. With --socket-io
//     they speak Socket.IO 4 over WebSocket, and messages are emit('m', payload); needs --text ascii.
//     -> deliveriesPerSecond, messagesPerSecond, verified
//   load topics-rate PORT --connections C --topics T --publishers G --rate R --size S --seconds T [--ports P,…] [--pids PID,…]
//     The same in an open loop: R messages a second in all, from the publishers in turn. Latency counts from the intended
//     time to each delivery on a connection to another server than the publisher's (to any, if there is one server).
//     -> offeredPerSecond, deliveriesPerSecond, verified, p50Us, p99Us, maxUs, lateP99Us
//   load handshakes PORT --parallel P --seconds T
//     Connects, upgrades, checks the 101, resets the connection; P at a time.
//     -> handshakesPerSecond, handshakes, verified
//   load idle PORT --connections N --pid PID [--active A --depth D --size S --seconds T] [--hold H]
//     Resident memory of PID for each of N connections, opened after 100 others; then, where asked, the echo of A more
//     while all others are idle; then holds everything open for H seconds (the line is printed before). Answers pings.
//     -> bytesPerConnection, rssBefore, rssAfter (octets), connections, and with --active all figures of echo
//   load sink --size S --seconds T
//     A server for ONE client under test. First line: {"port":N}. Answers the opening handshake, then counts masked
//     messages of S octets for T seconds (after the warm-up), prints, sends Close and ends when the client has.
//     -> messagesPerSecond, octetsPerSecond, messages, verified
//   load deflate PORT --messages FILE --connections C --depth D --seconds T [--extension E] [--first N]
//     Closed loop with the lines of FILE (the first N of them) as messages, in their order, each connection from another one
//     on. E is the value of Sec-WebSocket-Extensions (RFC 7692): a server that does not agree to it ends the run. Messages are
//     compressed before the run (zlib, level 6, without reference to each other), and sent so whether that makes them
//     smaller or not. EVERY reply is verified: inflated and compared; without context takeover, bytes that were inflated
//     before as that message are not inflated again. Replies without RSV1 are compared as they are.
//     -> messagesPerSecond, messages, verified, compressed, inflated (replies, warm-up included), bytesPerReply (payload),
//        agreed (what the server answered)
//   load deflate-client --messages FILE --connections C --depth D --seconds T [--extension E] [--first N]
//     The same with exchanged roles: a server, to which C connections of ONE client under test echo what it sends them. E is
//     what it answers. First line: {"port":N}. The path of the URL may be the client's pid.
//   load deflate-fanout PORT --messages FILE --connections C --in-flight W --seconds T [--extension E] [--first N]
//     fanout with these messages. No delivery may be missing.
//     -> deliveriesPerSecond, publishesPerSecond, deliveries, and the others of deflate
//   load deflate-growth PORT --messages FILE --connections C --depth D --count N --pid PID [--extension E]
//     The resident memory of PID while N messages go by, after a tenth of that many: the median of each quarter.
//     -> firstQuarter, lastQuarter, growth (bytes), messagesPerSecond, verified, compressed, agreed
//   idle also: [--messages FILE [--extension E]]: one message on each connection, and its echo, when the memory was looked at.
//     -> bytesPerConnectionAfterMessage, verified, compressed, agreed
//
// For all modes: [--text ascii|utf8] (otherwise binary), [--verify-every 1000], [--pid PID], [--tls] (not sink).
// echo, rate and idle also: [--raw], for a bare TCP server that sends back what it gets: no opening handshake.
// Every result also has seconds (measured span), loadCpuSeconds (of this program in it), and with --pid or --pids
// serverCpuSeconds (of all of them).
// The first 0.7 s are warm-up and count for nothing, verified excepted.
//
// Payload of binary and ascii: octet i is 32 + i % 95. Of utf8 (S >= 10): 'aé漢😀' repeated S / 10 times, then 'a' until S.
// fanout puts the number of the publish, 8 hexadecimal digits, over the first 8 octets (and 'a' over what they cut); topics
// too, the first digit being the publisher within the topic, and 'a' over what JSON would escape.
//
// Output: one line of JSON. At any wrong reply, lost connection, or 5 s without progress: a message on stderr, exit code 1.
// A server that greets gets no load: nothing may follow its 101 before the first message. Handshakes keep their sockets and
// connect them anew (the connection before ends with RST), which costs a fifth less than new ones.
// Checked: first octet (FIN, RSV, opcode), MASK bit and length of every reply, order of a connection's publishes, payload
// of one reply in --verify-every. Certificates are not verified. Wrong usage, or --tls or --messages where that is not built
// in: exit code 2.
#include <string.h>

#include "client-sink.h"
#include "deflate-echo.h"
#include "deflate-fanout.h"
#include "echo.h"
#include "fanout.h"
#include "handshakes.h"
#include "idle.h"
#include "open-loop.h"
#include "options.h"
#include "process.h"
#include "tls.h"
#include "topics.h"

static const struct {
  const char *name;
  void (*run)(void);
} MODES[] = {
    {"echo", run_echo},
    {"rate", run_open_loop},
    {"fanout", run_fanout},
    {"handshakes", run_handshakes},
    {"idle", run_idle},
    {"sink", run_client_sink},
    {"deflate", run_deflate},
    {"deflate-growth", run_deflate_growth},
    {"deflate-fanout", run_deflate_fanout},
    {"deflate-client", run_deflate_client},
    {"topics", run_topics},
    {"topics-rate", run_topics_rate},
};

int main(int count, char **words) {
  parse_options(count, words);
  raise_descriptor_limit();
  if (options.tls) start_tls();
  for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
    if (!strcmp(options.mode, MODES[i].name)) MODES[i].run();
  }
  return 0;
}
