import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/broker-servers.js';
import { launchBrowser } from '../support/browser.js';
import { newProject } from '../support/installed-example.js';
import { commandPeer, describePeer, headlessChromium } from '../support/peers.js';
import { Program, ROOT, runNode } from '../support/program.js';
import { connectWhenUp, connectWs } from '../support/ws-client.js';

const TUTORIAL = readFileSync(path.join(ROOT, 'docs/tutorial.md'), 'utf8');
const FILES = [...TUTORIAL.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms)].map(([, name, text]) => ({ name, text }));
const [INSTALL, START, CURL, NGINX, RESTART] = [...TUTORIAL.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code]) => code);

/** The folder that the reader has, in which the server takes this port, and nginx that one. */
function newChat(port: number, nginxPort: number): string {
  const [, packages] = /^npm install wasock (.+)$/m.exec(INSTALL)!;
  const folder = newProject(packages.split(' '));
  mkdirSync(path.join(folder, 'public'));
  for (const { name, text } of FILES) {
    const onPorts = text.replaceAll('127.0.0.1:9001', `127.0.0.1:${port}`).replaceAll('8080', String(nginxPort));
    writeFileSync(path.join(folder, name), onPorts);
  }
  return folder;
}

async function startServer(folder: string, port: number, secret = 'any'): Promise<{ server: Program; url: string }> {
  const [command, ...args] = START.trim().split(' ');
  expect(command).toBe('node');
  const server = runNode(args, { PORT: String(port), SESSION_SECRET: secret }, folder);
  return { server, url: await server.url() };
}

async function signIn(url: string, name: string, password: string): Promise<Response> {
  const headers = { 'Content-Type': 'application/json' };
  return fetch(`${url}login`, { method: 'POST', headers, body: JSON.stringify({ name, password }) });
}

/** Opens a socket in a room, with the session that the answer has begun. */
function enter(url: string, room: string, signedIn: Response, { origin } = new URL(url)) {
  const [cookie] = signedIn.headers.get('set-cookie')!.split(';', 1);
  return connectWs(`${url.replace('http', 'ws')}rooms/${room}`, [], { origin, headers: { cookie } });
}

const said = async (client: { next(): Promise<string | Buffer> }) => JSON.parse(String(await client.next()));

