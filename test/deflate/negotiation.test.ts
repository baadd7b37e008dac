import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CompressionSettings,
  chooseOffer,
  type DeflateParameters,
  formatOffer,
  judgeAnswer,
} from '../../src/deflate/negotiation.js';
import { parseExtensions } from '../../src/handshake/header-values.js';
import { NPM_WS } from '../ws/implementations.js';

const NO_TAKEOVER = '; server_no_context_takeover; client_no_context_takeover';
const SERVER_FLAG = 'server_no_context_takeover';
const CLIENT_FLAG = 'client_no_context_takeover';
const BITS = [8, 9, 10, 11, 12, 13, 14, 15];

/** Values that are no bits of a window; the last is that of a parameter without one. */
const BAD_BITS = [
  '0',
  '7',
  '16',
  '99',
  '08',
  '015',
  '1e1',
  '0xF',
  '-8',
  '+8',
  '8.0',
  'NaN',
  'Infinity',
  '1_0',
  undefined,
];

function settings(changes: Partial<CompressionSettings> = {}): CompressionSettings {
  return { threshold: 1024, level: 'fast', contextTakeover: false, windowBits: 15, ...changes };
}

const ALL_SETTINGS = [true, false].flatMap((contextTakeover) =>
  BITS.map((windowBits) => settings({ contextTakeover, windowBits })),
);

function parameters(changes: Partial<DeflateParameters> = {}): DeflateParameters {
  return {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
    ...changes,
  };
}

const FORGETTING = { serverNoContextTakeover: true, clientNoContextTakeover: true };

const choose = (offers: string, changes?: Partial<CompressionSettings>) =>
  chooseOffer(parseExtensions(offers) ?? [], settings(changes));

const judge = (answer: string, changes?: Partial<CompressionSettings>) =>
  judgeAnswer(parseExtensions(answer) ?? [], settings(changes));

describe('what a client offers', () => {
  test.each([
    [{}, `permessage-deflate${NO_TAKEOVER}; client_max_window_bits`],
    [{ contextTakeover: true }, 'permessage-deflate; client_max_window_bits'],
    [{ windowBits: 10 }, `permessage-deflate${NO_TAKEOVER}; server_max_window_bits=10; client_max_window_bits=10`],
    [
      { contextTakeover: true, windowBits: 8 },
      'permessage-deflate; server_max_window_bits=8; client_max_window_bits=8',
    ],
  ])('with %j is %j', (changes, offer) => {
    expect(formatOffer(settings(changes))).toBe(offer);
  });

  test('threshold and level are its own affair', () => {
    expect(formatOffer(settings({ threshold: 0, level: 'small' }))).toBe(formatOffer(settings()));
  });
});

describe('what a server answers by default', () => {
  test.each([
    ['permessage-deflate', ''],
    ['permessage-deflate; client_max_window_bits', ''],
    [`permessage-deflate${NO_TAKEOVER}`, ''],
    ['permessage-deflate; client_max_window_bits=9', ''],
    ['permessage-deflate; server_max_window_bits=10', '; server_max_window_bits=10'],
    ['permessage-deflate; server_max_window_bits="15"', '; server_max_window_bits=15'],
  ])('§7.1.1: to %j it imposes both, whether or not they are offered', (offer, more) => {
    expect(choose(offer).answer).toBe(`permessage-deflate${NO_TAKEOVER}${more}`);
    expect(choose(offer).parameters).toMatchObject(FORGETTING);
  });

  test.each(BITS)('§7.1.2.1: server_max_window_bits=%d is taken as it is offered', (bits) => {
    const { parameters: agreed, answer } = choose(`permessage-deflate; server_max_window_bits=${bits}`);
    expect(answer).toBe(`permessage-deflate${NO_TAKEOVER}; server_max_window_bits=${bits}`);
    expect(agreed).toEqual(parameters({ ...FORGETTING, serverMaxWindowBits: bits }));
  });

  test('§7.1.2.2: it does not limit the window of the client', () => {
    for (const hint of ['', '=8', '=15']) {
      const { parameters: agreed, answer } = choose(`permessage-deflate; client_max_window_bits${hint}`);
      expect(answer).not.toContain('client_max_window_bits');
      expect(agreed).toEqual(parameters(FORGETTING));
    }
  });
});

