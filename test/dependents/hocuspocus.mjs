// A server of Hocuspocus: two providers edit one document, and a third is turned away.
import assert from 'node:assert/strict';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { Server } from '@hocuspocus/server';
import WebSocket from 'ws';
import * as Y from 'yjs';
import { done, expectOurs } from './ours.mjs';

const server = new Server({
  port: 0,
  address: '127.0.0.1',
  quiet: true,
  stopOnSignals: false,
  async onAuthenticate({ token }) {
    if (token !== 'good') throw new Error('no');
  },
});
await server.listen();

function connect(token) {
  const document = new Y.Doc();
  const websocketProvider = new HocuspocusProviderWebsocket({ url: server.webSocketURL, WebSocketPolyfill: WebSocket });
  const provider = new HocuspocusProvider({ websocketProvider, name: 'paper', document, token });
  provider.attach();
  return { document, provider, websocketProvider };
}

const event = (provider, name) => new Promise((resolve) => provider.on(name, resolve));

const [ada, grace] = [connect('good'), connect('good')];
await Promise.all([ada, grace].map(({ provider }) => event(provider, 'synced')));
const changed = new Promise((resolve) => grace.document.once('update', resolve));
ada.document.getText('body').insert(0, 'héllo '.repeat(5000));
await changed;
assert.equal(grace.document.getText('body').length, 30_000);

const eve = connect('bad');
await event(eve.provider, 'authenticationFailed');

for (const { provider, websocketProvider } of [ada, grace, eve]) {
  provider.destroy();
  websocketProvider.destroy();
}
await server.destroy();
done(expectOurs('@hocuspocus/server'));
process.exit(0);
