/** Judges a run that has come to its end, by the rules that hold of all of it. */
export function judge(session, subject) {
  const { ledger } = session;
  judgeCallbacks(ledger);
  // What else is wrong may follow from that.
  if (ledger.findings.length > 0) return;
  judgeTold(session, subject);
  judgeArrived(session);
  judgeClose(ledger);
  judgeErrors(ledger, subject);
}

/** Items of the peer that must have been told: all, those that were read before the end, or none in particular. */
function owedItems({ ledger, bytesRead }, { traits }) {
  const { items } = ledger;
  // After its own Close or failure an endpoint of `wasock` discards what comes.
  if (ledger.userEnd !== null && traits.discardsAfterEnd) return 0;
  if (!ledger.hasBroken) return items.length;
  if (bytesRead === undefined || !traits.tellsAllReceived) return 0;
  // What is thrown puts off the tick in which a stream, which a socket is without Node's private parts, tells what it has read.
  if (process.env.WASOCK_NODE === 'documented' && ledger.thrown.length > 0) return 0;
  const frameBytes = bytesRead - ledger.handshakeBytes;
  const beyond = items.findIndex(({ end }) => end > frameBytes);
  return beyond === -1 ? items.length : beyond;
}

function judgeTold(session, subject) {
  const { ledger } = session;
  const owed = owedItems(session, subject);
  if (ledger.told >= owed) return;
  const untold = ledger.items.slice(ledger.told, owed).filter(({ payload }) => subject.traits.tellsControl || !payload);
  if (untold.length === 0) return;
  const what = ledger.hasBroken ? 'what was received comes before the end' : 'every message';
  ledger.fail(what, `${untold.length} of ${owed} were not told`);
}

function judgeArrived({ ledger, peer }) {
  const { frames, arrived, traits } = ledger;
  if (arrived < ledger.owed && traits.isExactAtTheEnd) {
    ledger.fail('what was sent leaves before the end', `${arrived} of ${ledger.owed} frames came`);
  }
  if (ledger.hasBroken || mayBreak(ledger)) return;
  const isOrderly = !ledger.peerFin && (traits.throwsAreUncaught || ledger.thrown.length === 0);
  if (isOrderly && ledger.closeFrames !== 1)
    ledger.fail('a Close is answered', `${ledger.closeFrames} Close frames came`);
  if (peer.rest > 0) ledger.fail('frames', `${peer.rest} bytes of a frame that is not whole`);
  // What came of a frame after the peer's FIN only its callback knows.
  const isKnown = (send) => send.wantsCall || !ledger.peerFin;
  const lost = frames.slice(arrived).filter(({ send }) => send !== undefined && isKnown(send) && !send.error);
  if (lost.length > 0) ledger.fail('every frame', `${lost.length} of ${frames.length} did not come`);
}

/** In npm `ws` a Blob that is read, or a message that is compressed, when the peer's FIN comes breaks the connection: it is written after the end. */
function mayBreak({ traits, peerFin, sends }) {
  return !traits.isExactAtTheEnd && peerFin && sends.some(({ isLate }) => isLate);
}

function judgeCallbacks(ledger) {
  for (const { number, mustSucceed, error } of ledger.sends) {
    if (mustSucceed && error && !ledger.peerReset) {
      ledger.fail('success of what has left', `callback ${number}: ${error.message}`);
    }
  }
}

function judgeClose(ledger) {
  const { closes, userEnd, userCode, peerClose, peerReset, peerFin, traits } = ledger;
  const [{ code, reason }] = closes;
  const told = `${code} ${reason}`;
  const allowed = new Set();
  if (peerClose !== null) allowed.add(`${peerClose.code} ${peerClose.reason}`);
  const isFailed = !traits.throwsAreUncaught && ledger.thrown.length > 0;
  if (peerReset || peerFin || ledger.aborted || isFailed) allowed.add('1006 ');
  if (userEnd === 'throw') allowed.add('1011 ');
  if (userEnd === 'close') allowed.add(`${userCode.code} ${userCode.reason}`);
  if (!allowed.has(told)) {
    ledger.fail('close code and reason', `${told} in place of ${[...allowed].join(' or ')} (${traits.name})`);
  }
}

/** What was thrown goes to the process, or to the handler of errors, once. */
function judgeErrors(ledger, { traits }) {
  const heard = traits.throwsAreUncaught ? ledger.uncaught : ledger.toldErrors;
  for (const error of ledger.thrown) {
    const times = heard.filter((one) => one === error).length;
    if (times !== 1) ledger.fail('what is thrown is told once', `${error.message}: ${times} times`);
  }
}