describe('what a server answers with contextTakeover', () => {
  test.each([
    ['permessage-deflate', 'permessage-deflate', {}],
    ['permessage-deflate; client_max_window_bits', 'permessage-deflate', {}],
    [
      'permessage-deflate; server_no_context_takeover',
      'permessage-deflate; server_no_context_takeover',
      { serverNoContextTakeover: true },
    ],
    [
      'permessage-deflate; client_no_context_takeover',
      'permessage-deflate; client_no_context_takeover',
      { clientNoContextTakeover: true },
    ],
    [
      'permessage-deflate; client_no_context_takeover; server_no_context_takeover',
      `permessage-deflate${NO_TAKEOVER}`,
      FORGETTING,
    ],
  ])('§7.1.1.1 §7.1.1.2: to %j is what the client asks for: %j', (offer, answer, agreed) => {
    expect(choose(offer, { contextTakeover: true })).toEqual({ answer, parameters: parameters(agreed) });
  });
});

describe('what a server answers with windowBits below 15', () => {
  test.each([
    ['', '; server_max_window_bits=10', 10, 15],
    ['; server_max_window_bits=9', '; server_max_window_bits=9', 9, 15],
    ['; server_max_window_bits=12', '; server_max_window_bits=10', 10, 15],
    ['; client_max_window_bits', '; server_max_window_bits=10; client_max_window_bits=10', 10, 10],
    ['; client_max_window_bits=8', '; server_max_window_bits=10; client_max_window_bits=8', 10, 8],
    ['; client_max_window_bits=15', '; server_max_window_bits=10; client_max_window_bits=10', 10, 10],
  ])(
    '§7.1.2.1 §7.1.2.2: to permessage-deflate%s is %s: the client’s window only if it lets itself be told',
    (offered, answered, serverMaxWindowBits, clientMaxWindowBits) => {
      const chosen = choose(`permessage-deflate${offered}`, { windowBits: 10, contextTakeover: true });
      expect(chosen).toEqual({
        answer: `permessage-deflate${answered}`,
        parameters: parameters({ serverMaxWindowBits, clientMaxWindowBits }),
      });
    },
  );
});

describe('a server declines', () => {
  const declined = { parameters: null, answer: undefined };

  test('no offer, those of other extensions, and names that differ in case', () => {
    for (const offers of ['', 'x', 'permessage-bzip2', 'x-webkit-deflate-frame', 'Permessage-Deflate', 'constructor']) {
      expect(choose(offers)).toEqual(declined);
    }
  });

  test('everything, if compression is off', () => {
    expect(chooseOffer(parseExtensions('permessage-deflate') ?? [], null)).toEqual(declined);
  });

  test.each(BAD_BITS)('hostile.H-27: §7.1.2.1: server_max_window_bits with the value %s', (value) => {
    const offer = value === undefined ? 'server_max_window_bits' : `server_max_window_bits=${value}`;
    expect(choose(`permessage-deflate; ${offer}`)).toEqual(declined);
  });

  test.each(BAD_BITS.slice(0, -1))('hostile.H-27: §7.1.2.2: client_max_window_bits with the value %s', (value) => {
    expect(choose(`permessage-deflate; client_max_window_bits=${value}`)).toEqual(declined);
  });

  test.each([SERVER_FLAG, CLIENT_FLAG])('hostile.H-27: §7.1.1: %s with a value', (name) => {
    for (const value of ['1', 'true', '"15"']) expect(choose(`permessage-deflate; ${name}=${value}`)).toEqual(declined);
  });

  test.each(['unknown', 'unknown=1', '__proto__=1', 'constructor', 'toString=8', 'Server_Max_Window_Bits=8'])(
    'hostile.H-27: §7: the unknown parameter %s',
    (param) => {
      expect(choose(`permessage-deflate; ${param}`)).toEqual(declined);
      expect(choose(`permessage-deflate; client_max_window_bits; ${param}`)).toEqual(declined);
    },
  );

  test.each([
    'server_no_context_takeover; server_no_context_takeover',
    'client_no_context_takeover; client_max_window_bits; client_no_context_takeover',
    'server_max_window_bits=10; server_max_window_bits=10',
    'client_max_window_bits; client_max_window_bits=10',
  ])('hostile.H-27: §7: a parameter that is there twice: %s', (params) => {
    expect(choose(`permessage-deflate; ${params}`)).toEqual(declined);
  });
});

