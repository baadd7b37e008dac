/** RFC 7692 §7. */
const NAME = 'permessage-deflate';

/** RFC 7692 §7.1.2: the base-2 logarithm of the largest LZ77 sliding window, and of one that nobody has limited. */
const MAX_WINDOW_BITS = 15;

/** RFC 7692 §7.1.2.1, §7.1.2.2: "a decimal integer value without leading zeroes between 8 to 15, inclusive". */
const WINDOW_BITS = /^(?:[89]|1[0-5])$/;

/** Characters of a parameter's name or value that a message repeats, at most. */
const SHOWN_LENGTH = 40;

/** How a side compresses its messages, checked and with defaults. */
export interface CompressionSettings {
  /** Messages below this many bytes leave uncompressed. */
  readonly threshold: number;
  readonly level: 'fast' | 'small';
  /** Whether this side keeps its compressor between messages, and lets the peer do so. */
  readonly contextTakeover: boolean;
  /** 8 to 15: the base-2 logarithm of the LZ77 sliding windows of both directions, at most. */
  readonly windowBits: number;
}

/**
 * The parameters that both sides follow when they compress (RFC 7692 §7.1). Connections with the same parameters share
 * one frozen object.
 */
export interface DeflateParameters {
  /** Whether the server forgets each message before it compresses the next (RFC 7692 §7.1.1.1). */
  readonly serverNoContextTakeover: boolean;
  /** Whether the client forgets each message before it compresses the next (RFC 7692 §7.1.1.2). */
  readonly clientNoContextTakeover: boolean;
  /** The largest base-2 logarithm of the server's LZ77 sliding window, 8 to 15 (RFC 7692 §7.1.2.1). */
  readonly serverMaxWindowBits: number;
  /** The largest base-2 logarithm of the client's LZ77 sliding window, 8 to 15 (RFC 7692 §7.1.2.2). */
  readonly clientMaxWindowBits: number;
}

/** One element of Sec-WebSocket-Extensions, as the ABNF of RFC 6455 §9.1 has it. */
export interface ListedExtension {
  readonly name: string;
  readonly params: readonly { readonly name: string; readonly value?: string }[];
}

/** How a server answers the offers of a client. */
export interface ServerAnswer {
  /** What was agreed; `null` if the connection is to open without compression. */
  readonly parameters: DeflateParameters | null;
  /** The value of Sec-WebSocket-Extensions in the 101; `undefined` if there is to be none. */
  readonly answer: string | undefined;
}

const DECLINED: ServerAnswer = { parameters: null, answer: undefined };

/** The parameters that an offer or an answer names. */
interface NamedParameters {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  /** `undefined` if not named. */
  serverMaxWindowBits: number | undefined;
  /** `undefined` if not named, `true` if named without a value. */
  clientMaxWindowBits: number | true | undefined;
}

/**
 * What a client offers (RFC 7692 §7.1): the value of its Sec-WebSocket-Extensions.
 *
 * `client_max_window_bits` is always in it, because a server may limit the client's window only then (§7.1.2.2).
 */
export function formatOffer({ contextTakeover, windowBits }: CompressionSettings): string {
  const noTakeover = contextTakeover ? '' : '; server_no_context_takeover; client_no_context_takeover';
  if (windowBits === MAX_WINDOW_BITS) return `${NAME}${noTakeover}; client_max_window_bits`;
  return `${NAME}${noTakeover}; server_max_window_bits=${windowBits}; client_max_window_bits=${windowBits}`;
}

/**
 * Judges a server's answer to `formatOffer` (RFC 7692 §5.1, §7).
 *
 * @param answer the extensions that the server has accepted; empty if its answer has no such header
 * @returns what was agreed; `null` if the server has declined; or what is wrong with the answer, in which case the
 *   client has to fail the connection
 */
export function judgeAnswer(
  answer: readonly ListedExtension[],
  settings: CompressionSettings,
): DeflateParameters | string | null {
  if (answer.length === 0) return null;
  // RFC 6455 §4.1, item 5: an extension "that was not present in the client's handshake".
  if (answer.some(({ name }) => name !== NAME)) return 'the server chose an extension that was not offered';
  // RFC 7692 §5.1: a server accepts one of the offers, and there was one.
  if (answer.length > 1) return `the server chose ${NAME} more than once`;
  const agreed = readAnswer(answer[0], settings);
  return typeof agreed === 'string' ? `the server answered ${NAME} with ${agreed}` : agreed;
}

/** @returns what is wrong, if it is no answer to our offer */
function readAnswer(
  answer: ListedExtension,
  { contextTakeover, windowBits }: CompressionSettings,
): DeflateParameters | string {
  const named = readParameters(answer);
  if (typeof named === 'string') return named;
  const { serverMaxWindowBits, clientMaxWindowBits = MAX_WINDOW_BITS } = named;
  // §7.1.2.2: in an answer, unlike in an offer, it has a value.
  if (clientMaxWindowBits === true) return 'client_max_window_bits, but without a value';
  // §7.1.1.1: a server accepts an offer that includes server_no_context_takeover by including it in the answer.
  if (!contextTakeover && !named.serverNoContextTakeover) return 'no server_no_context_takeover, which was offered';
  // §7.1.2.1: a server accepts an offer that includes server_max_window_bits by including it in the answer, "with the
  // same or smaller value as the offer". An answer may also name it if the offer did not.
  if (windowBits < MAX_WINDOW_BITS && serverMaxWindowBits === undefined) {
    return 'no server_max_window_bits, which was offered';
  }
  if (serverMaxWindowBits !== undefined && serverMaxWindowBits > windowBits) {
    return `server_max_window_bits=${serverMaxWindowBits}, more than the ${windowBits} that were offered`;
  }
  return sharedParameters(
    named.serverNoContextTakeover,
    // §7.1.1.2, §7.1.2.2: what a client has offered to do without, it does without, whatever the answer says.
    named.clientNoContextTakeover || !contextTakeover,
    serverMaxWindowBits ?? MAX_WINDOW_BITS,
    Math.min(windowBits, clientMaxWindowBits),
  );
}

