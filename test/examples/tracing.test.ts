import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { newProject } from '../support/installed-example.js';
import { type Program, ROOT, runNode } from '../support/program.js';
import { connectWs } from '../support/ws-client.js';

async function start() {
  const program = runNode(['examples/tracing.mjs'], { PORT: '0' });
  return { program, url: await program.url() };
}

/** The printed spans of a name, of which there must be so many. */
async function spansOf(program: Program, name: string, count: number): Promise<string[]> {
  for (;;) {
    const all = program.stdout.split(/^\{$/m).slice(1);
    const spans = all.filter((span) => span.includes(`name: 'websocket ${name}'`) && /^\}$/m.test(span));
    if (spans.length >= count) return spans;
    await sleep(10);
  }
}

/** One field of a printed span. */
const field = (span: string, name: string) => new RegExp(`(?:^|[{,]) *'?${name}'?: '?([^',\\n]*)`, 'm').exec(span)?.[1];

const TRACE = '0af7651916cd43dd8448eb211c80319c';

test('a handshake that is accepted: a span in the trace of its caller, and one for the connection', async () => {
  const { program, url } = await start();
  const client = await connectWs(url, [], { headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-01` } });
  client.ws.send('hello');
  expect(await client.next()).toBe('hello');
  const [handshake] = await spansOf(program, 'handshake', 1);
  expect(field(handshake, 'traceId')).toBe(TRACE);
  expect(field(handshake, 'http.response.status_code')).toBe('101');
  expect(handshake).toContain('status: { code: 0 }');

  client.ws.close(4001, 'bye');
  const [connection] = await spansOf(program, 'connection', 1);
  expect(field(connection, 'traceId')).toBe(TRACE);
  expect(connection).toContain(`spanId: '${field(handshake, 'id')}'`);
  expect(connection).toContain("closeCode: 4001, reason: 'bye', wasClean: true");
  expect(connection).toContain('status: { code: 0 }');
  expect(await program.interrupt()).toEqual({ code: 0, signal: null });
});

test('a handshake that is refused: the status says why', async () => {
  const { program, url } = await start();
  await expect(connectWs(url, [], { origin: 'http://elsewhere.example' })).rejects.toThrow('403');
  await expect(connectWs(new URL('/elsewhere', url).href)).rejects.toThrow('404');
  const spans = await spansOf(program, 'handshake', 2);
  expect(spans.map((span) => field(span, 'http.response.status_code'))).toEqual(['403', '404']);
  expect(spans.map((span) => field(span, 'error.type'))).toEqual(['origin', 'path']);
  for (const span of spans) expect(span).toMatch(/status: \{\s*code: 2,/);
});

test('an error of a connection: events for it and for the end, and the status', async () => {
  const { program, url } = await start();
  const client = await connectWs(url);
  // §5.1: a client has to mask its frames.
  const socket = (client.ws as unknown as { _socket: NodeJS.WritableStream })._socket;
  socket.write(Buffer.from([0x81, 0x00]));
  const [connection] = await spansOf(program, 'connection', 1);
  expect(field(connection, 'error.type')).toBe('WASOCK_EXPECTED_MASK');
  expect(connection).toContain("name: 'exception'");
  expect(connection).toContain("name: 'close'");
  expect(connection).toContain('code: 2,');
});

const REQUEST =
  'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

test('a client that is lost: the span of its connection has an error', async () => {
  const { url, program } = await start();
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(REQUEST);
  await once(socket, 'data');
  socket.destroy();
  const [connection] = await spansOf(program, 'connection', 1);
  expect(connection).toContain('wasClean: false');
  expect(field(connection, 'error.type')).toBe('1006');
});

test('a client that leaves before the answer: the span of its handshake ends', async () => {
  const code = readFileSync(path.join(ROOT, 'examples/tracing.mjs'), 'utf8');
  const decision = '// Your own decision comes here, and may take time.';
  expect(code).toContain(decision);
  const packages = ['api', 'core', 'sdk-trace-base'].map((name) => `@opentelemetry/${name}`);
  const file = path.join(newProject(packages), 'tracing.mjs');
  writeFileSync(file, code.replace(decision, 'console.log("asked"); return new Promise(() => {});'));
  const program = runNode([file], { PORT: '0' });
  const socket = connect(Number(new URL(await program.url()).port), '127.0.0.1');
  socket.write(REQUEST);
  await program.printed(/asked/);
  socket.destroy();
  const [handshake] = await spansOf(program, 'handshake', 1);
  expect(field(handshake, 'error.type')).toBe('left');
  expect(handshake).not.toContain('status_code');
});
