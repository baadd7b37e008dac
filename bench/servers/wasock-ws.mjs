// The entry point for programs written against npm ws.
import { codec } from '../../build/index.mjs';
import { WebSocketServer } from '../../build/ws.mjs';
import { serveWith } from './ws-style.mjs';

serveWith(WebSocketServer, `wasock/ws (${codec.kind})`);
