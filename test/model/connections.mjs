import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { Peer } from './peer.mjs';
import { current } from './session.mjs';

const HOST = '127.0.0.1';

/** The certificate of the tests, which stands in a file that not every Node can import. */
const [certificate, key] = readFileSync(new URL('../support/certificate.ts', import.meta.url), 'utf8').match(
  /-----BEGIN[^`]*-----\n/g,
);
export const TLS_OPTIONS = { cert: certificate, key };
const secureContext = tls.createSecureContext(TLS_OPTIONS);

/** @returns an HTTP server that listens, for the subject */
export async function listeningHttpServer(transport) {
  const server = transport === 'tls' ? https.createServer(TLS_OPTIONS) : http.createServer();
  server.listen(0, HOST);
  await once(server, 'listening');
  return server;
}

/** Has the peer connect to the subject, and play its script. */
export function connectPeer(session, port) {
  const raw = net.connect({ port, host: HOST, allowHalfOpen: true, noDelay: true });
  const isSecure = session.program.transport === 'tls';
  const socket = isSecure ? tls.connect({ socket: raw, rejectUnauthorized: false, allowHalfOpen: true }) : raw;
  begin(session, socket, raw);
}

function begin(session, socket, raw) {
  const { program, ledger, id } = session;
  raw.on('error', () => {});
  session.peer = new Peer({ socket, raw, ledger, program });
  session.peer.play(program, id).catch((error) => ledger.fail('harness', error.stack));
}

const peerServers = new Map();

/** @returns where the peer listens; the next connection is this session's */
export async function peerUrl({ program: { transport }, id }) {
  if (!peerServers.has(transport)) peerServers.set(transport, await peerServer(transport));
  const { port } = peerServers.get(transport).address();
  return `${transport === 'tls' ? 'wss' : 'ws'}://${HOST}:${port}/model/${id}`;
}

async function peerServer(transport) {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (raw) => {
    const isLate = current.session === null || current.session.peer !== null;
    if (isLate) return raw.destroy();
    const options = { isServer: true, secureContext, allowHalfOpen: true };
    begin(current.session, transport === 'tls' ? new tls.TLSSocket(raw, options) : raw, raw);
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  return server;
}

/** Hands the TCP sockets of the subject's server to the sessions. */
export function watchConnections(server) {
  server.on('connection', (socket) => {
    const { session } = current;
    if (session === null || session.socket !== null) return;
    session.socket = socket;
    session.place('connection');
  });
}

/**
 * Steps on the subject's own socket: listeners that come and go, reads that nobody needs.
 *
 * @returns whether the step was one of these
 */
export function watchSocket(session, { do: what }) {
  const { socket, kept } = session;
  const onData = () => session.place('data');
  if (what === 'dataOn') {
    kept.onData ??= onData;
    socket?.on('data', kept.onData);
  } else if (what === 'dataOnce') socket?.once('data', onData);
  else if (what === 'dataOff') {
    if (kept.onData) socket?.off('data', kept.onData);
  } else if (what === 'readNothing') socket?.read(0);
  else return false;
  return true;
}