describe('a server chooses', () => {
  test('§5.1: the first offer, in the client’s order of preference', () => {
    const offers = 'x, permessage-deflate; server_max_window_bits=9, permessage-deflate; server_max_window_bits=12';
    expect(choose(offers).parameters).toMatchObject({ serverMaxWindowBits: 9 });
  });

  test('hostile.H-27: §7: the next offer, if one is invalid', () => {
    const offers =
      'permessage-deflate; server_max_window_bits=7, permessage-deflate; x, permessage-deflate; server_max_window_bits=12';
    expect(choose(offers).answer).toBe(`permessage-deflate${NO_TAKEOVER}; server_max_window_bits=12`);
  });
});

describe('a client', () => {
  test('§5.1: takes no answer for a refusal of compression, and opens without', () => {
    expect(judge('')).toBeNull();
  });

  test('§7.1: by default takes an answer that grants what it offers', () => {
    expect(judge(`permessage-deflate${NO_TAKEOVER}`)).toEqual(parameters(FORGETTING));
  });

  test('§7.1.1: with contextTakeover takes any combination that the server imposes', () => {
    const offered = { contextTakeover: true };
    expect(judge('permessage-deflate', offered)).toEqual(parameters());
    expect(judge(`permessage-deflate; ${SERVER_FLAG}`, offered)).toEqual(parameters({ serverNoContextTakeover: true }));
    expect(judge(`permessage-deflate; ${CLIENT_FLAG}`, offered)).toEqual(parameters({ clientNoContextTakeover: true }));
    expect(judge(`permessage-deflate${NO_TAKEOVER}`, offered)).toEqual(parameters(FORGETTING));
  });

  test('§7.1.1.1: fails a server that would keep its context although asked not to', () => {
    expect(judge('permessage-deflate')).toMatch('no server_no_context_takeover, which was offered');
    expect(judge(`permessage-deflate; ${CLIENT_FLAG}`)).toMatch('no server_no_context_takeover');
  });

  test('§7.1.1.2: keeps to client_no_context_takeover if it has offered it, whatever the answer says', () => {
    expect(judge(`permessage-deflate; ${SERVER_FLAG}`)).toEqual(parameters(FORGETTING));
  });

  test.each(BITS)('§7.1.2.1: takes server_max_window_bits=%d unasked, quoted or not', (bits) => {
    for (const value of [`${bits}`, `"${bits}"`]) {
      const answer = `permessage-deflate; server_max_window_bits=${value}`;
      expect(judge(answer, { contextTakeover: true })).toEqual(parameters({ serverMaxWindowBits: bits }));
    }
  });

  test('§7.1.2.1: takes the same or a smaller server_max_window_bits than it has offered, and no other answer', () => {
    const offered = { contextTakeover: true, windowBits: 10 };
    const answered = (bits: number) => judge(`permessage-deflate; server_max_window_bits=${bits}`, offered);
    expect(answered(10)).toEqual(parameters({ serverMaxWindowBits: 10, clientMaxWindowBits: 10 }));
    expect(answered(8)).toEqual(parameters({ serverMaxWindowBits: 8, clientMaxWindowBits: 10 }));
    expect(answered(11)).toMatch('server_max_window_bits=11, more than the 10 that were offered');
    expect(judge('permessage-deflate', offered)).toMatch('no server_max_window_bits, which was offered');
  });

  test.each(BITS)('§7.1.2.2: takes client_max_window_bits=%d, and uses no larger window than its own', (bits) => {
    const answer = `permessage-deflate; server_max_window_bits=10; client_max_window_bits=${bits}`;
    for (const windowBits of [15, 10]) {
      expect(judge(answer, { contextTakeover: true, windowBits })).toMatchObject({
        clientMaxWindowBits: Math.min(bits, windowBits),
      });
    }
  });

  test('§7.1.2.2: fails client_max_window_bits without a value, which only an offer may have', () => {
    expect(judge(`permessage-deflate${NO_TAKEOVER}; client_max_window_bits`)).toMatch(
      'client_max_window_bits, but without a value',
    );
  });

  test.each(BAD_BITS)('hostile.A3.4 hostile.S-07: §7.1.2: fails window bits with the value %s', (value) => {
    for (const name of ['server_max_window_bits', 'client_max_window_bits']) {
      const param = value === undefined ? name : `${name}=${value}`;
      const problem = value === undefined ? `${name}, but without a value` : `${name}=${value}, not 8 to 15`;
      for (const contextTakeover of [true, false]) {
        const answer = `permessage-deflate${NO_TAKEOVER}; ${param}`;
        expect(judge(answer, { contextTakeover })).toBe(`the server answered permessage-deflate with ${problem}`);
      }
    }
  });

  test.each([SERVER_FLAG, CLIENT_FLAG])('hostile.S-07: §7.1.1: fails %s with a value', (name) => {
    expect(judge(`permessage-deflate; ${name}=1`)).toMatch(`${name}=1, which takes no value`);
  });

  test('hostile.S-07: §7: fails an unknown parameter, and one that is there twice', () => {
    expect(judge(`permessage-deflate${NO_TAKEOVER}; unknown=1`)).toMatch('the unknown parameter unknown');
    expect(judge(`permessage-deflate${NO_TAKEOVER}; __proto__`)).toMatch('the unknown parameter __proto__');
    expect(judge(`permessage-deflate${NO_TAKEOVER}; ${SERVER_FLAG}`)).toMatch(`${SERVER_FLAG} more than once`);
    expect(judge('permessage-deflate; x; x')).toMatch('the unknown parameter x');
  });

  test('hostile.S-06: fails an extension that was not offered, alone and beside the one that was', () => {
    for (const answer of ['x', 'Permessage-Deflate', `permessage-deflate${NO_TAKEOVER}, x`, 'constructor']) {
      expect(judge(answer)).toBe('the server chose an extension that was not offered');
    }
  });

  test('hostile.S-07: fails several answers, be they the same', () => {
    const answer = `permessage-deflate${NO_TAKEOVER}`;
    expect(judge(`${answer}, ${answer}`)).toBe('the server chose permessage-deflate more than once');
  });

  test('a message repeats no more than 40 characters of a name or a value', () => {
    const long = 'x'.repeat(10_000);
    for (const param of [long, `server_max_window_bits=${long}`, `${SERVER_FLAG}=${long}`]) {
      const problem = judge(`permessage-deflate; ${param}`) as string;
      expect(problem).toContain(`${'x'.repeat(40)}…`);
      expect(problem.length).toBeLessThan(150);
    }
  });
});

