// The programs of docs/frameworks.md, and what they promise. For frameworks.mjs beside this file and test/examples/frameworks.test.ts.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

/** What all of them need in the environment. */
export const ENVIRONMENT = { SESSION_SECRET: 'a secret of more than 32 characters' };

/**
 * The files of each program by the heading above them.
 *
 * @param {string} page the text of docs/frameworks.md
 * @returns {Map<string, { name: string, code: string }[]>} a block without a name is `server.js` or `server.ts`
 */
export function programsOf(page) {
  return new Map(
    page.split(/^## /m).flatMap((section) => {
      const blocks = [...section.matchAll(/^```(\w+)(?: (\S+))?\n(.*?)^```$/gms)];
      const files = blocks.map(([, language, name, code]) => ({ name: name ?? `server.${language}`, code }));
      return files.length === 0 ? [] : [[section.slice(0, section.indexOf('\n')), files]];
    }),
  );
}

/** @param {string} code @param {number} port */
export function onPort(code, port) {
  return code.replaceAll('9001', String(port));
}

/** A cookie of which somebody has changed one character, in the middle of its last value. @param {string} cookie */
function forged(cookie) {
  const at = Math.floor((cookie.lastIndexOf('=') + cookie.length) / 2);
  return `${cookie.slice(0, at)}${cookie[at] === 'A' ? 'B' : 'A'}${cookie.slice(at + 1)}`;
}

/** @param {string} base @returns the cookies of a new session */
async function signIn(base) {
  for (;;) {
    try {
      const { status, headers } = await fetch(`${base}/login`, { method: 'POST' });
      assert.ok(status === 200 || status === 201, `/login: ${status}`);
      return headers
        .getSetCookie()
        .map((line) => line.split(';', 1)[0])
        .join('; ');
    } catch (error) {
      if (error.cause?.code !== 'ECONNREFUSED') throw error;
      await sleep(50);
    }
  }
}

/**
 * Waits until a program listens, and expects what the page promises. What it does last is a plain GET of the route.
 *
 * @param {number} port
 * @param {typeof import('wasock').newWebSocket} newWebSocket
 * @param {() => string} outputOf what the program has printed
 */
export async function expectRoute(port, newWebSocket, outputOf) {
  const cookie = await signIn(`http://127.0.0.1:${port}`);
  const connect = (path, headers) => newWebSocket(`ws://127.0.0.1:${port}${path}`, [], { headers });

  for (const headers of [{}, { cookie: forged(cookie) }]) {
    await assert.rejects(connect('/ws', headers), ({ status, headers: { 'content-type': type }, body }) => {
      assert.equal(status, 401);
      assert.match(type, /^application\/json/);
      assert.ok(Object.values(JSON.parse(String(body))).includes('Sign in first'), String(body));
      return true;
    });
  }
  // First the plain request: a development server compiles its page for it, which may take longer than a handshake.
  assert.equal((await fetch(`http://127.0.0.1:${port}/elsewhere`, { headers: { cookie } })).status, 404);
  await assert.rejects(connect('/elsewhere', { cookie }), { status: 404 });
  await assert.rejects(connect('/ws', { cookie, origin: 'http://elsewhere.example' }), { status: 403 });

  const ws = await connect('/ws', { cookie });
  for (const text of ['hello', 'héllo']) {
    ws.send(text);
    assert.equal(await ws.receiveStrPacket(), `Ada: ${text}`);
  }
  await ws.close();
  // By then a framework would have said that it found a response that is spent.
  assert.doesNotMatch(outputOf(), /already sent|ALREADY_SENT|ERR_HTTP_HEADERS_SENT/i);

  assert.equal((await fetch(`http://127.0.0.1:${port}/ws`, { headers: { cookie } })).status, 426);
}
