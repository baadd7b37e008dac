// A client with TLS: node examples/wss-client.mjs [URL]. CA names the PEM file of an authority to trust, such as the
// self-signed cert.pem of wss-server.mjs; without it, those that Node trusts.
import { readFileSync } from 'node:fs';
import { newWebSocket } from 'wasock';

const { CA } = process.env;

const ws = await newWebSocket(process.argv[2] ?? 'wss://127.0.0.1:9001/ws', [], {
  ca: CA && readFileSync(CA),
});
console.log(await ws.receiveStrPacket());
await ws.send('Hi, how are you?');
console.log(await ws.receiveStrPacket());
await ws.close();
