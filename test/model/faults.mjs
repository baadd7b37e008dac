/**
 * Faults of the engine, as edits of what was built. Each edit says what stands in one place of a file, and what in place of it.
 *
 * @type {readonly { name: string, edits: readonly { file: string, find: string, replace: string }[], entry?: string, only?: string[] }[]}
 */
export const FAULTS = [
  {
    name: 'outbox: a long payload overtakes the frames in front of it',
    edits: [
      {
        file: 'net/outbox.js',
        find: `        if (this.#chunk !== null)
            this.#sealChunk(this.#chunk);
        this.#backlog ??= new backlog_js_1.Backlog(this.#writing ? 1 : 0);
        this.#backlog.open.add(part);`,
        replace: `        this.#backlog ??= new backlog_js_1.Backlog(this.#writing ? 1 : 0);
        this.#backlog.open.add(part);`,
      },
    ],
    only: ['frames in order', 'frames byte for byte', 'frames'],
  },
  {
    name: 'queue: the message that came last is received first',
    edits: [{ file: 'api/message-queue.js', find: 'this.#packets.shift()', replace: 'this.#packets.pop()' }],
    only: ['in order', 'byte for byte'],
  },
  {
    name: 'callbacks: each is called twice',
    edits: [
      {
        file: 'ws/write-callbacks.js',
        find: '(0, node_process_1.nextTick)(callback, null);',
        replace: '{ (0, node_process_1.nextTick)(callback, null); (0, node_process_1.nextTick)(callback, null); }',
      },
    ],
    only: ['callback once'],
  },
  {
    name: "closing: the peer's Close is not answered",
    edits: [
      {
        file: 'net/connection.js',
        find: `        if (!this.#closing.sent)
            this.#sendClose((0, close_payload_js_1.formatClosePayload)(answer));`,
        replace: '',
      },
    ],
    only: ['a Close is answered'],
  },
];
