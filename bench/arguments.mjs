import { parseArgs } from 'node:util';
import { CONTESTANTS } from './contestants.mjs';
import { SCENARIOS } from './scenarios/all.mjs';
import { FEWEST_VALUES } from './statistics.mjs';

const ROUNDS = FEWEST_VALUES;
const ROUNDS_NEAR_ONE = 15;

export const USAGE = `npm run bench -- [options]

  --only NAME,…      scenarios by name, or rows that begin so; --list shows both
  --among NAME,…     only those of contestants.mjs that are named; nothing is written
  --quick            a minute's look: fewer servers, short rounds, nothing is written
  --node PATH        the Node that servers and clients run on, or a script that starts one; given
                     several times, each has a section of its own in the results (the running Node)
  --rounds N         rounds of each row (${ROUNDS}; ${ROUNDS_NEAR_ONE} where a goal is near 1)
  --seconds T        measured in each round (1), after 0.7 s of warm-up
  --cores S,L        the core of the servers and that of the load (0,1)
  --draw             measures nothing: draws the charts of the latest results again
  --list             lists scenarios and rows
  --help             this`;

const OPTIONS = {
  only: { type: 'string' },
  among: { type: 'string' },
  quick: { type: 'boolean', default: false },
  node: { type: 'string', multiple: true, default: [process.execPath] },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  cores: { type: 'string', default: '0,1' },
  draw: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

/** The arguments of the command line, checked; throws with what to do about wrong ones. */
export function readArguments(args = process.argv.slice(2)) {
  const { values } = parseArgs({ args, options: OPTIONS });
  const { quick, cores } = values;
  const [serverCore, loadCore] = cores.split(',').map((core) => number('--cores', core, 0));
  if (loadCore === undefined || serverCore === loadCore) throw new Error('--cores takes two different cores: 0,1');
  return {
    ...values,
    serverCore,
    loadCore,
    rounds: number('--rounds', values.rounds ?? (quick ? 3 : ROUNDS), 1),
    roundsNearOne: values.rounds || quick ? 1 : ROUNDS_NEAR_ONE,
    seconds: number('--seconds', values.seconds ?? (quick ? 0.3 : 1), 0.1),
    scenarios: choose(values.only),
    among: contestants(values.among),
  };
}

function number(name, word, least) {
  const value = Number(word);
  if (!(value >= least)) throw new Error(`${name} takes a number of ${least} or more, not ${word}`);
  return value;
}

function contestants(among) {
  const names = among?.split(',').filter(Boolean);
  for (const name of names ?? []) {
    if (!(name in CONTESTANTS)) throw new Error(`--among ${name}: no such contestant; contestants.mjs has them`);
  }
  return names;
}

/** The scenarios, each with those of its rows that are asked for. */
function choose(only) {
  if (only === undefined) return SCENARIOS;
  const words = only.split(',').filter(Boolean);
  const isMeant = (scenario, row) => (word) => word === scenario.name || row.name.startsWith(word);
  for (const word of words) {
    if (SCENARIOS.some((scenario) => scenario.rows.some((row) => isMeant(scenario, row)(word)))) continue;
    throw new Error(`--only ${word}: no such scenario or row; --list shows them`);
  }
  return SCENARIOS.map((scenario) => ({
    ...scenario,
    rows: scenario.rows.filter((row) => words.some(isMeant(scenario, row))),
  })).filter(({ rows }) => rows.length > 0);
}
