import { type AcceptOptions, newWebSocket } from '../../src/index.js';
import { type CloseResult, WebSocketClosedError } from '../../src/protocol/errors.js';
import { type ParsedFrame, parseFrames } from '../support/frame-parser.js';
import { type RawPeer, rawClient, requestText } from '../support/raw-peer.js';
import { awaiting, served } from '../support/servers.js';

/** A server of either style, and what it told its user. */
export interface Endpoint {
  readonly port: number;
  readonly messages: (string | Buffer)[];
  /** How each connection that has ended did so, without the cause, which is among the errors. */
  readonly ends: CloseResult[];
  /** The errors of connections that broke a rule, by their code. */
  readonly errors: (string | undefined)[];
}

type Limits = Pick<AcceptOptions, 'maxPayload' | 'maxFragments' | 'closeTimeout' | 'messageTimeout' | 'slowPeer'>;

/** Handler style, with as few handlers as the rows allow: nobody has to listen for errors. */
async function handlerEndpoint(limits: Limits = {}): Promise<Endpoint> {
  const messages: (string | Buffer)[] = [];
  const ends: CloseResult[] = [];
  const { port, errors } = await served({
    ...limits,
    open: (ws) => {
      ws.closed.then(({ cause: _, ...end }) => ends.push(end));
    },
    message: (_ws, data) => {
      messages.push(data);
    },
  });
  return {
    port,
    messages,
    ends,
    get errors() {
      return errors.map((error) => (error as Error & { code?: string }).code);
    },
  };
}

async function awaitEndpoint(limits: Limits = {}): Promise<Endpoint> {
  const messages: (string | Buffer)[] = [];
  const ends: CloseResult[] = [];
  const errors: (string | undefined)[] = [];
  const { port } = await awaiting(async (request) => {
    const ws = await newWebSocket(request, undefined, limits);
    ws.closed.then(({ cause: _, ...end }) => ends.push(end));
    try {
      for await (const message of ws) messages.push(message);
    } catch (error) {
      if (!(error instanceof WebSocketClosedError)) throw error;
      const { cause } = error as { cause?: { code?: string } };
      if (cause !== undefined) errors.push(cause.code);
    }
  });
  return { port, messages, ends, errors };
}

export const ENDPOINTS: readonly { style: string; openEndpoint: (limits?: Limits) => Promise<Endpoint> }[] = [
  { style: 'handlers', openEndpoint: handlerEndpoint },
  { style: 'await', openEndpoint: awaitEndpoint },
];

/** What came back, up to the end of the connection, for these octets behind an opening handshake, all in one write. */
export async function framesFor(port: number, ...octets: Uint8Array[]): Promise<ParsedFrame[]> {
  const peer = await rawClient(port);
  peer.write(Buffer.concat([Buffer.from(requestText()), ...octets]));
  return framesOf(peer);
}

/** The frames that a peer gets up to the end of the connection, behind the head of the response. */
export async function framesOf(peer: RawPeer): Promise<ParsedFrame[]> {
  const head = await peer.takeHead();
  if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(head);
  return parseFrames(await peer.takeAll());
}

/** The code of a Close frame; 1005 without one. */
export function codeOf({ payload }: ParsedFrame): number {
  return payload.length === 0 ? 1005 : payload.readUInt16BE(0);
}
