/** Milliseconds that shrinking may take. */
const TIME = 10_000;
/** What fails by chance only has so many chances. */
const TRIES = 3;

/**
 * Makes a failing program simpler as long as it fails in the same way.
 *
 * @param fails runs a program. @returns {Promise<boolean>} whether it fails in that way
 */
export async function shrink(program, fails) {
  const deadline = performance.now() + TIME;
  let smallest = program;
  for (let progress = true; progress; ) {
    progress = false;
    for (const simpler of simplerThan(smallest)) {
      if (performance.now() > deadline) return smallest;
      if (!(await failsOnce(simpler, fails))) continue;
      smallest = simpler;
      progress = true;
      break;
    }
  }
  return smallest;
}

async function failsOnce(program, fails) {
  for (let i = 0; i < TRIES; i++) if (await fails(program)) return true;
  return false;
}

/** Programs with something less, those with much less first. */
function* simplerThan(program) {
  for (const list of ['user', 'script']) {
    for (const shorter of shorterThan(program[list])) yield { ...program, [list]: shorter };
  }
  const plain = { compression: undefined, transport: 'tcp', early: false, variant: '', finale: 'user' };
  for (const [name, value] of Object.entries(plain)) {
    if (program[name] !== value && name in program) yield { ...program, [name]: value };
  }
  for (const compression of simplerCompression(program)) yield { ...program, compression };
  for (const list of ['script', 'user']) {
    for (const [i, step] of program[list].entries()) {
      for (const simpler of simplerSteps(step)) yield { ...program, [list]: program[list].with(i, simpler) };
    }
  }
}

function* simplerCompression({ compression }) {
  if (!compression) return;
  const simple = { takeover: false, windowBits: 15, level: 'fast', threshold: 0, asks: 'nothing' };
  for (const [name, value] of Object.entries(simple)) {
    if (compression[name] !== value) yield { ...compression, [name]: value };
  }
}

function* shorterThan(steps) {
  if (steps.length > 2) {
    const half = steps.length >> 1;
    yield steps.slice(0, half);
    yield steps.slice(half);
  }
  for (let i = 0; i < steps.length; i++) yield steps.toSpliced(i, 1);
}

/** Values that say less, by the name of what they belong to. */
const SIMPLER = {
  turn: () => ['same'],
  n: (n) => [0, n >> 1, n - 1].filter((less) => less >= 0 && less < n),
  times: (times) => [1, times >> 1, times - 1].filter((less) => less > 0 && less < times),
  turns: (turns) => [1, turns >> 1].filter((less) => less > 0 && less < turns),
  size: (size) => [1, size >> 2, size >> 1].filter((less) => less < size),
  cut: () => [undefined],
  paced: () => [undefined],
  parts: () => [undefined],
  between: () => [undefined],
  wantsCall: (wants) => (wants ? [false] : []),
  deflate: ({ level, ends }) => (level === 1 && !ends ? [undefined] : [undefined, { level: 1 }]),
  compress: () => [undefined],
};

function* simplerSteps(step) {
  if (step.list !== undefined) {
    for (const list of shorterThan(step.list)) if (list.length > 0) yield { ...step, list };
    for (const [i, item] of step.list.entries()) {
      for (const simpler of simplerSteps(item)) yield { ...step, list: step.list.with(i, simpler) };
    }
  }
  for (const [name, simpler] of Object.entries(SIMPLER)) {
    if (step[name] === undefined) continue;
    for (const value of simpler(step[name])) if (value !== step[name]) yield { ...step, [name]: value };
  }
}
