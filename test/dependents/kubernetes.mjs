// The client of Kubernetes executes a command in a pod: its channels are the first bytes of binary messages.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { Exec, KubeConfig } from '@kubernetes/client-node';
import { WebSocketServer } from 'ws';
import { done, expectOurs } from './ours.mjs';

const [STDIN, STDOUT, STDERR, STATUS] = [0, 1, 2, 3];

const requests = [];
const wss = new WebSocketServer({
  port: 0,
  host: '127.0.0.1',
  handleProtocols: (protocols) => [...protocols].find((protocol) => /^v[45]\.channel\.k8s\.io$/.test(protocol)),
});
wss.on('connection', (ws, request) => {
  requests.push([request.url, request.headers.authorization]);
  const say = (channel, text) => ws.send(Buffer.concat([Buffer.from([channel]), Buffer.from(text)]));
  say(STDOUT, 'ready\n');
  ws.on('message', (data) => {
    if (data[0] !== STDIN || data.length === 1) return;
    say(STDOUT, `you said ${data.subarray(1)}`);
    say(STDERR, 'a warning');
    say(STATUS, JSON.stringify({ status: 'Success' }));
    ws.close(1000);
  });
});
await once(wss, 'listening');

const config = new KubeConfig();
config.loadFromOptions({
  clusters: [{ name: 'c', server: `http://127.0.0.1:${wss.address().port}`, skipTLSVerify: true }],
  users: [{ name: 'u', token: 'secret' }],
  contexts: [{ name: 'x', cluster: 'c', user: 'u' }],
  currentContext: 'x',
});

const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
let printed = '';
stdout.on('data', (chunk) => (printed += chunk));
const status = new Promise((resolve) => {
  void new Exec(config).exec('default', 'pod', 'container', ['sh'], stdout, stderr, stdin, false, resolve);
});
stdin.write('hello');
assert.deepEqual(await status, { status: 'Success' });
assert.equal(printed, 'ready\nyou said hello');
assert.equal(String(stderr.read()), 'a warning');
assert.match(requests[0][0], /^\/api\/v1\/namespaces\/default\/pods\/pod\/exec\?.*command=sh/);
assert.equal(requests[0][1], 'Bearer secret');
wss.close();
done(expectOurs('isomorphic-ws'), expectOurs('@kubernetes/client-node'));
