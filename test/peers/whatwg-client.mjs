// A client of the exchange server for every runtime that has the WebSocket of browsers as a global. Imports nothing.

const LENGTHS = [0, 1, 125, 126, 65_535, 65_536, 1_048_576];
const LONGEST_REASON = `${'ö'.repeat(61)}.`;
const CLOSES = [
  [1000, ''],
  [1000, 'done'],
  [3000, 'bye'],
  [4999, 'Grüße 🌍'],
  [4000, LONGEST_REASON],
];
const OUR_CLOSES = [...CLOSES, [1001, 'leaving'], [1011, ''], [1008, 'not here'], [1013, 'later']];

/** Opens a socket whose messages can be awaited. */
function open(url, protocols = []) {
  const ws = new WebSocket(url, protocols);
  ws.binaryType = 'arraybuffer';
  const messages = [];
  let wake = () => {};
  ws.onmessage = ({ data }) => {
    messages.push(data);
    wake();
  };
  ws.closed = new Promise((resolve) => {
    ws.onclose = ({ code, reason }) => {
      resolve({ code, reason });
      wake();
    };
  });
  ws.next = async () => {
    while (messages.length === 0) {
      if (ws.readyState === WebSocket.CLOSED) return `closed: ${JSON.stringify(await ws.closed)}`;
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
    return messages.shift();
  };
  return new Promise((resolve, reject) => {
    ws.onopen = () => resolve(ws);
    ws.onerror = () => reject(new Error(`No WebSocket to ${url}`));
  });
}

async function first(url) {
  const ws = await open(url);
  const message = await ws.next();
  ws.close();
  return message;
}

function comparable(data) {
  return typeof data === 'string' ? data : Array.from(new Uint8Array(data)).join();
}

async function echo(ws, data) {
  ws.send(data);
  const echoed = await ws.next();
  const same = typeof echoed === typeof data && comparable(echoed) === comparable(data);
  return same ? 'echoed' : `became ${comparable(echoed).slice(0, 200)}`;
}

async function closing(base, code, reason) {
  const id = Math.random();
  const ws = await open(`${base}/echo?id=${id}`);
  if (code === undefined) ws.close();
  else ws.close(code, reason);
  const { code: theySaw } = await ws.closed;
  return { weSaw: JSON.parse(await first(`${base}/ended?id=${id}`)), theySaw };
}

/** @returns the report of all exchanges with the server at `base` */
export async function exchange(base) {
  const report = {};
  const ws = await open(`${base}/echo`, ['alpha', 'beta']);
  report['subprotocols alpha, beta'] = ws.protocol;
  report['extensions agreed on'] = ws.extensions;
  report['Text, ASCII'] = await echo(ws, 'Hello');
  report['Text, not ASCII'] = await echo(ws, 'Grüße, 世界 🌍');
  for (const length of LENGTHS) {
    report[`Text of ${length} octets`] = await echo(ws, 'x'.repeat(length));
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) & 0xff);
    report[`Binary of ${length} octets`] = await echo(ws, bytes.buffer);
  }
  for (let i = 0; i < 200; i++) ws.send(`${i}`);
  const numbers = [];
  for (let i = 0; i < 200; i++) numbers.push(await ws.next());
  report['200 messages at once'] = numbers.every((number, i) => number === `${i}`) ? 'echoed in order' : numbers.join();
  ws.close();

  report['our Ping'] = await first(`${base}/ping`);
  report['permessage-deflate offered'] = /\bpermessage-deflate\b/.test(await first(`${base}/offer`));
  for (const [code, reason] of CLOSES) report[`their Close ${code} ${reason}`] = await closing(base, code, reason);
  report['their Close without a code'] = await closing(base);
  for (const [code, reason] of OUR_CLOSES) {
    const closed = await open(`${base}/close?code=${code}&reason=${encodeURIComponent(reason)}`);
    report[`our Close ${code} ${reason}`] = await closed.closed;
  }
  return report;
}
