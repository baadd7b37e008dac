// The entry point for programs written against npm ws.
import { codec } from '../../build/index.mjs';
import { WebSocket } from '../../build/ws.mjs';
import { sendWith } from './ws-style.mjs';

sendWith(WebSocket, `wasock/ws (${codec.kind})`);
