import { withCompression } from './compression.mjs';
import { TURNS } from './turns.mjs';

/** Around the limits of the protocol, of uncopied payloads, and of one MiB. */
const SIZES = [0, 1, 125, 126, 1000, 4096, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 100_000];
const LONG = [1_048_575, 1_048_576, 1_048_577];

/**
 * A program: what the peer does, one step after the other, and what the user does, each step at its place.
 *
 * @param {import('./random.mjs').Random} random
 * @param entry 'ws', 'npm', 'serve' or 'await'
 */
export function newProgram(random, entry) {
  const script = Array.from({ length: random.between(1, 4) }, () => peerStep(random));
  if (random.once(3)) script.push(random.of(PEER_ENDS)(random));
  const role = entry === 'serve' ? 'server' : random.of(['server', 'client']);
  const program = {
    entry,
    role,
    variant: random.of(VARIANTS[entry] ?? ['']),
    transport: random.once(12) ? 'tls' : 'tcp',
    early: !random.once(3),
    finale: random.of(['user', 'peer', 'abrupt']),
    script,
    user: Array.from({ length: random.between(0, 7) }, () => userSteps(random, entry, role)).flat(),
  };
  // What is above the rate limit comes later, and that is all.
  if (RATES[entry] !== undefined) Object.assign(program, { rate: random.of(RATES[entry]) });
  return random.once(3) ? withCompression(random, program) : program;
}

// ——— the peer

const PEER_ENDS = [
  (random) => ({ do: 'close', code: random.of([1000, 1001, 3000, undefined]), reason: '' }),
  () => ({ do: 'close', code: 4000, reason: 'enough' }),
  () => ({ do: 'fin' }),
  () => ({ do: 'rst' }),
  () => ({ do: 'rst' }),
];

function peerStep(random) {
  return random.weighted([
    [12, frames],
    [2, () => ({ do: 'wait', turns: random.between(1, 12) })],
    [3, () => ({ do: 'marker' })],
    [2, () => ({ do: 'heard', frames: random.between(1, 20) })],
    [1, () => ({ do: 'stop' })],
    [1, () => ({ do: 'read' })],
    [1, () => ({ do: 'slow' })],
  ])(random);
}

function frames(random) {
  return random.weighted([
    [14, fewFrames],
    [6, burst],
    [2, pingsBetween],
    [1, flood],
  ])(random);
}

function size(random) {
  if (random.once(40)) return random.of(LONG);
  return random.once(3) ? random.of(SIZES) : random.below(60);
}

function message(random) {
  const item = { op: random.of(['text', 'bytes']), size: size(random) };
  if (random.once(5)) Object.assign(item, { parts: random.between(2, 4), between: random.once(2) });
  return item;
}

function cuts(random) {
  if (!random.once(3)) return {};
  return { cut: random.of([1, 7, 100, 1000, 65_536]), paced: random.once(2) };
}

function fewFrames(random) {
  const list = Array.from({ length: random.between(1, 4) }, () =>
    random.once(4) ? { op: random.of(['ping', 'ping', 'pong']), size: random.of([0, 4, 125]) } : message(random),
  );
  return bounded({ do: 'frames', list, times: random.between(1, 3), ...cuts(random) });
}

function burst(random) {
  const list = [{ op: random.of(['text', 'bytes']), size: random.below(40) }];
  if (random.once(4)) list.push({ op: 'ping', size: 4 });
  const times = random.of([20, 127, 128, 129, 200, 500, 2000, 5000]);
  return bounded({ do: 'frames', list, times, ...(random.once(4) ? cuts(random) : {}) });
}

function pingsBetween(random) {
  const list = [
    { op: 'ping', size: 4 },
    { op: 'bytes', size: 4096 },
  ];
  return { do: 'frames', list, times: random.of([20, 100, 400]) };
}

/** More than anybody may hold. */
function flood(random) {
  const length = random.of([1000, 16_000, 65_536, 1_048_576]);
  return { do: 'frames', list: [{ op: 'bytes', size: length }], times: Math.ceil(9_000_000 / (length + 400)) };
}

/** Not more writes than a quick test has time for. */
function bounded(step) {
  if (step.cut === undefined) return step;
  const bytes = step.times * step.list.reduce((sum, { size: length }) => sum + length + 14, 0);
  const writes = step.paced ? 60 : 400;
  return { ...step, cut: Math.max(step.cut, Math.ceil(bytes / writes)) };
}

// ——— the user

