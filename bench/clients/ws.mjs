// npm ws.
import { WebSocket } from 'ws';
import { setup } from '../servers/announce.mjs';
import { wsVersion } from '../servers/ws-version.mjs';
import { echoWith, sendWith } from './ws-style.mjs';

const clientWith = setup.echo ? echoWith : sendWith;
clientWith(WebSocket, wsVersion());
