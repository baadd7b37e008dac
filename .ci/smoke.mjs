// Starts a server as a user would, uses it as a user would, interrupts it and expects that it ends with 0.
//
//   node .ci/smoke.mjs page COMMAND     the URL that it prints serves an HTML page
//   node .ci/smoke.mjs echo COMMAND     the URL that it prints is that of a WebSocket that sends back what it is sent
//
// For `echo`, `wasock` is loaded from the working folder.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const STARTUP_MS = 180_000;
const EXIT_MS = 10_000;

const CHECKS = {
  async page(url) {
    const response = await fetch(url);
    const body = await response.text();
    if (!response.ok || !/<html/i.test(body)) throw new Error(`${url} answered ${response.status}: ${body}`);
    return `${url} serves a page of ${body.length} characters`;
  },

  async echo(url) {
    const { newWebSocket } = createRequire(path.resolve('smoke.cjs'))('wasock');
    const ws = await newWebSocket(url.replace(/^http/, 'ws'));
    const message = `smoke ${process.pid}`;
    await ws.send(message);
    // A server may greet first.
    let received = await ws.receiveStrPacket();
    if (received !== message) received = await ws.receiveStrPacket();
    if (received !== message) throw new Error(`${url} sent ${received}`);
    await ws.close();
    return `${url} echoes`;
  },
};

/** Waits for the first URL on the standard output; passes everything on. */
async function firstUrl(child) {
  let output = '';
  child.stdout.setEncoding('utf8');
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('printed no URL')), STARTUP_MS);
    child.once('exit', (code, signal) => reject(new Error(`ended before it printed a URL: ${code ?? signal}`)));
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk);
      output += chunk;
      const url = /\b(?:https?|wss?):\/\/[^\s'"]+(?=\s)/.exec(output)?.[0];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}

/**
 * The server itself: what the shells and npm wait for. Only it is interrupted. Ctrl-C in a terminal interrupts npm and its
 * shell as well, and those then end by the signal, whatever the server made of it.
 */
function innermost(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return children.length === 0 ? pid : innermost(Number(children[0]));
}

async function main(kind, command) {
  // A group of its own, so that nothing of it is left behind.
  const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const exited = once(child, 'exit');
  exited.catch(() => {});
  try {
    console.log(await CHECKS[kind](await firstUrl(child)));
    process.kill(innermost(child.pid), 'SIGINT');
    const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), EXIT_MS);
    const [code, signal] = await exited;
    clearTimeout(timer);
    if (code !== 0) throw new Error(`ended with ${code ?? signal} after SIGINT`);
  } catch (error) {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
    throw new Error(`${command}: ${error.message}`, { cause: error });
  }
}

const [kind, command] = process.argv.slice(2);
await main(kind, command);
process.exit(0);
