/** The source of a folder: paths relative to it, with `/`, and what is in the files. */
export type Sources = ReadonlyMap<string, string>;

/** What sockets are built on: no room below `net` knows more of the project than these. */
const PURE = ['protocol', 'handshake', 'deflate', 'codec'] as const;

const NET = ['net', 'net/reading', 'net/writing', 'net/timing', 'net/opening', 'net/transport', 'net/node'] as const;

/** Rooms that the files of a room may import besides their own; see docs/architecture.md. */
const ARROWS: Record<string, readonly string[]> = {
  // src/*.ts and src/*.mts
  entry: ['api', 'ws', 'broker', ...NET, ...PURE],
  api: ['broker', ...NET, ...PURE],
  broker: ['protocol'],
  ws: ['ws/wire', 'ws/opening', 'ws/compression', 'ws/events', ...NET, ...PURE],
  'ws/wire': ['ws/opening', 'ws/compression', ...NET, ...PURE],
  'ws/opening': ['ws/compression', ...NET, ...PURE],
  'ws/compression': PURE,
  'ws/events': [],
  net: ['net/reading', 'net/writing', 'net/timing', 'net/transport', 'net/node', ...PURE],
  'net/opening': ['net/timing', 'net/transport', 'net/node', ...PURE],
  'net/reading': ['net/transport', 'net/node', ...PURE],
  'net/writing': ['net/transport', 'net/node', ...PURE],
  'net/timing': PURE,
  'net/transport': ['net/node', ...PURE],
  'net/node': PURE,
  protocol: ['codec'],
  handshake: ['codec'],
  deflate: ['codec'],
  codec: [],
};

/** Files that rooms share which may not know each other's rooms, and who shares them. */
const SHARED_FILES: readonly { readonly files: readonly string[]; readonly by: readonly string[] }[] = [
  {
    files: ['protocol/opcode.ts', 'protocol/close-code.ts', 'protocol/errors.ts', 'protocol/quoted.ts'],
    by: ['handshake', 'deflate'],
  },
  { files: ['ws/payload.ts', 'ws/ready-state.ts', 'ws/sender.ts'], by: ['ws/wire', 'ws/opening'] },
  { files: ['ws/permessage-deflate.ts'], by: ['ws/opening', 'ws/compression'] },
  { files: ['ws/extension.ts'], by: ['ws/opening'] },
];

/** Without sockets, streams, timers and zlib: bytes in, bytes or an outcome out. */
const SANS_IO_ROOMS = ['codec', 'protocol', 'handshake'];
/** What a file of theirs imports all the same. */
const IO_ALLOWED: Readonly<Record<string, string>> = {
  // The synchronous calls alone: bytes in, bytes out, and no stream. Without WebAssembly nothing else is fast enough.
  'codec/zlib-deflate.ts': 'node:zlib',
};
/** Packages that only those need who use a part: each is loaded by one file, when it is first used. */
const PEER_DEPENDENCIES: Readonly<Record<string, string>> = { 'broker/nats.ts': '@nats-io/transport-node' };
const IO_MODULES = /^node:(net|tls|https?|http2|stream|zlib|timers|events|dgram|dns|fs|child_process)(\/|$)/;

/** The room that may name what is private to Node. */
const FENCE = 'net/node/';

/** What of Node is used though it is not documented, and the versions on which it was seen. */
const PRIVATE_MEMBERS: Readonly<Record<string, string>> = {
  _addHeaderLines: '20 to 26: http.IncomingMessage',
  _connections: '20 to 26: net.Server',
  _handle: '20 to 26: net.Socket, net.Server, tls.TLSSocket',
  _httpMessage: '20 to 26: the socket of a response',
  _parent: '20 to 26: the handle under TLS',
  getAsyncId: '20 to 25: a request to write',
  getOwnPropertySymbols: 'the way to what is kept under symbols',
  getpeername: '20 to 26: the handle of a socket',
  onIncoming: '20 to 22.20, 24.0 to 24.8: the parser of a socket',
  onconnection: '20 to 26: the handle of a server',
  pauseOnCreate: '20 to 26: an option of net.Socket',
  pauseOnConnect: '20 to 26: net.Server, documented as an option only',
  onread: '20 to 26: the handle of a socket',
  readStart: '20 to 26: the handle of a socket',
  parser: '20 to 22.20, 24.0 to 24.8: the socket of a request',
  shouldUpgradeCallback: '22.21, 24.9 to 26: http.Server, documented as an option only',
  useUserBuffer: '20 to 26: the handle of a socket',
  writeBuffer: '20 to 26: the handle of a socket',
  writeQueueSize: '20 to 26: the handle of a socket',
  writeStatus: '26: a request to write',
};

