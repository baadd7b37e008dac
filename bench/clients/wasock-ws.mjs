// The entry point for programs written against npm ws.
import { codec } from '../../build/index.mjs';
import { WebSocket } from '../../build/ws.mjs';
import { setup } from '../servers/announce.mjs';
import { echoWith, sendWith } from './ws-style.mjs';

const clientWith = setup.echo ? echoWith : sendWith;
clientWith(WebSocket, `wasock/ws (${codec.kind})`);