test('connections with the same parameters share one object, which nobody can change', () => {
  const { parameters: agreed } = choose('permessage-deflate; server_max_window_bits=11', { contextTakeover: true });
  expect(Object.isFrozen(agreed)).toBe(true);
  expect(choose('permessage-deflate; server_max_window_bits="11"', { contextTakeover: true }).parameters).toBe(agreed);
  expect(judge('permessage-deflate; server_max_window_bits=11', { contextTakeover: true })).toBe(agreed);
  const all = new Set(
    ALL_SETTINGS.flatMap((each) =>
      BITS.map((bits) => choose(`permessage-deflate; server_max_window_bits=${bits}`, each).parameters),
    ),
  );
  const texts = new Set([...all].map((each) => JSON.stringify(each)));
  expect(all.size).toBe(texts.size);
});

test('both sides understand each other, whatever their settings', () => {
  for (const ofClient of ALL_SETTINGS) {
    for (const ofServer of ALL_SETTINGS) {
      const { parameters: server, answer } = choose(formatOffer(ofClient), ofServer);
      const client = judge(answer ?? '', ofClient);
      if (client === null || typeof client === 'string' || server === null) throw new Error(`${answer}: ${client}`);
      expect(client.serverNoContextTakeover).toBe(server.serverNoContextTakeover);
      expect(client.serverMaxWindowBits).toBe(server.serverMaxWindowBits);
      expect(client.serverMaxWindowBits).toBe(Math.min(ofClient.windowBits, ofServer.windowBits));
      // A client may do with less than the server has room for.
      expect(client.clientMaxWindowBits).toBe(Math.min(ofClient.windowBits, ofServer.windowBits));
      expect(server.clientMaxWindowBits).toBeGreaterThanOrEqual(client.clientMaxWindowBits);
      const forgets = !ofClient.contextTakeover || !ofServer.contextTakeover;
      expect(client).toMatchObject({ serverNoContextTakeover: forgets, clientNoContextTakeover: forgets });
      expect(server).toMatchObject({ serverNoContextTakeover: forgets, clientNoContextTakeover: forgets });
    }
  }
});

