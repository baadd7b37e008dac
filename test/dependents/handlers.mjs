// Request handlers of five frameworks that accept WebSockets, and fail after that. `ws` is not involved, but the frameworks are here.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import 'reflect-metadata';
import { serve as serveHono } from '@hono/node-server';
import { Controller, Get, Module, Req, Res } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import Express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { acceptUpgrades, newWebSocket } from 'wasock';
import { done, listen, versionOf } from './ours.mjs';

/** Echoes one message, and then fails. */
async function failAfterOne(ws) {
  ws.send((await ws.receivePacket()).data);
  throw new Error('handler failed');
}

/** Routes of each framework: `own` accepts with a handler, `page` is a page. Express also has `awaited`, which accepts without. */
const FRAMEWORKS = {
  async express() {
    const app = Express();
    // What it logs of the error that it caught.
    app.set('env', 'test');
    app.use((_request, response, next) => {
      response.cookie('session', '1');
      next();
    });
    app.get('/own', (request) => newWebSocket(request, failAfterOne));
    app.get('/awaited', async (request) => failAfterOne(await newWebSocket(request)));
    app.get('/page', (_request, response) => void response.send('page'));
    return http.createServer(app);
  },

  async koa() {
    const app = new Koa();
    app.on('error', () => {});
    app.use(async (context) => {
      context.cookies.set('session', '1');
      if (context.path === '/own') await newWebSocket(context, failAfterOne);
      if (context.path === '/page') context.body = 'page';
    });
    return http.createServer(app.callback());
  },

  async fastify() {
    const app = Fastify();
    app.get('/own', (request, reply) => {
      reply.raw.setHeader('Set-Cookie', 'session=1');
      return newWebSocket(request, failAfterOne);
    });
    app.get('/page', async () => 'page');
    await app.ready();
    return app.server;
  },

  async hono() {
    const app = new Hono();
    app.get('/own', async (context) => {
      context.env.outgoing.setHeader('Set-Cookie', 'session=1');
      await newWebSocket(context, failAfterOne);
      return context.body(null);
    });
    app.get('/page', (context) => context.text('page'));
    const server = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
    await once(server, 'listening');
    return server;
  },

  async '@nestjs/core'() {
    class Routes {
      own(request, response) {
        response.cookie('session', '1');
        return newWebSocket(request, failAfterOne);
      }
      page() {
        return 'page';
      }
    }
    for (const name of ['own', 'page']) {
      Get(`/${name}`)(Routes.prototype, name, Object.getOwnPropertyDescriptor(Routes.prototype, name));
    }
    Req()(Routes.prototype, 'own', 0);
    Res()(Routes.prototype, 'own', 1);
    Controller()(Routes);
    class App {}
    Module({ controllers: [Routes] })(App);
    const app = await NestFactory.create(App, { logger: false });
    await app.init();
    return app.getHttpServer();
  },
};

/** The headers of the 101. */
async function acceptanceOf(port, path) {
  const request = http.get({
    port,
    path,
    headers: {
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
    },
  });
  const [response, socket] = await once(request, 'upgrade');
  socket.destroy();
  return response.headers;
}

for (const [name, make] of Object.entries(FRAMEWORKS)) {
  const server = await make();
  const errors = [];
  const upgrades = acceptUpgrades(server, { onError: (error) => errors.push(error.message) });
  const port = server.address()?.port ?? (await listen(server));

  const fail = async (path) => {
    const ws = await newWebSocket(`ws://127.0.0.1:${port}${path}`);
    ws.send(name);
    assert.equal(await ws.receiveStrPacket(), name);
    return (await ws.closed).closeCode;
  };
  assert.equal(await fail('/own'), 1011, name);
  assert.deepEqual(errors.splice(0), ['handler failed'], name);
  if (name === 'express') {
    assert.equal(await fail('/awaited'), 1011);
    assert.match(errors.splice(0).join(), /Express/);
  }

  assert.match(String((await acceptanceOf(port, '/own'))['set-cookie']), /session=1/, name);
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/page`)).text(), 'page', name);
  await upgrades.close({ timeout: 100 });
  server.close();
  server.closeAllConnections();
}
done(...Object.keys(FRAMEWORKS).map(versionOf));
