/**
 * Faults of the engine, as edits of what was built. Each edit says what stands in one place of a file, and what in place of it.
 * `entry` is the entry point at which it shows.
 *
 * @type {readonly { name: string, edits: readonly { file: string, find: string, replace: string }[], entry?: string }[]}
 */
export const FAULTS = [
  {
    name: 'inbox: what comes is handled though earlier bytes wait, or while paused',
    edits: [
      {
        file: 'net/reading/inbox.js',
        find: 'return !this.isEmpty || this.#paused || this.#held || (0, receive_window_js_1.windowIsClaimed)();',
        replace: 'return this.#held || (0, receive_window_js_1.windowIsClaimed)();',
      },
    ],
  },
  {
    name: 'inbox: what was received before the connection broke is not told',
    edits: [
      {
        file: 'net/reading/inbox.js',
        find: `        this.#end = 'close';
        this.#tellEnd();`,
        replace: `        this.#reserve = null;
        this.#end = 'close';
        this.#tellEnd();`,
      },
    ],
  },
  {
    name: 'inbox: FIN is told before what came with it',
    edits: [
      {
        file: 'net/reading/inbox.js',
        find: `        this.#end ??= 'input end';
        this.#tellEnd();`,
        replace: '        this.#events.onInputEnd();',
      },
    ],
    entry: 'wasock',
  },
  {
    name: 'inbox: a pause within a read is noticed at its end',
    edits: [
      {
        file: 'net/reading/inbox.js',
        find: `        this.#isDataNext = false;
        this.#receiver?.stop();`,
        replace: '        this.#isDataNext = false;',
      },
    ],
    entry: 'wasock',
  },
  {
    name: 'inbox: reads on without a bound',
    edits: [
      {
        file: 'net/reading/inbox.js',
        find: 'const mayReadOn = this.#hasRoom() && !this.#held;',
        replace: 'const mayReadOn = true;',
      },
    ],
    entry: 'wasock',
  },
  {
    name: 'callbacks: not settled where bytes depart',
    edits: [
      {
        file: 'net/writing/outbox.js',
        find: '        this.#events.onDeparted();',
        replace: '',
      },
    ],
    entry: 'ws',
  },
  {
    name: 'callbacks: run in the context of whoever settles them',
    edits: [
      {
        file: 'ws/wire/write-callbacks.js',
        find: '        entry.callback = node_async_hooks_1.AsyncResource.bind(entry.callback);',
        replace: '',
      },
    ],
    entry: 'ws',
  },
  {
    name: 'outbox: a chunk that the kernel still reads is used again',
    edits: [
      {
        file: 'net/writing/backlog.js',
        find: `        batch.nextSlice();
        this.inFlight = batch;`,
        replace: `        batch.nextSlice();
        if (chunk !== null)
            (0, chunk_js_1.giveChunkBack)(chunk);
        this.inFlight = batch;`,
      },
    ],
    entry: 'wasock',
  },
  {
    name: 'outbox: the latest Pong is forgotten when the peer catches up',
    edits: [
      {
        file: 'net/writing/outbox.js',
        find: `            this.#appendLatestPong();
            this.flush();`,
        replace: '            this.flush();',
      },
    ],
    entry: 'wasock',
  },
  {
    name: 'outbox: those who wait are not told of the end',
    edits: [{ file: 'net/writing/outbox.js', find: '        this.#backlog?.reject(this.#events);\n', replace: '' }],
    entry: 'wasock',
  },
  {
    name: 'outbox: a long payload overtakes the frames before it',
    edits: [
      {
        file: 'net/writing/outbox.js',
        find: `        if (this.#chunk !== null)
            this.#sealChunk(this.#chunk);
        this.#backlog ??= new backlog_js_1.Backlog(this, this.#transport, this.#writing > 0 ? 1 : 0);
        this.#backlog.open.add(part);`,
        replace: `        this.#backlog ??= new backlog_js_1.Backlog(this, this.#transport, this.#writing > 0 ? 1 : 0);
        this.#backlog.open.add(part);`,
      },
    ],
  },
  {
    name: "closing: the peer's Close is answered without its code",
    edits: [
      {
        file: 'net/connection.js',
        find: '(0, close_payload_js_1.formatClosePayload)((0, closing_js_1.echoedCode)(status))',
        replace: '(0, close_payload_js_1.formatClosePayload)()',
      },
    ],
    entry: 'wasock',
  },
  {
    name: 'closing: hangup drops what the turn has sent',
    edits: [
      {
        file: 'net/connection.js',
        find: `        this.outbox.flush();
        this.#abandon();`,
        replace: '        this.#abandon();',
      },
    ],
    entry: 'wasock',
  },
  {
    name: 'queue: the message that came last is received first',
    edits: [
      {
        file: 'api/message-queue.js',
        find: `        const packet = this.#packets[this.#first];
        this.#packets[this.#first++] = null;`,
        replace: '        const [packet] = this.#packets.splice(this.#first + this.#count - 1, 1);',
      },
    ],
    entry: 'await',
  },
  {
    name: 'compression: messages overtake a long one that is being compressed',
    edits: [
      {
        file: 'net/compressing-link.js',
        find: `        if (queue === null)
            return this.#append(`,
        replace: `        if (queue === null || (opcode & 8) === 0)
            return this.#append(`,
      },
    ],
    entry: 'wasock',
  },
  {
    name: 'compression: history is not forgotten after a shared message',
    edits: [
      {
        file: 'net/compressing-link.js',
        find: `            if (deflated !== null)
                deflater.forget();`,
        replace: '',
      },
    ],
    entry: 'serve',
  },
  {
    name: 'compression: history is not forgotten after a long message',
    edits: [
      {
        file: 'ws/compression/compressor.js',
        find: `        if (result !== null)
            this.#deflater.forget();`,
        replace: '',
      },
    ],
    entry: 'ws',
  },
  {
    name: 'compression: a long message that came is not kept as history',
    edits: [
      { file: 'protocol/long-message.js', find: 'this.#inflater.finish(length, this.#length + length);', replace: '' },
    ],
  },
];