/** What a user sends before ending the connection at once, in the same turn. */
export const LAST_SEND = { do: 'send', kind: 'bytes', size: 100, times: 1, wantsCall: true };

const ENDS = ['close', 'terminate', 'destroy', 'hangup'];

/** One step, or a last message and the end. */
function userSteps(random, entry, role) {
  const step = userStep(random, entry, role);
  if (!ENDS.includes(step.do) || random.once(2)) return [step];
  const { at, n, turn } = step;
  return [{ at, n, turn, ...LAST_SEND, times: random.between(1, 3) }, step];
}

function userStep(random, entry, role) {
  const steps = role === 'client' && entry === 'await' ? NO_THROWS : STEPS[entry];
  const step = random.weighted(steps)(random);
  const at = place(random, entry, step);
  return { ...at, turn: step.do === 'throw' || !random.once(2) ? 'same' : random.of(TURNS), ...step };
}

/** Where a step may throw. */
const THROWS = {
  ws: ['message', 'ping', 'sent', 'close'],
  serve: ['message', 'ping', 'pong', 'open'],
  await: ['message'],
};
const VARIANTS = {
  ws: ['', '', '', '', 'async', 'receiver'],
  npm: ['', '', '', '', 'receiver'],
  serve: ['', 'shared', 'shared', 'zeroCopy', 'bytes'],
  await: ['', 'own socket'],
};

const RATES = {
  serve: ['none', 'none', 'none', 'generous', 'tight', 'tight'],
  await: ['none', 'none', 'none', 'generous', 'tight', 'tight'],
};

function place(random, entry, step) {
  if (step.do === 'throw') {
    return { at: random.of(THROWS[entry]), n: random.below(3) };
  }
  const at = random.weighted([
    [4, 'open'],
    [4, 'message'],
    [1, 'ping'],
    [1, 'pong'],
    [2, 'sent'],
    [1, 'data'],
    // There is no WebSocket yet.
    ...(step.do.startsWith('data') || step.do === 'readNothing' ? [[8, 'connection']] : []),
    [1, 'close'],
    [2, 'time'],
  ]);
  if (at === 'open' || at === 'close' || at === 'connection') return { at, n: 0 };
  return { at, n: at === 'message' && random.once(3) ? random.below(300) : random.below(10) };
}

const send = (kinds) => (random) => ({
  do: 'send',
  kind: random.of(kinds),
  size: size(random),
  times: random.weighted([
    [8, 1],
    [2, 2],
    [1, random.between(3, 20)],
  ]),
  wantsCall: !random.once(4),
});

/** As `burst` and `flood`, the other way. */
const sendMuch = (random) => ({
  do: 'send',
  kind: 'bytes',
  size: random.of([10, 1000, 65_536]),
  times: random.of([100, 200]),
  wantsCall: random.once(2),
});

const plain = (what) => () => ({ do: what });
const close = (random) => ({ do: 'close', code: random.of([1000, 3000, undefined]), reason: '' });
const throws = plain('throw');
const SHARED = [
  [3, plain('pause')],
  [3, plain('resume')],
  [1, close],
];
const SOCKET = [
  [2, plain('dataOn')],
  [2, plain('dataOnce')],
  [2, plain('dataOff')],
  [1, plain('readNothing')],
];
const NPM = [
  ...SHARED,
  ...SOCKET,
  [10, send(['text', 'bytes', 'bytes', 'blob', 'ping'])],
  [1, sendMuch],
  [2, plain('socketPause')],
  [2, plain('socketResume')],
  [1, plain('terminate')],
  [1, plain('destroy')],
];
/** What others publish, and what is encoded beforehand, leaves from memory that connections share. */
const sendShared = (random) => ({ ...send(['text', 'bytes'])(random), via: random.of(['publish', 'prepare']) });
const WASOCK = [
  ...SHARED,
  ...SOCKET,
  [8, send(['text', 'bytes', 'ping'])],
  [1, sendMuch],
  [1, plain('hangup')],
  [1, throws],
];
const consume = (random) => ({ do: 'consume', pace: random.of(['loop', ...TURNS]) });
const STEPS = {
  npm: NPM,
  ws: [...NPM, [1, throws]],
  serve: [...WASOCK, [4, sendShared]],
  await: [...WASOCK, [6, plain('receive')], [3, consume]],
};
/** Nobody is told what the code that awaits a client throws. */
const NO_THROWS = STEPS.await.filter(([, step]) => step !== throws);