// ——— a second judge, who knows nothing of the code: lists of parameters as text, `name` or `name=value`

const DECIMAL = '(8|9|10|11|12|13|14|15)';
const IN_OFFER = [
  SERVER_FLAG,
  CLIENT_FLAG,
  `server_max_window_bits=${DECIMAL}`,
  `client_max_window_bits(=${DECIMAL})?`,
];
const IN_ANSWER = [SERVER_FLAG, CLIENT_FLAG, `server_max_window_bits=${DECIMAL}`, `client_max_window_bits=${DECIMAL}`];

/** §7: each parameter is one of those, and its name is there once. */
function areValid(params: readonly string[], allowed: readonly string[]): boolean {
  const pattern = new RegExp(`^(${allowed.join('|')})$`);
  const names = params.map((param) => param.replace(/=.*/, ''));
  return params.every((param) => pattern.test(param)) && names.every((name, at) => names.indexOf(name) === at);
}

/** The number of a parameter; 15 if it has none, or is not there. */
function bitsIn(params: readonly string[], name: string): number {
  const param = params.find((each) => each.startsWith(`${name}=`));
  return param === undefined ? 15 : Number(param.slice(name.length + 1));
}

const has = (params: readonly string[], name: string) => params.some((param) => param.split('=')[0] === name);

/** §7.1: whether a server may answer this offer so. Both are valid in themselves. */
function mayAnswer(offer: readonly string[], answer: readonly string[]): boolean {
  const grantsServerFlag = !offer.includes(SERVER_FLAG) || answer.includes(SERVER_FLAG);
  const grantsServerBits = !has(offer, 'server_max_window_bits') || has(answer, 'server_max_window_bits');
  const isNoLarger = bitsIn(answer, 'server_max_window_bits') <= bitsIn(offer, 'server_max_window_bits');
  const mayTellClient = !has(answer, 'client_max_window_bits') || has(offer, 'client_max_window_bits');
  return grantsServerFlag && grantsServerBits && isNoLarger && mayTellClient;
}

