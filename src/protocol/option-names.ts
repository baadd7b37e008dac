/** What some options of npm `ws`, uWebSockets.js and socket.io are called here. */
const NAMES_ELSEWHERE: Readonly<Record<string, string>> = {
  cors: 'allowedOrigins',
  handleProtocols: 'upgrade',
  heartbeatInterval: 'pingInterval',
  maxHttpBufferSize: 'maxPayload',
  maxPayloadLength: 'maxPayload',
  origins: 'allowedOrigins',
  perMessageDeflate: 'compression',
  sendPingsAutomatically: 'pingInterval',
  verifyClient: 'upgrade',
};

/**
 * Checks the own properties of options.
 *
 * @param where what the options belong to, for the error
 * @throws TypeError with the first name that is not among `names`, and the nearest that is
 */
export function checkNames(where: string, options: object, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!names.includes(name))
      throw new TypeError(`${where} has no option ${JSON.stringify(name)}${hintFor(name, names)}`);
  }
}

function hintFor(name: string, names: readonly string[]): string {
  const nearest = nearestName(name, names);
  if (nearest !== undefined) return `: did you mean ${JSON.stringify(nearest)}?`;
  return names.length > MOST_LISTED ? '' : `, only ${names.join(', ')}`;
}

/** An error lists no more names than this. */
const MOST_LISTED = 8;

function nearestName(name: string, names: readonly string[]): string | undefined {
  const elsewhere = Object.hasOwn(NAMES_ELSEWHERE, name) ? NAMES_ELSEWHERE[name] : undefined;
  if (elsewhere !== undefined && names.includes(elsewhere)) return elsewhere;
  const wanted = plainName(name);
  const distances = names.map((each) => editDistance(wanted, plainName(each)));
  const least = Math.min(...distances);
  return least <= wanted.length / 3 ? names[distances.indexOf(least)] : undefined;
}

/** `onMessage` is meant as `message`. */
function plainName(name: string): string {
  return name.replace(/^on(?=[A-Z])/, '').toLowerCase();
}

/** How many characters must be inserted, deleted or replaced to make `from` of `to` (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1];
    for (let k = 0; k < to.length; k++) {
      next.push(Math.min(row[k] + Number(from[i] !== to[k]), row[k + 1] + 1, next[k] + 1));
    }
    row = next;
  }
  return row[to.length];
}
