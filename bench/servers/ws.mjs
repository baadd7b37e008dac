// npm ws.
import { WebSocketServer } from 'ws';
import { serveWith } from './ws-style.mjs';
import { wsVersion } from './ws-version.mjs';

serveWith(WebSocketServer, wsVersion());