const anyParam = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(SERVER_FLAG, CLIENT_FLAG, 'client_max_window_bits') },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom('server_max_window_bits', 'client_max_window_bits'), fc.integer({ min: 7, max: 16 }))
      .map(([name, bits]) => `${name}=${bits}`),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom(SERVER_FLAG, CLIENT_FLAG, 'server_max_window_bits', 'client_max_window_bits', 'x', '__proto__'),
        fc.constantFrom('', '=0', '=08', '=1e1', '=0xA', '=x', '=true'),
      )
      .map(([name, value]) => name + value),
  },
);
const anyParams = fc.array(anyParam, { maxLength: 4 });
const anyName = fc.constantFrom(...Array<string>(5).fill('permessage-deflate'), 'x', 'Permessage-deflate');
const anyList = fc.array(fc.record({ name: anyName, params: anyParams }), { minLength: 1, maxLength: 4 });
const anySettings = fc.constantFrom(...ALL_SETTINGS);
const isQuoted = fc.boolean();

interface Listed {
  readonly name: string;
  readonly params: readonly string[];
}

/** The list as a client or a server may write it. */
function write(list: readonly Listed[], quoting: boolean): string {
  const written = (param: string) => (quoting ? param.replace(/=(.*)/, '="$1"') : param);
  return list.map(({ name, params }) => [name, ...params.map(written)].join('; ')).join(', ');
}

/** The parameters of the one extension in it. */
function paramsOf(text: string): string[] {
  const [name, ...params] = text.split('; ');
  expect(name).toBe('permessage-deflate');
  return params;
}

