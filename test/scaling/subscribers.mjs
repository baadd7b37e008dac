import { createHash } from 'node:crypto';
import { once } from 'node:events';
import WebSocket from 'ws';

/** Lengths of messages: most are short. */
const SIZES = [20, 20, 20, 200, 200, 2000, 20_000];

function hashOf(text) {
  return createHash('md5').update(text).digest('base64url').slice(0, 8);
}

/** A message that says who published it, on what topic, as which, and whether it is whole. */
export function messageOf(publisher, topic, number) {
  const text = `${publisher} ${number} ${topic} ${'x'.repeat(SIZES[number % SIZES.length])}`;
  return `${hashOf(text)} ${text}`;
}

/** What is wrong with what a socket got, and holes in it. */
export class Subscriber {
  /** The process at whose socket it is. */
  server;
  faults = [];
  /** How often something of a topic did not come, by topic. */
  holes = new Map();
  received = 0;
  #ws;
  /** The last number by publisher and topic. */
  #last = new Map();
  /** Topics on which it may have missed what it likes: it was not subscribed all the time. */
  #loose;

  static async open(server, topics, { loose = false } = {}) {
    const subscriber = new Subscriber();
    subscriber.server = server;
    subscriber.#loose = loose;
    subscriber.#ws = new WebSocket(`ws://127.0.0.1:${server.port}`, { perMessageDeflate: false });
    subscriber.#ws.on('error', () => {});
    subscriber.#ws.on('message', (data) => subscriber.#take(String(data)));
    await once(subscriber.#ws, 'open');
    for (const topic of topics) subscriber.subscribe(topic);
    return subscriber;
  }

  get isOpen() {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  subscribe(topic) {
    this.#ws.send(`+${topic}`);
  }

  unsubscribe(topic) {
    this.#ws.send(`-${topic}`);
  }

  publish(topic, text) {
    this.#ws.send(`${topic}\n${text}`);
  }

  /** The number of the last message that came of a publisher on a topic. */
  lastOf(publisher, topic) {
    return this.#last.get(`${publisher} ${topic}`);
  }

  close() {
    this.#ws.terminate();
  }

  #take(message) {
    const [hash, publisher, number, topic] = message.split(' ', 4);
    if (hashOf(message.slice(hash.length + 1)) !== hash) return this.faults.push(`not whole: ${message.slice(0, 50)}`);
    this.received++;
    const key = `${publisher} ${topic}`;
    const last = this.#last.get(key);
    const next = Number(number);
    this.#last.set(key, next);
    if (last === undefined || next === last + 1) return;
    if (next <= last) this.faults.push(`${key}: ${next} after ${last}`);
    else if (!this.#loose) this.holes.set(topic, (this.holes.get(topic) ?? 0) + 1);
  }
}
