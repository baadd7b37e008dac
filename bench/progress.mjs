/** One line on stderr that says where the bench is and how long it will take; a line for each row where that is no terminal. */
export class Progress {
  #toDo;
  #done = 0;
  #began = performance.now();
  #isTerminal = process.stderr.isTTY === true;
  #lastRow = '';

  /** @param seconds what all steps are expected to take together */
  constructor(seconds) {
    this.#toDo = seconds;
  }

  /** What is going on now. */
  says(row, what) {
    const line = `${row} · ${what} · ${this.#timeLeft()} left`;
    if (this.#isTerminal) process.stderr.write(`\r\x1b[2K${line.slice(0, process.stderr.columns - 1)}`);
    else if (row !== this.#lastRow) process.stderr.write(`${line}\n`);
    this.#lastRow = row;
  }

  /** A step is over that was expected to take so long. */
  advances(seconds) {
    this.#done += seconds;
  }

  /** Makes place for other output. */
  clears() {
    if (this.#isTerminal) process.stderr.write('\r\x1b[2K');
  }

  #timeLeft() {
    const elapsed = (performance.now() - this.#began) / 1000;
    // The first steps say too little of how far the estimate is off.
    const factor = this.#done > 10 ? elapsed / this.#done : 1;
    return minutes(Math.max(0, this.#toDo - this.#done) * factor);
  }
}

/** `12:05` of 725 seconds. */
export function minutes(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
