import { Ledger } from './ledger.mjs';
import { current, Session } from './session.mjs';
import { judge } from './verdict.mjs';

/** Bytes with which a paused stream goes on reading, on every Node. */
const READ_THOUGH_PAUSED = 4096;
/** Turns from the arrival of a frame to its callback: a few. */
const TURNS_UNTIL_CALLED = 50;

let number = 0;

/**
 * Runs a program on a subject.
 *
 * @param patience milliseconds after which what does not come counts as missing
 * @returns {{ findings: { rule: string, detail: string }[], digest: object }} what was found, and what can be compared
 */
export async function play(program, subject, patience = 4000) {
  const ledger = new Ledger(subject.traits);
  const session = new Session(number++, program, ledger, (...args) => subject.act(...args));
  ledger.writesAtOnce = program.transport === 'tcp';
  current.session = session;
  try {
    await subject.open(session);
    await through(session, subject, patience);
    judge(session, subject);
  } catch (error) {
    ledger.fail('harness', error?.stack ?? String(error));
  } finally {
    subject.abandon(session);
    session.peer?.destroy();
    await session.settle();
    current.session = null;
  }
  return { findings: ledger.findings, digest: digestOf(ledger, program) };
}

async function through(session, subject, patience) {
  const { ledger } = session;
  const expect = async (rule, holds, detail = () => '') => {
    if (await session.until(holds, patience)) return true;
    ledger.fail(rule, detail());
    return false;
  };
  const isClosed = () => ledger.closes.length > 0;
  if (!(await expect('opens', () => session.peer !== null && (ledger.isOpen || isClosed())))) return;

  await perform(session, patience);
  if (ledger.peerReset && ledger.isPaused && mustSeeReset(session, subject)) {
    await expect('RST is seen while paused', isClosed);
  }
  session.peer.readOn();
  const release = () => subject.release(session);
  release();
  const comes = async (rule, holds, detail) => {
    const releasing = () => {
      if (ledger.isPaused) release();
      return session.isEnding || holds();
    };
    return await expect(rule, releasing, detail);
  };
  const arrival = () => `${ledger.arrived} of ${ledger.frames.length} frames came`;
  const ok =
    (await comes(
      'every message',
      () => ledger.allTold,
      () => `${ledger.untold} were not told`,
    )) &&
    (await comes('every frame', () => ledger.arrived >= ledger.frames.length, arrival)) &&
    (await comes(
      'every Ping is answered',
      () => !lacksPong(ledger),
      () => `the last of ${ledger.pongs.length} was not`,
    )) &&
    (await callbacksInTime(session, patience)) &&
    (await comes(
      'every promise',
      () => openPromises(ledger).length === 0,
      () => openPromises(ledger).join(', '),
    ));
  if (!ok) return;
  if (!session.isEnding) {
    const { finale } = session.program;
    if (finale === 'peer') session.peer.close(3001, Buffer.from('finale'));
    else if (finale === 'user') subject.finish(session);
    else for (const step of subject.lastSteps) subject.act(session, step);
  }
  const closed = () => {
    if (ledger.isPaused && !isClosed()) release();
    return isClosed();
  };
  if (!(await expect('closes', closed, () => `state ${session.ws?.readyState}, ${arrival()}`))) return;
  if (!mayForget(session, subject))
    await expect(
      'every callback at the end',
      () => missingCalls(ledger).length === 0,
      () => missing(ledger),
    );
  await expect(
    'every promise at the end',
    () => subject.unsettled(session).length === 0,
    () => subject.unsettled(session).join(', '),
  );
  await expect('the TCP connection ends', () => session.peer.closed || session.peer.ended);
  await session.settle();
}

/** What has arrived has left: its callbacks are due, as turns go, not as time does. @returns whether they come */
async function callbacksInTime(session, patience) {
  const { ledger } = session;
  const deadline = performance.now() + patience;
  for (let turns = 0; turns < TURNS_UNTIL_CALLED && performance.now() < deadline; ) {
    if (session.isEnding || missingCalls(ledger).length === 0) return true;
    await session.turn();
    turns = ledger.arrived < ledger.frames.length ? 0 : turns + 1;
  }
  ledger.fail('callbacks in time', missing(ledger));
  return false;
}

/** The peer plays its script, and the user's steps happen at their places. */
async function perform(session, patience) {
  const { ledger, program } = session;
  const last = Math.max(0, ...program.user.filter(({ at }) => at === 'time').map(({ n }) => n));
  const deadline = performance.now() + patience;
  for (let turns = 0; performance.now() < deadline; turns++) {
    if (ledger.closes.length === 0) session.place('time');
    await session.turn();
    if (turns > last && session.pending === 0 && session.peer.played) break;
  }
  await session.settle();
}

/**
 * Whether the RST is so near to what was read that a paused socket comes upon it. Over TLS, and with nothing that is private to
 * Node, a paused stream keeps what it has read: libuv tells of an RST that follows data as if it were FIN, and the stream tells
 * nothing before that data is taken.
 */
function mustSeeReset({ ledger, program }, { traits }) {
  const unread = ledger.written - ledger.toldBytes;
  const isStream = program.transport === 'tls' || process.env.WASOCK_NODE === 'documented';
  const isNear = isStream ? unread === 0 : unread < READ_THOUGH_PAUSED;
  return isNear && traits.readsThoughPaused;
}

/** Of the Pongs that wait together only the last is sure to be sent. */
function lacksPong({ pongs, lastPong }) {
  return pongs.length > 0 && !(lastPong?.equals(pongs.at(-1)) ?? false);
}

function missingCalls({ sends }) {
  return sends.filter(({ wantsCall, calls }) => wantsCall && calls === 0);
}

function missing(ledger) {
  const numbers = missingCalls(ledger).map(({ number }) => number);
  return `callbacks ${numbers.join(', ')} did not come, of ${ledger.sends.length} sends`;
}

/** npm `ws` forgets callbacks of what waits for a Blob or for zlib when the connection ends at once. */
function mayForget({ ledger }, { traits }) {
  return !traits.isExactAtTheEnd && ledger.hasBroken && ledger.sends.some(({ isLate }) => isLate);
}

function openPromises({ promises }) {
  return promises.filter(({ settled, what }) => !settled && what.startsWith('send')).map(({ what }) => what);
}

/** What is the same for twins, where it does not depend on the time at which things happen. */
function digestOf({ closes, counts, userEnd, peerReset, aborted, thrown }, program) {
  const { code, reason } = closes[0] ?? {};
  const isOrderly = !peerReset && !aborted && thrown.length === 0;
  const { text, bytes, ping } = counts;
  return {
    end: isOrderly && endsOnce(program) ? `${code} ${reason}` : null,
    // A peer that hears of the end says no more.
    counts: isOrderly && userEnd === null ? { text, bytes, ping } : null,
  };
}

/** Whether the time at which a user closes does not decide who is the first to end the connection. */
function endsOnce({ user }) {
  return user.every((step) => step.do !== 'close');
}
