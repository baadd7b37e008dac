// Through which files three trips go, in the order in which they are entered:
//
//   node test/support/trips.mjs
//
// - `read`: from the kernel to the `message` handler of `serve`
// - `send`: from `ws.send` to the system call
// - `upgrade`: from the first bytes of a connection to `serve` to its `open` handler, and to reading
//
// A trip goes through a file that has to return before it can go on: one that is on the call stack at one of its milestones. What is
// asked on the way and answers (a rule, a limit, a helper) is not. Prints a JSON object of lists of files of `build/`.

import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const BUILD = path.join(ROOT, 'build/');

Error.stackTraceLimit = 100;

/** Of the trip under way. */
let files = new Set();

/** A milestone is reached: the files that stand on the call stack are on the way. */
function milestone() {
  const lines = new Error().stack.split('\n').reverse();
  for (const line of lines) {
    const file = line.match(/\(?([^()\s]+\.js):\d+:\d+\)?$/)?.[1] ?? '';
    if (file.startsWith(BUILD)) files.add(file.slice(BUILD.length).replace(/\.js$/, ''));
  }
}

/** Makes a milestone of each call of a method. */
function watch(object, name) {
  const method = object[name];
  object[name] = function (...args) {
    milestone();
    return method.apply(this, args);
  };
}

async function tripOf(act) {
  files = new Set();
  await act();
  await new Promise((resolve) => setTimeout(resolve, 30));
  return [...files];
}

const { serve } = await import(pathToFileURL(path.join(BUILD, 'index.mjs')).href);

const REQUEST = [
  'GET / HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '\r\n',
].join('\r\n');

/** A masked Text frame of one letter, with a masking key of zeros. */
const MESSAGE = Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61]);

let ws;
const server = await serve({
  host: '127.0.0.1',
  open(opened) {
    ws = opened;
    milestone();
  },
  message: milestone,
});

let client;
async function connect() {
  client = net.connect(server.port, '127.0.0.1');
  client.write(REQUEST);
  await once(client, 'data');
}

/** The 101, and the start of reading. */
watch(net.Socket.prototype, 'write');
watch(net.Socket.prototype, 'read');
const upgrade = await tripOf(connect);
const read = await tripOf(() => client.write(MESSAGE));
// The socket of the server is the one whose handle libuv writes to.
const probe = net.connect(server.port, '127.0.0.1');
await once(probe, 'connect');
for (const name of ['writeBuffer', 'writev']) watch(Object.getPrototypeOf(Object.getPrototypeOf(probe._handle)), name);
// The frame is put together.
watch(Buffer.prototype, 'write');
const send = await tripOf(() => ws.send('a'));
console.log(JSON.stringify({ read, send, upgrade }, null, 2));
process.exit();
