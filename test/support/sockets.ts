import { once } from 'node:events';
import { rmSync } from 'node:fs';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { onTestFinished } from 'vitest';
import { CERTIFICATE, PRIVATE_KEY } from './certificate.js';

/** Two ends of one connection. `near` was accepted by `server`. */
export interface SocketPair {
  readonly near: Socket;
  readonly far: Socket;
  readonly server: Server;
}

let pipes = 0;

async function pairOn(server: Server, listenOn: object, connect: () => Socket): Promise<SocketPair> {
  server.listen(listenOn);
  await once(server, 'listening');
  const accepted = once(server, server instanceof tls.Server ? 'secureConnection' : 'connection');
  const far = connect();
  const [near] = (await accepted) as [Socket];
  if (far.connecting) await once(far, 'connect');
  onTestFinished(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  far.on('error', () => {});
  return { near, far, server };
}

/** Two ends of a TCP connection on the loopback interface. */
export function tcpPair(): Promise<SocketPair> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true });
  const connect = () =>
    net.connect({ port: (server.address() as AddressInfo).port, noDelay: true, allowHalfOpen: true });
  return pairOn(server, { port: 0, host: '127.0.0.1' }, connect);
}

/** Two ends of a connection over a Unix socket, or what Windows has in its place. */
export function unixPair(): Promise<SocketPair> {
  const name = `wasock-${process.pid}-${pipes++}`;
  const at = process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : path.join(tmpdir(), `${name}.sock`);
  onTestFinished(() => rmSync(at, { force: true }));
  return pairOn(net.createServer({ allowHalfOpen: true }), { path: at }, () =>
    net.connect({ path: at, allowHalfOpen: true }),
  );
}

/** Two ends of a TLS connection. */
export function tlsPair(): Promise<SocketPair> {
  const server = tls.createServer({ cert: CERTIFICATE, key: PRIVATE_KEY, allowHalfOpen: true });
  const connect = () =>
    tls.connect({ port: (server.address() as AddressInfo).port, ca: CERTIFICATE, servername: 'localhost' });
  return pairOn(server, { port: 0, host: '127.0.0.1' }, connect);
}

/** One end of a stream in memory, which delivers at once: a write returns after its peer's `'data'` listeners have. */
export class MemoryStream extends Duplex {
  peer!: MemoryStream;
  /** What was written at this end, each `_write` on its own. */
  readonly written: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.written.push(chunk);
    this.peer.push(chunk);
    callback();
  }

  override _final(callback: () => void): void {
    this.peer.push(null);
    callback();
  }

  override _read(): void {}

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (!this.peer.destroyed) this.peer.push(null);
    callback(error);
  }
}

/** Two ends of a stream in memory. */
export function memoryPair(): [MemoryStream, MemoryStream] {
  const one = new MemoryStream();
  const other = new MemoryStream();
  one.peer = other;
  other.peer = one;
  onTestFinished(() => {
    one.destroy();
    other.destroy();
  });
  return [one, other];
}

/** The lengths of the writes that reach the handle of a socket from now on, whichever way they take there. */
export function writesOf(socket: Socket): number[] {
  const writes: number[] = [];
  const handle = (socket as unknown as { _handle: Record<string, (request: object, octets: unknown) => number> })
    ._handle;
  for (const name of ['writeBuffer', 'writev']) {
    const write = handle[name].bind(handle);
    handle[name] = (request, octets) => {
      writes.push(Buffer.concat([octets].flat() as Buffer[]).length);
      return write(request, octets);
    };
  }
  return writes;
}
