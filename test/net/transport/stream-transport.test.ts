import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { StreamTransport } from '../../../src/net/transport/stream-transport.js';
import type { TransportEvents } from '../../../src/net/transport/transport.js';
import { IS_DOCUMENTED } from '../../support/documented.js';
import { memoryPair, tcpPair, tlsPair } from '../../support/sockets.js';
import { turns, until } from '../../support/waiting.js';

class Events implements TransportEvents {
  readonly inbox = this;
  readonly outbox = this;
  readonly log: string[] = [];
  readonly chunks: Buffer[] = [];
  /** What it answers when bytes come. */
  readsOn = true;
  onWindow(): boolean {
    this.log.push('window');
    return this.readsOn;
  }
  onChunk(chunk: Buffer): boolean {
    this.log.push('chunk');
    this.chunks.push(chunk);
    return this.readsOn;
  }
  onEnd(): void {
    this.log.push('end');
  }
  onWritten(): void {
    this.log.push('written');
  }
  onError(error: Error): void {
    this.log.push(`error ${(error as NodeJS.ErrnoException).code ?? error.message}`);
  }
  onClose(): void {
    this.log.push('close');
  }
}

function transportOver(socket: Duplex) {
  const events = new Events();
  return { events, transport: new StreamTransport(socket, events) };
}

/** A stream whose writes end when the test says so. */
class SlowStream extends Duplex {
  readonly writes: Buffer[][] = [];
  finishWrite: (error?: Error | null) => void = () => {};
  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error | null) => void): void {
    this.writes.push([chunk]);
    this.finishWrite = callback;
  }
  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.writes.push(chunks.map(({ chunk }) => chunk));
    this.finishWrite = callback;
  }
  override _read(): void {}
}

describe('reading', () => {
  test('begins with start: what came before is handed over in order', async () => {
    const [near, far] = memoryPair();
    const { events, transport } = transportOver(near);
    far.write('before');
    await turns();
    expect(events.log).toEqual([]);
    transport.start();
    await until(() => events.chunks.length > 0);
    far.write('behind');
    expect(Buffer.concat(events.chunks).toString()).toBe('beforebehind');
  });

  test('hands over a chunk as the stream gave it', () => {
    const [near, far] = memoryPair();
    const { events, transport } = transportOver(near);
    transport.start();
    const chunk = Buffer.from('octets');
    near.resume();
    return turns().then(() => {
      far.write(chunk);
      expect(events.chunks[0]).toBe(chunk);
    });
  });

  // Without the handle a stream that others have flow brings a chunk each time.
  test.skipIf(IS_DOCUMENTED)(
    'stops when it is told to, whoever has the stream flow again, and goes on with resume; nothing is lost',
    async () => {
      const { near, far } = await tcpPair();
      const { events, transport } = transportOver(near);
      events.readsOn = false;
      transport.start();
      const octets = Buffer.alloc(500_000, 'abcdefg');
      far.write(octets);
      await until(() => events.chunks.length === 1);
      await turns(20);
      expect([events.chunks.length, near.isPaused()]).toEqual([1, true]);
      for (let i = 0; i < 5; i++) {
        near.resume();
        await turns(20);
      }
      // What the stream had read before, at most.
      expect(near.bytesRead).toBeLessThan(3 * 65_536);
      events.readsOn = true;
      transport.resume();
      await until(() => events.chunks.reduce((sum, { length }) => sum + length, 0) === octets.length);
      expect(Buffer.concat(events.chunks).equals(octets)).toBe(true);
    },
  );

  test('tells once of what a stream holds when it is closed', async () => {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(), emitClose: false });
    const { events, transport } = transportOver(stream);
    transport.start();
    transport.resume();
    await turns();
    events.readsOn = false;
    stream.push('a');
    await until(() => events.chunks.length === 1);
    stream.push('b');
    stream.push('c');
    await turns();
    stream.emit('close');
    await turns();
    expect(Buffer.concat(events.chunks).toString()).toBe('abc');
    expect(events.log.at(-1)).toBe('close');
  });

  test('loses nothing of what a destroyed stream holds, however often it is told to read on', async () => {
    for (const method of ['resume', 'markResumed'] as const) {
      const { near, far } = await tcpPair();
      const { events, transport } = transportOver(near);
      transport.start();
      transport.resume();
      events.readsOn = false;
      far.write('first');
      await until(() => events.chunks.length === 1);
      transport.markPaused();
      far.write('second');
      await until(() => near.readableLength === 6);
      near.destroy();
      transport[method]();
      await until(() => events.log.includes('close'));
      expect(Buffer.concat(events.chunks).toString(), method).toBe('firstsecond');
    }
  });

  test('tells of FIN, and does not answer it by itself', async () => {
    const { near, far } = await tcpPair();
    near.allowHalfOpen = false;
    const { events, transport } = transportOver(near);
    transport.start();
    far.end('last');
    await until(() => events.log.includes('end'));
    await turns();
    expect(events.log).toEqual(['chunk', 'end']);
    expect(near.writable).toBe(true);
    far.resume();
    transport.end();
    await until(() => events.log.includes('close'));
    expect(events.log.at(-1)).toBe('close');
  });

  test('tells of RST as an error, then the close', async () => {
    const { near, far } = await tcpPair();
    const { events, transport } = transportOver(near);
    transport.start();
    await turns();
    far.resetAndDestroy();
    await until(() => events.log.includes('close'));
    expect(events.log).toEqual(['error ECONNRESET', 'close']);
  });
});

