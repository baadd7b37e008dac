// Rooms, binary, broadcast and acknowledgements over the websocket transport alone, uncompressed and compressed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { done, expectOurs, listen } from './ours.mjs';

async function exchange(perMessageDeflate) {
  let counts = 0;
  const http = createServer();
  const server = new Server(http, { transports: ['websocket'], perMessageDeflate });
  server.on('connection', (socket) => {
    socket.on('join', (room, joined) => {
      socket.join(room);
      joined();
    });
    socket.on('say', (room, words) => server.to(room).emit('said', words));
    socket.on('others', (words) => socket.broadcast.emit('said', words));
    socket.on('count', (reply) => reply(++counts));
    socket.on('twice', (octets, reply) => reply(Buffer.concat([octets, octets])));
  });
  const url = `http://127.0.0.1:${await listen(http)}`;

  const clients = [0, 1, 2].map(() => io(url, { transports: ['websocket'], forceNew: true }));
  await Promise.all(clients.map((client) => new Promise((resolve) => client.once('connect', resolve))));
  const extensions = Object.values(server.engine.clients).map(({ transport }) => transport.socket.extensions);
  assert.deepEqual(extensions, Array(3).fill(perMessageDeflate ? 'permessage-deflate' : ''));
  const heard = (client) => new Promise((resolve) => client.once('said', resolve));
  const [ada, grace, alan] = clients;
  assert.deepEqual(await ada.emitWithAck('twice', Buffer.from([0, 255])), Buffer.from([0, 255, 0, 255]));

  // A transport that is not told that its packets have left stays unwritable, and queues all that follows.
  for (let i = 1; i <= 3; i++) {
    const before = counts;
    const acknowledged = [
      ada.emitWithAck('count'),
      ada.emitWithAck('twice', Buffer.alloc(100_000)),
      ada.emitWithAck('count'),
    ];
    const [first, large, last] = await Promise.all(acknowledged);
    assert.deepEqual([first, large.length, last], [before + 1, 200_000, before + 2]);
    const socket = server.sockets.sockets.get(ada.id);
    const answers = ['a', 'big', 'c'].map((event) => new Promise((resolve) => ada.once(event, resolve)));
    socket.emit('a', 'small');
    socket.emit('big', Buffer.alloc(100_000));
    socket.emit('c', 'small');
    assert.deepEqual(
      (await Promise.all(answers)).map(({ length }) => length),
      [5, 100_000, 5],
    );
  }

  await Promise.all([ada, grace].map((client) => client.emitWithAck('join', 'room')));
  alan.once('said', () => assert.fail('alan is not in the room'));
  const inRoom = [heard(ada), heard(grace)];
  ada.emit('say', 'room', { text: 'héllo', octets: Buffer.alloc(70_000, 7) });
  for (const { text, octets } of await Promise.all(inRoom)) {
    assert.equal(text, 'héllo');
    assert.deepEqual(octets, Buffer.alloc(70_000, 7));
  }
  alan.off('said');

  const others = [heard(grace), heard(alan)];
  ada.emit('others', 'to all but me');
  assert.deepEqual(await Promise.all(others), ['to all but me', 'to all but me']);

  const reasons = Promise.all([...server.sockets.sockets.values()].map((socket) => once(socket, 'disconnect')));
  for (const client of clients) client.close();
  assert.deepEqual(
    (await reasons).map(([reason]) => reason),
    Array(3).fill('client namespace disconnect'),
  );
  await server.close();
}

for (const perMessageDeflate of [false, true, { threshold: 0, serverNoContextTakeover: true }])
  await exchange(perMessageDeflate);
done(
  expectOurs('socket.io-adapter'),
  expectOurs('engine.io'),
  expectOurs('engine.io-client'),
  'socket.io, socket.io-client',
);