describe('by another judge', () => {
  test('a server answers the first valid offer as it may be answered, and nothing without one', () => {
    fc.assert(
      fc.property(anyList, isQuoted, anySettings, (offers, quoting, own) => {
        const { answer, parameters: agreed } = choose(write(offers, quoting), own);
        const offer = offers.find(({ name, params }) => name === 'permessage-deflate' && areValid(params, IN_OFFER));
        if (offer === undefined) {
          expect([answer, agreed]).toEqual([undefined, null]);
          return;
        }
        const params = paramsOf(answer ?? '');
        expect(areValid(params, IN_ANSWER)).toBe(true);
        expect(mayAnswer(offer.params, params)).toBe(true);
        expect(agreed).toEqual({
          serverNoContextTakeover: params.includes(SERVER_FLAG),
          clientNoContextTakeover: params.includes(CLIENT_FLAG),
          serverMaxWindowBits: bitsIn(params, 'server_max_window_bits'),
          clientMaxWindowBits: bitsIn(params, 'client_max_window_bits'),
        });
        // §7.1.2.2: "a value equal to or smaller than the received value".
        if (has(params, 'client_max_window_bits')) {
          expect(agreed?.clientMaxWindowBits).toBeLessThanOrEqual(bitsIn(offer.params, 'client_max_window_bits'));
        }
        // And by the policy of this side.
        expect(agreed?.serverMaxWindowBits).toBeLessThanOrEqual(own.windowBits);
        if (!own.contextTakeover) expect(agreed).toMatchObject(FORGETTING);
      }),
      { numRuns: 2000 },
    );
  });

  test('a client takes an answer if its offer may be answered so, and keeps to it', () => {
    fc.assert(
      fc.property(anyList, isQuoted, anySettings, (answers, quoting, own) => {
        const agreed = judge(write(answers, quoting), own);
        const [{ name, params }] = answers;
        const offer = paramsOf(formatOffer(own));
        const isGood =
          answers.length === 1 &&
          name === 'permessage-deflate' &&
          areValid(params, IN_ANSWER) &&
          mayAnswer(offer, params);
        if (!isGood) {
          expect(agreed).toBeTypeOf('string');
          return;
        }
        expect(agreed).toEqual({
          serverNoContextTakeover: params.includes(SERVER_FLAG),
          clientNoContextTakeover: params.includes(CLIENT_FLAG) || !own.contextTakeover,
          serverMaxWindowBits: bitsIn(params, 'server_max_window_bits'),
          clientMaxWindowBits: Math.min(own.windowBits, bitsIn(params, 'client_max_window_bits')),
        });
      }),
      { numRuns: 2000 },
    );
  });

  test('no text makes either side throw', () => {
    const piece = fc.oneof(
      anyParam,
      fc.constantFrom('permessage-deflate', ',', ';', '; ', '=', '"', '\\', ' ', '__proto__', 'constructor'),
      fc.string({ unit: 'binary', maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(piece), anySettings, (pieces, own) => {
        const listed = parseExtensions(pieces.join('')) ?? [];
        const { parameters: agreed, answer } = chooseOffer(listed, own);
        expect(agreed === null).toBe(answer === undefined);
        const judged = judgeAnswer(listed, own);
        expect(judged === null).toBe(listed.length === 0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('npm ws', () => {
  /** The parameters that npm ws agrees on, or `null` if it declines or fails. */
  function agreedByWs(text: string, options: object): Record<string, unknown> | null {
    const deflate = new NPM_WS.PerMessageDeflate(options);
    try {
      return { ...deflate.accept(NPM_WS.extension.parse(text)['permessage-deflate']) };
    } catch {
      return null;
    }
  }

  /** Parameters in the terms of npm ws, without those that say what is true without them. */
  function inTermsOfWs(agreed: DeflateParameters | string | null) {
    if (agreed === null || typeof agreed === 'string') return null;
    return {
      ...(agreed.serverNoContextTakeover && { server_no_context_takeover: true }),
      ...(agreed.clientNoContextTakeover && { client_no_context_takeover: true }),
      ...(agreed.serverMaxWindowBits < 15 && { server_max_window_bits: agreed.serverMaxWindowBits }),
      ...(agreed.clientMaxWindowBits < 15 && { client_max_window_bits: agreed.clientMaxWindowBits }),
    };
  }

  const withoutFull = (agreed: Record<string, unknown> | null) =>
    agreed && Object.fromEntries(Object.entries(agreed).filter(([, value]) => value !== 15));

  const FORGETFUL = { serverNoContextTakeover: true, clientNoContextTakeover: true };
  // What npm ws takes for a number, though RFC 7692 §7.1.2 does not.
  const isOdd = (params: readonly string[]) => params.some((param) => /=(08|1e1|0xA)$/.test(param));

  test.each([
    [false, { ...FORGETFUL, clientMaxWindowBits: false }],
    [true, { clientMaxWindowBits: false }],
  ])('with contextTakeover %s a server agrees on the same with every offer', (contextTakeover, options) => {
    fc.assert(
      fc.property(anyParams, (params) => {
        fc.pre(!isOdd(params));
        const offer = write([{ name: 'permessage-deflate', params }], false);
        const { parameters: agreed } = choose(offer, { contextTakeover });
        expect(inTermsOfWs(agreed)).toEqual(withoutFull(agreedByWs(offer, { ...options, isServer: true })));
      }),
      { numRuns: 500 },
    );
  });

  test('with contextTakeover a client judges every answer in the same way', () => {
    fc.assert(
      fc.property(anyParams, (params) => {
        fc.pre(!isOdd(params));
        const answer = write([{ name: 'permessage-deflate', params }], false);
        expect(inTermsOfWs(judge(answer, { contextTakeover: true }))).toEqual(withoutFull(agreedByWs(answer, {})));
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    [{}, FORGETFUL],
    [{ contextTakeover: true }, {}],
    [{ windowBits: 9 }, { ...FORGETFUL, serverMaxWindowBits: 9, clientMaxWindowBits: 9 }],
    [
      { contextTakeover: true, windowBits: 12 },
      { serverMaxWindowBits: 12, clientMaxWindowBits: 12 },
    ],
  ])('a client with %j makes the same offer', (changes, options) => {
    const offer = new NPM_WS.PerMessageDeflate(options).offer();
    expect(formatOffer(settings(changes))).toBe(NPM_WS.extension.format({ 'permessage-deflate': offer }));
  });
});