describe('writing', () => {
  test('returns true when the stream took all at once, and onWritten is not called', async () => {
    const { near } = await tcpPair();
    const { events, transport } = transportOver(near);
    expect(transport.write(Buffer.from('x'))).toBe(true);
    expect(transport.writeAll([Buffer.from('y'), Buffer.from('z')])).toBe(true);
    await turns();
    expect(events.log).toEqual([]);
  });

  test('returns false when it did not; onWritten is called once, at the end of the write', async () => {
    const stream = new SlowStream();
    const { events, transport } = transportOver(stream);
    expect(transport.write(Buffer.from('x'))).toBe(false);
    await turns();
    expect(events.log).toEqual([]);
    stream.finishWrite();
    await turns();
    expect(events.log).toEqual(['written']);
  });

  test('of several parts is one write of the stream', () => {
    const stream = new SlowStream();
    const { transport } = transportOver(stream);
    const parts = ['a', 'b', 'c'].map((text) => Buffer.from(text));
    transport.writeAll(parts);
    expect(stream.writes).toEqual([parts]);
  });

  test('does not mistake callbacks of whole writes for the end of one in flight', async () => {
    const { near, far } = await tcpPair();
    const { events, transport } = transportOver(near);
    far.pause();
    expect(transport.write(Buffer.from('small'))).toBe(true);
    expect(transport.write(Buffer.alloc(20_000_000))).toBe(false);
    await turns();
    expect(events.log).toEqual([]);
    far.resume();
    await until(() => events.log.length > 0);
    expect(events.log).toEqual(['written']);
  });

  test('to a destroyed stream has not been taken, and onWritten does not come', async () => {
    const { near } = await tcpPair();
    const { events, transport } = transportOver(near);
    transport.destroy();
    expect(transport.write(Buffer.from('x'))).toBe(false);
    await until(() => events.log.includes('close'));
    await turns();
    expect(events.log).toEqual(['close']);
  });

  test('that fails has not been taken, and ends in an error', async () => {
    const stream = new SlowStream();
    const { events, transport } = transportOver(stream);
    expect(transport.write(Buffer.from('x'))).toBe(false);
    stream.finishWrite(new Error('EPIPE'));
    await until(() => events.log.includes('close'));
    expect(events.log).toEqual(['error EPIPE', 'close']);
  });

  test('that fails within the call has not been taken', async () => {
    const stream = new SlowStream();
    stream._write = (_chunk, _encoding, callback) => callback(new Error('EPIPE'));
    const { events, transport } = transportOver(stream);
    expect(transport.write(Buffer.from('x'))).toBe(false);
    await until(() => events.log.includes('close'));
    expect(events.log).toEqual(['error EPIPE', 'close']);
  });

  test('is followed by FIN with end', async () => {
    const { near, far } = await tcpPair();
    const { transport } = transportOver(near);
    transport.write(Buffer.from('last'));
    transport.end();
    const chunks: Buffer[] = [];
    far.on('data', (chunk) => chunks.push(chunk));
    await once(far, 'end');
    expect(Buffer.concat(chunks).toString()).toBe('last');
  });
});

describe('the memory of what was written', () => {
  test('is free after a write to a socket, and never after one to a stream in memory', async () => {
    const { near } = await tcpPair();
    expect(transportOver(near).transport.releasesMemory).toBe(true);
    expect(transportOver((await tlsPair()).near).transport.releasesMemory).toBe(true);
    expect(transportOver(memoryPair()[0]).transport.releasesMemory).toBe(false);
  });
});

test('all streams share their listeners: an idle connection has no closures of its own there', () => {
  const [one, other] = memoryPair();
  transportOver(one).transport.start();
  transportOver(other).transport.start();
  for (const event of ['data', 'end', 'error', 'close']) {
    const listener = one.listeners(event).at(-1);
    expect(listener).toBeTypeOf('function');
    expect(other.listeners(event)).toContain(listener);
  }
});

test('a stream that throws, at a write or at the end, is destroyed, and does not throw at us', async () => {
  for (const act of ['write', 'end'] as const) {
    const stream = new SlowStream();
    stream[act] = () => {
      throw new Error('broken');
    };
    const { events, transport } = transportOver(stream);
    if (act === 'write') expect(transport.write(Buffer.from('x'))).toBe(false);
    else transport.end();
    expect(stream.destroyed).toBe(true);
    await until(() => events.log.includes('close'));
    expect(events.log).toEqual(['error broken', 'close']);
  }
});
