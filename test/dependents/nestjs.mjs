// A gateway on the server of the application: a message, its answer, and several answers.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { of } from 'rxjs';
import WebSocket from 'ws';
import { done, expectOurs } from './ours.mjs';

/** As the compiler writes decorators of methods. */
function decorateMethod(target, name, decorator) {
  decorator(target.prototype, name, Object.getOwnPropertyDescriptor(target.prototype, name));
}

const closed = [];
class Gateway {
  handleDisconnect() {
    closed.push('gone');
  }
  greet(_client, name) {
    return { event: 'greeting', data: `hello ${name}` };
  }
  count() {
    return of(1, 2, 3);
  }
}
decorateMethod(Gateway, 'greet', SubscribeMessage('greet'));
decorateMethod(Gateway, 'count', SubscribeMessage('count'));
WebSocketGateway({ path: '/ws' })(Gateway);
class AppModule {}
Module({ providers: [Gateway] })(AppModule);

const app = await NestFactory.create(AppModule, { logger: false });
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(0, '127.0.0.1');

const ws = new WebSocket(`ws://127.0.0.1:${app.getHttpServer().address().port}/ws`);
await once(ws, 'open');
ws.send(JSON.stringify({ event: 'greet', data: 'Ada' }));
const [greeting] = await once(ws, 'message');
assert.deepEqual(JSON.parse(greeting), { event: 'greeting', data: 'hello Ada' });
const counts = [];
ws.on('message', (data) => counts.push(JSON.parse(data)));
ws.send(JSON.stringify({ event: 'count' }));
while (counts.length < 3) await once(ws, 'message');
assert.deepEqual(counts, [1, 2, 3]);
ws.close(1000);
assert.equal((await once(ws, 'close'))[0], 1000);
await app.close();
assert.deepEqual(closed, ['gone']);
done(expectOurs('@nestjs/platform-ws'));
