// Echo with wasock, all defaults.
import { codec, serve } from '../../../build/index.mjs';

const server = await serve({ message: (ws, data) => void ws.send(data) });
console.log(JSON.stringify({ port: server.port, about: `wasock (${codec.kind})` }));
