import type { ServeOptions } from '../../src/api/serve.js';
import type { WebSocket } from '../../src/index.js';
import { type RawPeer, rawWebSocket } from './raw-peer.js';
import { type Served, served } from './servers.js';

/** A server's socket, and the raw peer at its other end. */
export interface Joined {
  readonly ws: WebSocket;
  readonly peer: RawPeer;
}

/** What `serve` gave, and a way to have sockets that have subscribed. */
export interface TopicServer extends Served<unknown> {
  join(...topics: string[]): Promise<Joined>;
}

/** `serve`, until the test ends, with the server's end of each socket at hand. */
export async function topicServer(options: ServeOptions = {}): Promise<TopicServer> {
  const opened: WebSocket[] = [];
  const running = await served({ open: (ws) => void opened.push(ws), ...options });
  const join = async (...topics: string[]) => {
    const peer = await rawWebSocket(running.port);
    // It was opened before its 101 could be read, and nobody else joins meanwhile.
    const ws = opened.pop()!;
    for (const topic of topics) ws.subscribe(topic);
    return { ws, peer };
  };
  return { ...running, join };
}

/** Takes the next frame, one that a server sends. */
export async function nextFrame(peer: RawPeer): Promise<{ opcode: number; payload: Buffer }> {
  const [first, second] = await peer.take(2);
  const form = second === 127 ? 8 : second === 126 ? 2 : 0;
  const extended = await peer.take(form);
  const length = form === 8 ? Number(extended.readBigUInt64BE()) : form === 2 ? extended.readUInt16BE() : second;
  if ((first & 0x80) === 0 || second > 127) throw new Error(`Not a whole frame of a server: ${first}, ${second}`);
  return { opcode: first & 0x7f, payload: await peer.take(length) };
}

/** The next frame, which must be Text. */
export async function nextText(peer: RawPeer): Promise<string> {
  const { opcode, payload } = await nextFrame(peer);
  if (opcode !== 1) throw new Error(`Not Text: opcode ${opcode}`);
  return payload.toString();
}

/** All texts that have been sent to a peer until now and were not taken yet. */
export async function restOf({ ws, peer }: Joined): Promise<string> {
  ws.send('the end');
  const texts: string[] = [];
  for (let text = await nextText(peer); text !== 'the end'; text = await nextText(peer)) texts.push(text);
  return texts.join();
}
