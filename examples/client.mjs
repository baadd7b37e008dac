// A client: node examples/client.mjs [URL]. Expects a server that greets and answers, such as echo-server.mjs.
import { newWebSocket } from 'wasock';

const ws = await newWebSocket(process.argv[2] ?? 'ws://127.0.0.1:9001/ws');
console.log(await ws.receiveStrPacket());
await ws.send('Hi, how are you?');
console.log(await ws.receiveStrPacket());
await ws.close();