test('docs/tutorial.md: all of its files and commands are used here', () => {
  expect(FILES.map(({ name }) => name)).toEqual(['server.mjs', 'public/index.html', 'nginx.conf']);
  expect([INSTALL, START, CURL, NGINX, RESTART].map((code) => code.split(' ')[0])).toEqual([
    ...['mkdir', 'node', 'curl', 'nginx', 'kill'],
  ]);
  expect(TUTORIAL.match(/^```/gm)).toHaveLength(2 * 8);
});

test('rooms, who is in them, and signing out', async () => {
  const port = await freePort();
  const { url, server } = await startServer(newChat(port, 1), port);
  expect((await signIn(url, 'Ada', 'compiler')).status).toBe(401);
  expect((await signIn(url, 'nobody', 'engine')).status).toBe(401);
  expect((await fetch(`${url}login`, { method: 'POST' })).status).toBe(401);
  const [asAda, asGrace] = [await signIn(url, 'Ada', 'engine'), await signIn(url, 'Grace', 'compiler')];

  const ada = await enter(url, 'lobby', asAda);
  expect(await said(ada)).toEqual({ here: ['Ada'] });
  const grace = await enter(url, 'lobby', asGrace);
  for (const client of [ada, grace]) expect(await said(client)).toEqual({ here: ['Ada', 'Grace'] });
  const elsewhere = await enter(url, 'a room of her own', asGrace);
  expect(await said(elsewhere)).toEqual({ here: ['Grace'] });
  ada.ws.send('<b>Hello</b>');
  for (const client of [ada, grace]) expect(await said(client)).toEqual({ user: 'Ada', text: '<b>Hello</b>' });

  await expect(enter(url, 'lobby', asAda, new URL('http://elsewhere.example'))).rejects.toThrow('403');
  grace.ws.send('x'.repeat(4097));
  expect((await grace.closed).code).toBe(1009);
  expect(await said(ada)).toEqual({ here: ['Ada'] });
  const [cookie] = asGrace.headers.get('set-cookie')!.split(';', 1);
  expect((await fetch(`${url}rooms/lobby`, { headers: { cookie } })).status).toBe(200);
  await fetch(`${url}logout`, { method: 'POST', headers: { cookie } });
  expect(await elsewhere.closed).toEqual({ code: 4401, reason: 'signed out' });
  await expect(enter(url, 'lobby', asGrace)).rejects.toThrow('401');
  // What strangers do fills no log.
  expect(server.stderr).not.toMatch(/^\s+at /m);
});

test('SIGTERM: the sockets close with 1012, and the process ends', async () => {
  expect(RESTART).toContain(`pgrep -f '${START.trim()}'`);
  const port = await freePort();
  const { url, server } = await startServer(newChat(port, 1), port);
  const ada = await enter(url, 'lobby', await signIn(url, 'Ada', 'engine'));
  server.signal('SIGTERM');
  expect(await ada.closed).toEqual({ code: 1012, reason: 'restarting' });
  expect(await server.exit).toEqual({ code: 0, signal: null });
});

describePeer(commandPeer('curl', '--version'), () => {
  test('without a session, curl gets 401 with JSON, from a plain request and from an upgrade', async () => {
    const port = await freePort();
    await startServer(newChat(port, 1), port);
    const script = CURL.replaceAll('9001', String(port));
    expect(script).not.toBe(CURL);
    const { stdout } = await promisify(execFile)('sh', ['-c', script]);
    expect(stdout.match(/HTTP\/1\.1 401 Unauthorized/g)).toHaveLength(2);
    expect(stdout.match(/\{"error":"Sign in first"\}/g)).toHaveLength(2);
  });
});

const chromium = headlessChromium();

describePeer(commandPeer('nginx', '-v'), () => {
  describePeer(chromium, () => {
    let browser: Browser;

    beforeAll(async () => {
      browser = await launchBrowser(chromium);
    });

    afterAll(() => browser?.close());

    async function visit(url: string): Promise<Page> {
      const context = await browser.newContext();
      onTestFinished(() => context.close());
      const page = await context.newPage();
      await page.goto(url);
      return page;
    }

    async function fillIn(page: Page, name: string, password: string): Promise<void> {
      await page.getByLabel('Name').fill(name);
      await page.getByLabel('Password').fill(password);
      await page.getByRole('button', { name: 'Sign in' }).click();
    }

    test('two people chat behind nginx, one signs out, and a restart brings both back', async () => {
      const [port, nginxPort] = [await freePort(), await freePort()];
      const folder = newChat(port, nginxPort);
      const { server } = await startServer(folder, port);
      const proxy = new Program('sh', ['-c', `exec ${NGINX}`], { PATH: `${process.env.PATH}:/usr/sbin` }, folder);
      onTestFinished(async () => {
        // Whoever is killed leaves the processes of its own behind.
        proxy.signal('SIGTERM');
        await proxy.exit;
      });
      const url = `http://127.0.0.1:${nginxPort}/`;
      await expect(connectWhenUp(`ws://127.0.0.1:${nginxPort}/rooms/lobby`)).rejects.toThrow('401');

      const [ada, grace] = [await visit(url), await visit(url)];
      await fillIn(ada, 'Ada', 'guess');
      await ada.getByText('Wrong name or password').waitFor();
      await fillIn(ada, 'Ada', 'engine');
      await ada.getByText('In lobby: Ada').waitFor();
      expect(await ada.getByLabel('Password').isVisible()).toBe(false);
      await fillIn(grace, 'Grace', 'compiler');
      await ada.getByText('In lobby: Ada, Grace').waitFor();
      await grace.getByLabel('Message').fill('How are <b>you</b>?');
      await grace.getByRole('button', { name: 'Send' }).click();
      for (const page of [ada, grace]) await page.getByText('Grace: How are <b>you</b>?').waitFor();
      await grace.getByRole('button', { name: 'Sign out' }).click();
      await grace.getByText('signed out').waitFor();
      await ada.getByText('In lobby: Ada', { exact: true }).waitFor();

      server.signal('SIGTERM');
      await ada.getByText('Connecting…').waitFor();
      expect(await server.exit).toEqual({ code: 0, signal: null });
      await startServer(folder, port);
      await ada.getByLabel('Password').waitFor();
      await fillIn(ada, 'Ada', 'engine');
      await ada.getByText('In lobby: Ada', { exact: true }).waitFor();
    });
  });
});
