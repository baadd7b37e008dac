// One process of those that share rooms over the Redis adapter of socket.io, all defaults.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';
import { announce, setup } from './announce.mjs';

const require = createRequire(import.meta.url);
const versionOf = (name) => `${name} ${require(`${name}/package.json`).version}`;

const publisher = createClient({ socket: { host: '127.0.0.1', port: setup.brokerPort } });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const http = createServer();
const io = new Server(http, { adapter: createAdapter(publisher, subscriber) });
io.on('connection', (socket) => {
  const { topic } = socket.handshake.query;
  socket.join(topic);
  socket.on('m', (data) => io.to(topic).emit('m', data));
});
const about = ['socket.io', '@socket.io/redis-adapter'].map(versionOf).join(' with ');
http.listen(0, () => announce({ port: http.address().port, about }));