/**
 * Chooses the first offer that can be accepted, in the client's order of preference (RFC 7692 §5.1). Offers that have
 * unknown or repeated parameters, or invalid values, are declined (§7), as are other extensions.
 *
 * @param settings `null` declines everything
 */
export function chooseOffer(offers: readonly ListedExtension[], settings: CompressionSettings | null): ServerAnswer {
  if (settings === null) return DECLINED;
  for (const offer of offers) {
    if (offer.name !== NAME) continue;
    const named = readParameters(offer);
    if (typeof named !== 'string') return accept(named, settings);
  }
  return DECLINED;
}

/** Every offer that is valid can be accepted: both directions support all windows, with and without takeover. */
function accept(offered: NamedParameters, { contextTakeover, windowBits }: CompressionSettings): ServerAnswer {
  const limitsWindows = windowBits < MAX_WINDOW_BITS;
  // §7.1.1.1: it must be in the answer if it is in the offer, and may be in any other.
  const serverNoContextTakeover = offered.serverNoContextTakeover || !contextTakeover;
  // §7.1.1.2: the same, though a server may ignore the offer's. A client that offers it lets us forget its messages.
  const clientNoContextTakeover = offered.clientNoContextTakeover || !contextTakeover;
  // §7.1.2.1: "the same or smaller value as the offer", and it may be in an answer to an offer without it.
  const serverMaxWindowBits = Math.min(windowBits, offered.serverMaxWindowBits ?? MAX_WINDOW_BITS);
  const namesServerBits = limitsWindows || offered.serverMaxWindowBits !== undefined;
  // §7.1.2.2: it must not be in an answer to an offer without it.
  const namesClientBits = limitsWindows && offered.clientMaxWindowBits !== undefined;
  const hintedBits = typeof offered.clientMaxWindowBits === 'number' ? offered.clientMaxWindowBits : MAX_WINDOW_BITS;
  const clientMaxWindowBits = namesClientBits ? Math.min(windowBits, hintedBits) : MAX_WINDOW_BITS;

  let answer = NAME;
  if (serverNoContextTakeover) answer += '; server_no_context_takeover';
  if (clientNoContextTakeover) answer += '; client_no_context_takeover';
  if (namesServerBits) answer += `; server_max_window_bits=${serverMaxWindowBits}`;
  if (namesClientBits) answer += `; client_max_window_bits=${clientMaxWindowBits}`;
  return {
    parameters: sharedParameters(
      serverNoContextTakeover,
      clientNoContextTakeover,
      serverMaxWindowBits,
      clientMaxWindowBits,
    ),
    answer,
  };
}

/** @returns what is wrong, by RFC 7692 §7: an unknown parameter, one that is named twice, or an invalid value */
function readParameters({ params }: ListedExtension): NamedParameters | string {
  const named: NamedParameters = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  };
  const seen = new Set<string>();
  for (const { name, value } of params) {
    if (seen.has(name)) return `${shown(name)} more than once`;
    seen.add(name);
    const problem = readParameter(name, value, named);
    if (problem !== undefined) return problem;
  }
  return named;
}

function readParameter(name: string, value: string | undefined, named: NamedParameters): string | undefined {
  const isBits = value !== undefined && WINDOW_BITS.test(value);
  switch (name) {
    case 'server_no_context_takeover':
      named.serverNoContextTakeover = true;
      // §7.1.1.1, §7.1.1.2: "This extension parameter has no value."
      return value === undefined ? undefined : `${name}=${shown(value)}, which takes no value`;
    case 'client_no_context_takeover':
      named.clientNoContextTakeover = true;
      return value === undefined ? undefined : `${name}=${shown(value)}, which takes no value`;
    case 'server_max_window_bits':
      named.serverMaxWindowBits = Number(value);
      if (value === undefined) return `${name}, but without a value`;
      return isBits ? undefined : `${name}=${shown(value)}, not 8 to 15`;
    case 'client_max_window_bits':
      named.clientMaxWindowBits = value === undefined ? true : Number(value);
      return value === undefined || isBits ? undefined : `${name}=${shown(value)}, not 8 to 15`;
    default:
      return `the unknown parameter ${shown(name)}`;
  }
}

/** A token needs no escapes, but may be as long as a header. */
function shown(token: string): string {
  return token.length > SHOWN_LENGTH ? `${token.slice(0, SHOWN_LENGTH)}…` : token;
}

/** Every combination that was agreed so far; there are 256. */
const shared = new Map<number, DeflateParameters>();

function sharedParameters(
  serverNoContextTakeover: boolean,
  clientNoContextTakeover: boolean,
  serverMaxWindowBits: number,
  clientMaxWindowBits: number,
): DeflateParameters {
  const takeovers = Number(serverNoContextTakeover) * 2 + Number(clientNoContextTakeover);
  const key = (takeovers << 8) | (serverMaxWindowBits << 4) | clientMaxWindowBits;
  let parameters = shared.get(key);
  if (parameters === undefined) {
    parameters = Object.freeze({
      serverNoContextTakeover,
      clientNoContextTakeover,
      serverMaxWindowBits,
      clientMaxWindowBits,
    });
    shared.set(key, parameters);
  }
  return parameters;
}
