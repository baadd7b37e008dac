// An echo server with TLS. CERT and KEY name its PEM files; to make a pair for this machine:
// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -subj /CN=localhost \
//   -addext subjectAltName=DNS:localhost,IP:127.0.0.1
import { readFileSync } from 'node:fs';
import { serve } from 'wasock';

const { CERT = 'cert.pem', KEY = 'key.pem', PORT = 9001 } = process.env;

const server = await serve({
  port: Number(PORT),
  path: '/ws',
  tls: { cert: readFileSync(CERT), key: readFileSync(KEY) },
  open(ws) {
    ws.send('Welcome to simple echo server');
  },
  message(ws, data) {
    ws.send(data);
  },
});

console.log(`wss://127.0.0.1:${server.port}/ws`);

process.on('SIGINT', () => server.close());
