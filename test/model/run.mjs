// The model test, on any Node and on what was built:
//
//   node test/model/run.mjs --minutes 1 [--seed N] [--entry ws|wasock|serve|await|npm|all] [--build DIR] [--goOn] [--quick] [--only RULES]
//   node test/model/run.mjs --replay 'JSON'
//
// `--entry npm` runs npm ws alone, which shows whether the model is right about it. `--goOn` does not stop at the first finding,
// but reports the first of each kind. `--quick` does not shrink. `--only` leaves out what breaks other rules than these, with commas
// between them. The exit code is 1 if there was a finding.

import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { play } from './play.mjs';
import { newProgram } from './program.mjs';
import { Random } from './random.mjs';
import { current } from './session.mjs';
import { shrink } from './shrink.mjs';
import { AwaitSubject } from './subject-await.mjs';
import { ServeSubject } from './subject-serve.mjs';
import { NPM_WS, WASOCK_WS, WsSubject } from './subject-ws.mjs';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const { values: args } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() & 0x7fff_ffff) },
    entry: { type: 'string', default: 'all' },
    build: { type: 'string', default: path.join(ROOT, 'build') },
    replay: { type: 'string' },
    goOn: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
});

/** Milliseconds for what should come: at first, and for those that are to be shrunk. */
const PATIENCE = 5000;
const LESS_PATIENCE = 700;

const ENTRIES = { all: ['ws', 'serve', 'await'], wasock: ['serve', 'await'] };

/** Whatever nobody has caught belongs to the session under way. */
function onUncaught(error) {
  if (current.session !== null) return current.session.ledger.onUncaught(error);
  console.error('Uncaught, after the end of its program:', error);
  process.exit(1);
}
process.on('uncaughtException', onUncaught);
process.on('unhandledRejection', onUncaught);

const load = (file) => import(pathToFileURL(path.resolve(args.build, file)).href);
const wasock = await load('index.mjs');
const npm = new WsSubject(await import('ws'), NPM_WS);
const subjects = {
  ws: new WsSubject(await load('ws.mjs'), WASOCK_WS),
  serve: new ServeSubject(wasock),
  await: new AwaitSubject(wasock),
  npm,
};

/** Runs a program, on npm ws as well if that can be compared. @returns what was found */
async function findingsOf(program, patience) {
  const { findings, digest } = await play(program, subjects[program.entry], patience);
  // npm ws does not read on after a listener has thrown, and reads on after a Close where each event has its turn.
  const isAlike = program.user.every((step) => step.do !== 'throw') && program.variant !== 'async';
  const isComparable = program.entry === 'ws' && isAlike;
  if (findings.length > 0 || !isComparable) return findings;
  const twin = await play(program, npm, patience);
  if (twin.findings.length > 0) return [];
  return Object.keys(digest)
    .filter((name) => digest[name] !== null && twin.digest[name] !== null)
    .map((name) => ({ name, ours: JSON.stringify(digest[name]), theirs: JSON.stringify(twin.digest[name]) }))
    .filter(({ ours, theirs }) => ours !== theirs)
    .map(({ name, ours, theirs }) => ({ rule: 'as npm ws', detail: `${name}: ${ours}, npm ws ${theirs}` }));
}

/** Whether it is one of the rules that were asked for. */
function isAsked({ rule }) {
  return args.only === '' || args.only.split(',').includes(rule);
}

async function report(title, program, { rule, detail }) {
  const fails = async (simpler) => (await findingsOf(simpler, LESS_PATIENCE)).some((found) => found.rule === rule);
  console.log(`\n${title}\n  ${rule}: ${detail}`);
  if (args.quick) return console.log(`Not shrunk:\n  node test/model/run.mjs --replay '${JSON.stringify(program)}'`);
  const smallest = await shrink(program, fails);
  console.log(`Shrunk; to repeat it:\n  node test/model/run.mjs --replay '${JSON.stringify(smallest)}'`);
}

/** @returns whether there was no finding */
async function runAll() {
  const seed = Number(args.seed);
  const entries = ENTRIES[args.entry] ?? [args.entry];
  const deadline = performance.now() + Number(args.minutes) * 60_000;
  const rules = new Set();
  let number = 0;
  for (; performance.now() < deadline; number++) {
    const program = newProgram(new Random(seed, number), entries[number % entries.length]);
    const findings = await findingsOf(program, PATIENCE);
    const isNew = ({ rule }) => !rules.has(`${program.entry} ${rule}`);
    const finding = findings.find((found) => isNew(found) && isAsked(found));
    if (finding === undefined) continue;
    rules.add(`${program.entry} ${finding.rule}`);
    await report(`Program ${number} of seed ${seed}, ${program.entry} on Node ${process.version}:`, program, finding);
    if (!args.goOn) break;
  }
  console.log(`model: ${number} programs of seed ${seed} on Node ${process.version}, ${rules.size} findings`);
  return rules.size === 0;
}

/** What fails by chance is given several. @returns whether there was no finding */
async function replay(program) {
  for (let i = 0; i < 10; i++) {
    const findings = await findingsOf(program, PATIENCE);
    for (const { rule, detail } of findings) console.log(`${rule}: ${detail}`);
    if (findings.length > 0) return false;
  }
  console.log('model: no finding in 10 runs');
  return true;
}

const isClean = args.replay === undefined ? await runAll() : await replay(JSON.parse(args.replay));
process.exit(isClean ? 0 : 1);