/** Names that say nothing about what is in the file. */
const EMPTY_NAMES = /(^|\/)(utils?|types?|helpers?|common|misc)(\.m?ts$|\/)/;

/** Lines of a class, and of a function. */
const MAX_CLASS = 350;
const MAX_FUNCTION = 60;

/** A file below this has two importers, or is what users import. */
const SMALL_FILE = 40;

interface Import {
  readonly from: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** Takes the comments out, so that an example in a docstring is not read as code. */
function withoutComments(source: string): string {
  const stringOrComment = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/.*|\/\*[\s\S]*?\*\//g;
  return source.replace(stringOrComment, (token) => (token.startsWith('/') ? ' ' : token));
}

/** Every import of a file, in any form: statements, re-exports, `import()` in code and in types, `require()`. */
export function importsOf(from: string, source: string): Import[] {
  const code = withoutComments(source);
  const statement = /^[ \t]*(?:import|export)\b([^'"`;=()]*?)\bfrom\s*['"]([^'"]+)['"]/gm;
  const bare = /^[ \t]*(import)\s*['"]([^'"]+)['"]/gm;
  const call = /\b(import|require)\s*\(\s*['"`]([^'"`]+)['"`]/g;
  return [statement, bare, call].flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => ({
      from,
      specifier: match[2],
      typeOnly: /^\s*type\b/.test(match[1]),
    })),
  );
}

function roomOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : 'entry';
}

/** The file that a relative specifier means: `./a.js` is written for `a.ts`. */
function targetOf({ from, specifier }: Import): string {
  const target = new URL(specifier, `file:///${from}`).pathname.slice(1);
  return target.replace(/\.(m?)js$/, '.$1ts');
}

function foreignImportProblem({ from, specifier, typeOnly }: Import): string | undefined {
  const room = roomOf(from);
  if (specifier.startsWith('node:')) {
    // The type of a header list is no input or output.
    const isAllowed = IO_ALLOWED[from] === specifier || (typeOnly && room === 'handshake');
    const isIo = IO_MODULES.test(specifier) && !isAllowed;
    return isIo && SANS_IO_ROOMS.includes(room) ? `${from} imports ${specifier}: ${room} is without I/O` : undefined;
  }
  if (specifier === '#wasm-bytes' && room === 'codec') return undefined;
  if (PEER_DEPENDENCIES[from] === specifier) return undefined;
  return `${from} imports ${specifier}: neither its own nor Node's`;
}

function arrowProblem(imported: Import, sources: Sources): string | undefined {
  if (!/^\.\.?\//.test(imported.specifier)) return foreignImportProblem(imported);
  const { from, specifier } = imported;
  const target = targetOf(imported);
  if (!sources.has(target)) return `${from} imports ${specifier}, which does not exist`;
  const [room, targetRoom] = [roomOf(from), roomOf(target)];
  if (!(room in ARROWS)) return `${from} is in no room of the design`;
  if (room === targetRoom || ARROWS[room].includes(targetRoom)) return undefined;
  if (SHARED_FILES.some(({ files, by }) => by.includes(room) && files.includes(target))) return undefined;
  return `${from} imports ${target}: ${room} may not know ${targetRoom}`;
}

/** One line for every import that points the wrong way. */
export function layeringProblems(sources: Sources): string[] {
  const imports = [...sources].flatMap(([file, source]) => importsOf(file, source));
  const arrows = imports.map((imported) => arrowProblem(imported, sources));
  return [...arrows.filter((problem) => problem !== undefined), ...cycles(sources)];
}

/** Import cycles, type imports included: files that know each other are one file in two pieces. */
function cycles(sources: Sources): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]) => {
    if (trail.includes(file)) found.push(`a cycle: ${[...trail.slice(trail.indexOf(file)), file].join(' -> ')}`);
    if (trail.includes(file) || done.has(file)) return;
    for (const imported of importsOf(file, sources.get(file) ?? '')) {
      if (imported.specifier.startsWith('.')) visit(targetOf(imported), [...trail, file]);
    }
    done.add(file);
  };
  for (const file of sources.keys()) visit(file, []);
  return found;
}

/** One line for every file whose name or content the house rules forbid. */
export function fileProblems(sources: Sources): string[] {
  return [...sources].flatMap(([file, source]) => [
    ...(EMPTY_NAMES.test(file) ? [`${file}: a file is named by one noun of the RFC or of the transport`] : []),
    ...blocksOf(source)
      .filter(({ lines, most }) => lines > most)
      .map(({ name, lines, most }) => `${file}: ${name} has ${lines} lines, ${most} at most`),
  ]);
}

/** One line for every file that takes random numbers from where they can be predicted; also in a comment, so that none is left by mistake. */
export function randomnessProblems(sources: Sources): string[] {
  const guessable = /Math\s*(\??\.|\[\s*['"`])\s*random|\bpseudoRandomBytes\b|\brandom\b[^;=]*\}\s*=\s*Math\b/;
  return [...sources].flatMap(([file, source]) =>
    guessable.test(source) ? [`${file}: Math.random is no source of keys, masks or jitter here`] : [],
  );
}

/** One line for every file that asks for the time of day, which jumps. */
export function clockProblems(sources: Sources): string[] {
  return [...sources].flatMap(([file, source]) =>
    /\bDate\b/.test(withoutComments(source)) ? [`${file}: Date jumps; deadlines are on performance.now()`] : [],
  );
}

/** The classes, functions and methods of a formatted file: each ends at the brace that stands below its beginning. */
function blocksOf(source: string): { name: string; lines: number; most: number }[] {
  const lines = source.split('\n');
  return lines.flatMap((line, start) => {
    const isClass = /^(export )?(abstract )?class \w/.test(line);
    const isFunction =
      /^(export )?(async )?function|^ {2}(?!(if|for|while|switch|return|try)\b)[\w#][\w #<>,]*\(.*\{$/.test(line);
    if (!isClass && !isFunction) return [];
    const indent = line.match(/^ */)![0];
    const signature = lines
      .slice(start)
      .find((other, i) => (i === 0 || other.startsWith(`${indent})`)) && /[;{]$/.test(other));
    // An overload has no body.
    if (signature?.endsWith(';')) return [];
    const length = lines.slice(start).findIndex((other) => other.startsWith(`${indent}}`)) + 1;
    return [{ name: line.trim(), lines: length, most: isClass ? MAX_CLASS : MAX_FUNCTION }];
  });
}

/** One line for every private member of Node that is named outside the fence, and for every one in the list that is named nowhere. */
export function fenceProblems(sources: Sources): string[] {
  const named = (source: string, name: string) => new RegExp(`\\b${name}\\b`).test(withoutComments(source));
  return Object.keys(PRIVATE_MEMBERS).flatMap((name) => {
    const files = [...sources].filter(([, source]) => named(source, name)).map(([file]) => file);
    const outside = files.filter((file) => !file.startsWith(FENCE));
    if (files.length === 0) return [`${name}: in the list, and named nowhere`];
    return outside.map((file) => `${file} names ${name}, which is private to Node ${PRIVATE_MEMBERS[name]}`);
  });
}

/** One line for every small file that only one other reads: it belongs into that one. */
export function smallFileProblems(sources: Sources): string[] {
  const importers = new Map<string, Set<string>>();
  for (const [file, source] of sources) {
    for (const imported of importsOf(file, source)) {
      if (!imported.specifier.startsWith('.')) continue;
      const target = targetOf(imported);
      importers.set(target, (importers.get(target) ?? new Set()).add(file));
    }
  }
  return [...sources].flatMap(([file, source]) => {
    const readers = [...(importers.get(file) ?? [])];
    const lines = source.trimEnd().split('\n').length;
    const isPublic = roomOf(file) === 'entry' || readers.some((reader) => roomOf(reader) === 'entry');
    if (lines >= SMALL_FILE || readers.length >= 2 || isPublic) return [];
    return [`${file}: ${lines} lines, and only ${readers.join()} imports it`];
  });
}

/**
 * One line for every source file without a test: `net/outbox.ts` wants `net/outbox.test.ts`, or an entry in `testedBy`.
 *
 * @param testFiles relative to test/
 * @param testedBy from a source file to the test file that tests it along with something else
 */
export function testProblems(
  sourceFiles: Iterable<string>,
  testFiles: ReadonlySet<string>,
  testedBy: Readonly<Record<string, string>>,
): string[] {
  const problems: string[] = [];
  const files = new Set(sourceFiles);
  for (const file of files) {
    const mirrored = file.replace(/\.ts$/, '.test.ts');
    if (/^index\.m?ts$/.test(file)) continue;
    if (!(file in testedBy)) {
      if (!testFiles.has(mirrored)) problems.push(`${file}: neither test/${mirrored} nor an entry in TESTED_BY`);
    } else if (testFiles.has(mirrored)) problems.push(`${file}: has test/${mirrored} and an entry in TESTED_BY`);
  }
  for (const [file, test] of Object.entries(testedBy)) {
    if (!files.has(file)) problems.push(`${file}: in TESTED_BY, but there is no such file`);
    if (!testFiles.has(test)) problems.push(`${file}: TESTED_BY names test/${test}, which does not exist`);
  }
  return problems;
}
