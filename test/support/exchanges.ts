/** What a client of another make is to report of its exchanges with our server: the same words in every language. */
export type Report = Record<string, unknown>;

/** Payload lengths on both sides of each length form of §5.2; the last is `maxPayload`. */
export const LENGTHS = [0, 1, 125, 126, 65_535, 65_536, 1_048_576];

/** A reason of 123 octets, the most that a Close frame holds. */
export const LONGEST_REASON = `${'ö'.repeat(61)}.`;

/** Codes and reasons that any client may send. */
export const CLOSES: readonly (readonly [code: number, reason: string])[] = [
  [1000, ''],
  [1000, 'done'],
  [3000, 'bye'],
  [4999, 'Grüße 🌍'],
  [4000, LONGEST_REASON],
];

/** Those that only clients that are no browsers can send. */
export const MORE_CLOSES: typeof CLOSES = [
  [1001, 'leaving'],
  [1011, ''],
];

/** What our server closes with. */
export const OUR_CLOSES: typeof CLOSES = [...CLOSES, ...MORE_CLOSES, [1008, 'not here'], [1013, 'later']];

/** What every client reports. */
export const BY_ALL: Report = {
  'Text, ASCII': 'echoed',
  'Text, not ASCII': 'echoed',
  ...Object.fromEntries(LENGTHS.map((length) => [`Text of ${length} octets`, 'echoed'])),
  ...Object.fromEntries(LENGTHS.map((length) => [`Binary of ${length} octets`, 'echoed'])),
  '200 messages at once': 'echoed in order',
  'our Ping': 'pong: Are you there?',
  'subprotocols alpha, beta': 'beta',
  'permessage-deflate offered': true,
  'extensions agreed on': '',
  ...closesByThem(CLOSES),
  ...Object.fromEntries(OUR_CLOSES.map(([code, reason]) => [`our Close ${code} ${reason}`, { code, reason }])),
};

/** What those report that can close without a code. */
export const CLOSE_WITHOUT_CODE: Report = {
  'their Close without a code': { weSaw: { closeCode: 1005, reason: '', wasClean: true }, theySaw: 1005 },
};

/** What those report that are no browsers. */
export const BY_PROGRAMS: Report = {
  ...closesByThem(MORE_CLOSES),
  'their Text in fragments': 'echoed',
  'their Binary in fragments': 'echoed',
  'their Pings between fragments': 'answered',
};

function closesByThem(closes: typeof CLOSES): Report {
  return Object.fromEntries(
    closes.map(([code, reason]) => [
      `their Close ${code} ${reason}`,
      { weSaw: { closeCode: code, reason, wasClean: true }, theySaw: code },
    ]),
  );
}
