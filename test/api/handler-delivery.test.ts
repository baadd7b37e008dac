import { describe, expect, test, vi } from 'vitest';
import { Opcode, serve, type WebSocket, WebSocketClosedError } from '../../src/index.js';
import { FAULT } from '../../src/protocol/faults.js';
import { closeHex, frameFor } from '../support/framer.js';
import { rawClient, rawWebSocket, requestText } from '../support/raw-peer.js';
import { served, until } from '../support/servers.js';

const text = (payload: string) => frameFor('server', Opcode.Text, payload);

describe('the handlers', () => {
  test('are called in order, with the socket', async () => {
    const calls: unknown[] = [];
    const { port, server } = await served({
      open: (ws) => calls.push(['open', ws]),
      message: (ws, data, opcode) => calls.push(['message', ws, data, opcode]),
      ping: (ws, data) => calls.push(['ping', ws, data]),
      pong: (ws, data) => calls.push(['pong', ws, data]),
      close: (ws, closeCode, reason) => calls.push(['close', ws, closeCode, reason]),
    });
    const peer = await rawWebSocket(port);
    const [ws] = server.connections;
    peer.write(
      Buffer.concat([text('hi'), frameFor('server', 2, 'b'), frameFor('server', 9, 'p'), frameFor('server', 10, 'q')]),
    );
    peer.write(frameFor('server', Opcode.Close, Buffer.from('\x0f\xa0why', 'latin1')));
    expect((await peer.takeAll()).toString('hex')).toBe('8a0170' + '88020fa0');
    await until(() => calls.length === 6);
    expect(calls.map((call) => (call as unknown[])[0])).toEqual([
      'open',
      'message',
      'message',
      'ping',
      'pong',
      'close',
    ]);
    expect(calls.every((call) => (call as unknown[])[1] === ws)).toBe(true);
    expect(calls.map((call) => (call as unknown[]).slice(2))).toEqual([
      [],
      ['hi', Opcode.Text],
      [Buffer.from('b'), Opcode.Binary],
      [Buffer.from('p')],
      [Buffer.from('q')],
      [4000, 'why'],
    ]);
  });

  test('hostile.H-16: a first frame that came with the request is delivered after open', async () => {
    const calls: unknown[] = [];
    const { port } = await served({ open: () => calls.push('open'), message: (_ws, data) => calls.push(data) });
    const peer = await rawClient(port);
    peer.write(Buffer.concat([Buffer.from(requestText()), text('first'), text('second')]));
    await until(() => calls.length === 3);
    expect(calls).toEqual(['open', 'first', 'second']);
  });

  test('may be methods of an object, with state', async () => {
    class Counter {
      readonly host = '127.0.0.1';
      count = 0;
      message(ws: WebSocket): void {
        ws.send(`${++this.count}`);
      }
    }
    const counter = new Counter();
    const server = await serve(counter);
    const peer = await rawWebSocket(server.port);
    peer.write(text('x'));
    expect((await peer.take(3)).toString('latin1')).toBe('\x81\x011');
    expect(counter.count).toBe(1);
    await server.close({ timeout: 1 });
  });

  test('may all be left out', async () => {
    const { port } = await served();
    const peer = await rawWebSocket(port);
    peer.write(Buffer.concat([text('x'), frameFor('server', 9, 'p'), frameFor('server', 10)]));
    expect((await peer.take(3)).toString('hex')).toBe('8a0170');
  });

  test('start in order when they are async, and are not awaited', async () => {
    const started: unknown[] = [];
    const { port } = await served({
      message: async (_ws, data) => {
        started.push(data);
        await new Promise(() => {});
      },
    });
    const peer = await rawWebSocket(port);
    peer.write(Buffer.concat([text('a'), text('b'), text('c')]));
    await until(() => started.length === 3);
    expect(started).toEqual(['a', 'b', 'c']);
  });
});

