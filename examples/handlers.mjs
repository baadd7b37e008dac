// An echo server in handler style, the fastest: no promise, and with zeroCopy no copy, stands between read and write.
import { serve } from 'wasock';

const server = await serve({
  port: Number(process.env.PORT ?? 9001),
  path: '/ws',
  // `data` may be a view of the memory that was read into, valid until `message` returns. Copy what you want to keep.
  zeroCopy: true,
  // Text comes as its UTF-8 octets too, instead of as a string.
  textAs: 'bytes',
  open(ws) {
    ws.send('Welcome to simple echo server');
  },
  message(ws, data, opcode) {
    ws.send(data, opcode);
  },
  close(_ws, closeCode, reason) {
    console.log(`closed: ${closeCode} ${reason}`);
  },
});

console.log(`ws://127.0.0.1:${server.port}/ws`);

process.on('SIGINT', () => server.close());
