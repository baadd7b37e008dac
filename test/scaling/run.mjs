// Three server processes, their sockets, and a broker that fails at random, against a model:
//
//   node test/scaling/run.mjs --schedules 200 [--seed N] [--broker redis|nats|cluster] [--sockets 300] [--steps 12] [--build DIR]
//
// Each subscriber has to get the messages of each publisher and topic in order, each at most once and whole. A hole has to be told,
// and at the end everything has to come again. With `--steps 0` nothing fails, and everything has to come. The exit code is 1
// if something was wrong; `--seed` of the line that says so, with `--schedules 1`, plays it again.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Schedule } from './schedule.mjs';

const { values: args } = parseArgs({
  options: {
    schedules: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() & 0x7fff_ffff) },
    broker: { type: 'string' },
    sockets: { type: 'string', default: '300' },
    steps: { type: 'string', default: '12' },
    build: { type: 'string', default: path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../build') },
  },
});

const isThere = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
const kinds = args.broker
  ? [args.broker]
  : ['cluster', ...['redis', 'nats'].filter((name) => isThere(`${name}-server`))];

const first = Number(args.seed);
let findings = 0;
for (let i = 0; i < Number(args.schedules); i++) {
  const seed = first + i;
  const kind = kinds[seed % kinds.length];
  const started = performance.now();
  const schedule = new Schedule(kind, seed, { build: args.build, sockets: Number(args.sockets) });
  const problems = await schedule.play(Number(args.steps));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (problems.length > 0) findings++;
  const outcome = problems.length === 0 ? 'well' : `${problems.length} problems`;
  console.log(
    `scaling: --seed ${seed} --broker ${kind} --steps ${args.steps}: ${outcome}, ${seconds} s [${schedule.log.join(' ')}]`,
  );
  for (const problem of problems.slice(0, 8)) console.log(`    ${problem}`);
}
console.log(
  `scaling: ${args.schedules} schedules from seed ${first} on Node ${process.version}, ${findings} with findings`,
);
process.exit(findings > 0 ? 1 : 0);
