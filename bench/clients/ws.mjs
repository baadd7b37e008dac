// npm ws.
import { WebSocket } from 'ws';
import { wsVersion } from '../servers/ws-version.mjs';
import { sendWith } from './ws-style.mjs';

sendWith(WebSocket, wsVersion());
