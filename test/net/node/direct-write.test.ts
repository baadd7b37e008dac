import { once } from 'node:events';
import net from 'node:net';
import { Worker } from 'node:worker_threads';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { findWayOfWriting, type WriteOwner, writeDirectly } from '../../../src/net/node/direct-write.js';
import { memoryPair, tcpPair, unixPair, writesOf } from '../../support/sockets.js';
import { until } from '../../support/waiting.js';

class Owner implements WriteOwner {
  readonly statuses: number[] = [];
  onDirectWrite(status: number): void {
    this.statuses.push(status);
  }
}

const LARGE = 20_000_000;

async function received(socket: net.Socket, octets: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    length += chunk.length;
  });
  await until(() => length >= octets);
  return Buffer.concat(chunks);
}

test('this Node has a way of writing that can be found', () => {
  const way = findWayOfWriting();
  if (Number.parseInt(process.versions.node, 10) < 26) expect(way).toBeTypeOf('function');
  else expect(way).toBe('late');
});

test('on a Node that writes in a way of its own none is found', () => {
  class Silent {
    on() {}
    write() {}
    destroy() {}
  }
  class Throwing extends Silent {
    override write() {
      throw new Error('unknown handle');
    }
  }
  class Odd extends Silent {
    readonly #handle: { writeBuffer(request: object): void };
    constructor({ handle }: { handle: { writeBuffer(request: object): void } }) {
      super();
      this.#handle = handle;
    }
    override write() {
      this.#handle.writeBuffer({});
    }
  }
  for (const SocketClass of [Silent, Throwing, Odd]) {
    expect(findWayOfWriting(SocketClass as unknown as typeof net.Socket)).toBeNull();
  }
});

describe.each([
  ['a TCP socket', tcpPair],
  ['a Unix socket', unixPair],
])('writing directly to %s', (_name, pair) => {
  test('what the kernel takes at once is whole, and nobody is told later', async () => {
    const { near, far } = await pair();
    const owner = new Owner();
    const write = vi.spyOn(near, 'write');
    expect(writeDirectly(near, Buffer.from('one '), owner)).toBe('whole');
    expect(writeDirectly(near, [Buffer.from('two '), Buffer.from('three')], owner)).toBe('whole');
    expect((await received(far, 13)).toString()).toBe('one two three');
    expect(owner.statuses).toEqual([]);
    expect(write).not.toHaveBeenCalled();
  });

  test('what it does not goes on, and its owner is told at the end, once', async () => {
    const { near, far } = await pair();
    const owner = new Owner();
    const octets = Buffer.alloc(LARGE, 'abcdefg');
    expect(writeDirectly(near, octets, owner)).toBe('goes on');
    expect(owner.statuses).toEqual([]);
    expect((await received(far, LARGE)).equals(octets)).toBe(true);
    await until(() => owner.statuses.length > 0);
    expect(owner.statuses).toEqual([0]);
    expect(writeDirectly(near, Buffer.from('next'), owner)).toBe('whole');
  });

  test('writes of two sockets that go on at once end each for its owner', async () => {
    const [one, two] = [await pair(), await pair()];
    const owners = [new Owner(), new Owner()];
    expect(writeDirectly(one.near, Buffer.alloc(LARGE), owners[0])).toBe('goes on');
    expect(writeDirectly(two.near, [Buffer.alloc(LARGE), Buffer.alloc(10)], owners[1])).toBe('goes on');
    two.far.resume();
    await until(() => owners[1].statuses.length > 0);
    expect(owners[0].statuses).toEqual([]);
    one.far.resume();
    await until(() => owners[0].statuses.length > 0);
  });

  test('a socket that is destroyed meanwhile ends the write with an error', async () => {
    const { near } = await pair();
    const owner = new Owner();
    expect(writeDirectly(near, Buffer.alloc(LARGE), owner)).toBe('goes on');
    near.destroy();
    await until(() => owner.statuses.length > 0);
    expect(owner.statuses[0]).toBeLessThan(0);
  });

  test('the octets count in bytesWritten', async () => {
    const { near } = await pair();
    const before = near.bytesWritten;
    writeDirectly(near, Buffer.alloc(1000), new Owner());
    expect(near.bytesWritten - before).toBe(1000);
  });

  test('FIN comes behind a write that goes on', async () => {
    const { near, far } = await pair();
    writeDirectly(near, Buffer.alloc(LARGE), new Owner());
    near.end();
    expect((await received(far, LARGE)).length).toBe(LARGE);
    if (!far.readableEnded) await once(far, 'end');
  });
});

test('a rest that leaves at a second try goes on as well: its request is not used twice', async () => {
  // Only a peer that reads meanwhile makes room between the two tries.
  const reader = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:net').createServer((socket) => socket.on('error', () => {}).resume());
     server.listen(0, () => parentPort.postMessage(server.address().port));`,
    { eval: true },
  );
  onTestFinished(() => void reader.terminate());
  const [port] = await once(reader, 'message');
  const socket = net.connect(port);
  await once(socket, 'connect');
  onTestFinished(() => void socket.destroy());
  const owner = new Owner();
  const parts = Array.from({ length: 16 }, () => Buffer.alloc(16_388));
  for (let goneOn = 1; goneOn <= 300; goneOn++) {
    while (writeDirectly(socket, parts, owner) === 'whole');
    await until(() => owner.statuses.length === goneOn);
  }
  expect(owner.statuses.every((status) => status === 0)).toBe(true);
});

describe('the stream writes instead', () => {
  test('where the user has set a time-out, which is to know of the write', async () => {
    const { near } = await tcpPair();
    near.setTimeout(60_000);
    expect(writeDirectly(near, Buffer.from('x'), new Owner())).toBe('not begun');
    near.setTimeout(0);
    expect(writeDirectly(near, Buffer.from('x'), new Owner())).toBe('whole');
  });

  test('once it was destroyed, or has no handle at all', async () => {
    const { near } = await tcpPair();
    near.destroy();
    expect(writeDirectly(near, Buffer.from('x'), new Owner())).toBe('not begun');
    expect(writeDirectly(memoryPair()[0], Buffer.from('x'), new Owner())).toBe('not begun');
  });

  test('where the system refuses the write: it meets the same error', async () => {
    const { near, far } = await tcpPair();
    near.on('error', () => {});
    const writes = writesOf(near);
    far.resetAndDestroy();
    // Not read, so that only a write learns of it.
    near.pause();
    await until(() => writeDirectly(near, Buffer.from('x'), new Owner()) === 'not begun');
    expect(writes.length).toBeGreaterThan(0);
    expect(near.bytesWritten).toBeLessThan(100_000);
  });
});