describe('a handler that fails', () => {
  const thrown = () => {
    throw new Error('handler');
  };
  const rejecting = () => Promise.reject(new Error('handler'));
  const provoke: Record<string, Uint8Array> = {
    open: Buffer.alloc(0),
    message: text('x'),
    ping: frameFor('server', 9),
    pong: frameFor('server', 10),
  };

  test.each(
    Object.keys(provoke).flatMap((name) => [
      { name, how: 'throws', handler: thrown },
      { name, how: 'rejects', handler: rejecting },
    ]),
  )('hostile.A-01 hostile.A-02: $name that $how: Close 1011, and error is told', async ({ name, handler }) => {
    const reported: unknown[][] = [];
    const { port, server } = await served({
      [name]: handler,
      error: (...args: unknown[]) => reported.push(args),
    });
    const peer = await rawWebSocket(port);
    const [ws] = server.connections;
    peer.write(provoke[name]);
    expect((await peer.takeAll()).toString('hex')).toMatch(new RegExp(`${closeHex(1011, 'Internal error')}$`));
    expect(reported).toHaveLength(1);
    expect(reported[0][0]).toMatchObject({ message: 'handler' });
    if (name !== 'open') expect(reported[0][1]).toBe(ws);
  });

  test.each([thrown, rejecting])('close that fails is told to error as well', async (handler) => {
    const { port, errors } = await served({ close: handler });
    (await rawWebSocket(port)).reset();
    await until(() => errors.length === 1);
    expect(errors).toMatchObject([{ message: 'handler' }]);
  });

  test('hostile.A-01: other connections, and the frames of the same read, are as they were', async () => {
    const received: unknown[] = [];
    const { port } = await served({
      message: (_ws, data) => {
        if (data === 'bad') throw new Error('handler');
        received.push(data);
      },
    });
    const [good, bad] = [await rawWebSocket(port), await rawWebSocket(port)];
    bad.write(Buffer.concat([text('before'), text('bad'), text('after')]));
    good.write(text('good'));
    await bad.takeAll();
    good.write(text('still good'));
    await until(() => received.length === 3);
    expect(received.sort()).toEqual(['before', 'good', 'still good']);
  });

  test('the default of error is console.error', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { port } = await served({ message: thrown, error: undefined });
    const peer = await rawWebSocket(port);
    peer.write(text('x'));
    await peer.takeAll();
    expect(log).toHaveBeenCalledWith(expect.objectContaining({ message: 'handler' }));
    log.mockRestore();
  });

  test('a handler that returns what send returned is no failure when its peer goes away: it fills no log', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const returned: unknown[] = [];
    const { port } = await served({
      message: (ws) => {
        returned.push(ws.send(Buffer.alloc(20_000_000)));
        return returned[0];
      },
      error: undefined,
    });
    const peer = await rawWebSocket(port);
    peer.stopReading();
    peer.write(text('x'));
    await until(() => returned.length === 1);
    peer.socket.destroy();
    await expect(returned[0]).rejects.toThrow(WebSocketClosedError);
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).not.toHaveBeenCalled();
    log.mockRestore();
  });

  test.each([thrown, rejecting])('an error handler that fails itself is logged, and ends nothing', async (error) => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { port } = await served({ message: thrown, error });
    const peer = await rawWebSocket(port);
    peer.write(text('x'));
    expect((await peer.takeAll()).toString('hex')).toBe(closeHex(1011, 'Internal error'));
    await until(() => log.mock.calls.length === 1);
    expect((await rawWebSocket(port)).ended).toBe(false);
    log.mockRestore();
  });

  test('a peer that breaks the protocol is told to error, with its socket', async () => {
    const reported: unknown[][] = [];
    const { port } = await served({ error: (...args: unknown[]) => reported.push(args) });
    const peer = await rawWebSocket(port);
    peer.write(frameFor('server', 3));
    expect((await peer.takeAll()).toString('hex')).toBe(closeHex(1002, FAULT.RESERVED_OPCODE.message));
    expect(reported).toHaveLength(1);
    expect(reported[0][0]).toMatchObject({
      name: 'WebSocketProtocolError',
      code: 'WASOCK_RESERVED_OPCODE',
      section: '5.2',
    });
    expect(reported[0][1]).toBeDefined();
  });
});
