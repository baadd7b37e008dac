import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Random } from '../model/random.mjs';
import { newNats, newRedis } from '../support/broker-server.cjs';
import { Fleet } from './processes.mjs';
import { messageOf, Subscriber } from './subscribers.mjs';

const run = promisify(execFile);

export const TOPICS = Array.from({ length: 20 }, (_, i) =>
  i < 15 ? `topic-${i}` : `${['>', '*', 'ä.b', '😀', '\0'][i - 15]}${i}`,
);
const PROCESSES = 3;
/** Milliseconds for everything to be well again. */
const PATIENCE = 30_000;
/** Bytes that a server process may have: the schedules publish some 100 MB. */
const MOST_MEMORY = 400_000_000;

/** One run of processes, sockets and faults, which a seed determines. */
export class Schedule {
  #random;
  #kind;
  #build;
  #broker = null;
  #fleet;
  /** The server processes that are alive, each with the name and the socket by which it publishes. */
  #members = [];
  #subscribers = [];
  #gone = [];
  #numbers = new Map();
  #count = 0;
  #sockets;
  log = [];

  /** @param kind `redis`, `nats` or `cluster` */
  constructor(kind, seed, { build, sockets }) {
    this.#random = new Random(seed);
    this.#kind = kind;
    this.#build = build;
    this.#sockets = sockets;
  }

  /** Plays it. @returns what was wrong */
  async play(steps) {
    try {
      await this.#start();
      await this.#settle();
      for (let i = 0; i < steps; i++) await this.#step();
      await this.#settle();
      return await this.#verdict(steps > 0);
    } catch (error) {
      return [...this.#faults(), String(error.stack)];
    } finally {
      for (const { socket } of this.#members) socket.close();
      for (const subscriber of this.#subscribers) subscriber.close();
      await this.#fleet?.stop();
      await this.#broker?.dispose();
    }
  }

  async #start() {
    if (this.#kind !== 'cluster') {
      this.#broker = await (this.#kind === 'redis' ? newRedis() : newNats());
      await this.#broker.start();
    }
    this.#fleet = new Fleet(this.#kind, this.#broker?.port ?? 0, this.#build);
    await Promise.all(Array.from({ length: PROCESSES }, () => this.#addMember()));
  }

  async #addMember() {
    const server = await this.#fleet.start();
    const socket = await Subscriber.open(server, []);
    const name = `p${++this.#count}`;
    const sockets = Array.from({ length: Math.ceil(this.#sockets / PROCESSES) }, (_, i) => {
      const topics = i === 0 ? TOPICS : Array.from({ length: 3 }, () => this.#random.of(TOPICS));
      return Subscriber.open(server, topics).then((subscriber) => Object.assign(subscriber, { topics }));
    });
    this.#subscribers.push(...(await Promise.all(sockets)));
    this.#members.push({ server, socket, name });
  }

  #publish(member, topic, count = 1) {
    const key = `${member.name} ${topic}`;
    for (let i = 0; i < count; i++) {
      const number = (this.#numbers.get(key) ?? 0) + 1;
      this.#numbers.set(key, number);
      member.socket.publish(topic, messageOf(member.name, topic, number));
    }
  }

  /** Publishes on all topics from all processes, until all that is published reaches everybody. */
  async #settle() {
    const end = performance.now() + PATIENCE;
    for (;;) {
      for (const member of this.#members) for (const topic of TOPICS) this.#publish(member, topic);
      const published = new Map(this.#numbers);
      const lacks = () => this.#lacks(published);
      for (let i = 0; i < 100 && lacks() !== undefined; i++) await sleep(20);
      const lacking = lacks();
      if (lacking === undefined) return;
      if (performance.now() > end) throw new Error(`${lacking} does not come`);
    }
  }

  /** A message that somebody lacks. */
  #lacks(published) {
    for (const subscriber of this.#subscribers) {
      if (!subscriber.isOpen) return `a socket of process ${subscriber.server.pid}, which has closed: its next message`;
      for (const { name } of this.#members) {
        for (const topic of subscriber.topics) {
          if (!(subscriber.lastOf(name, topic) >= published.get(`${name} ${topic}`)))
            return `${name} ${JSON.stringify(topic)}`;
        }
      }
    }
    return undefined;
  }

  async #step() {
    const choices = [
      [8, 'burst'],
      [3, 'spread'],
      [1, 'nobody'],
      [2, 'churn'],
      [1, 'manyTopics'],
      [2, 'kill'],
      [2, 'block'],
      [2, 'stopProcess'],
      ...(this.#broker === null
        ? []
        : [
            [2, 'restartBroker'],
            [1, 'restartTwice'],
            [2, 'stallBroker'],
          ]),
      ...(this.#kind === 'redis'
        ? [
            [2, 'killClients'],
            [1, 'lowerLimit'],
          ]
        : []),
    ];
    const name = this.#random.weighted(choices);
    this.log.push(name);
    await this[name]();
  }

  async burst() {
    const member = this.#random.of(this.#members);
    for (let i = this.#random.between(1, 4); i > 0; i--)
      this.#publish(member, this.#random.of(TOPICS), this.#random.between(1, 400));
    if (this.#random.once(2)) await sleep(this.#random.below(200));
  }

  async spread() {
    for (let i = this.#random.between(1, 10); i > 0; i--) {
      for (const member of this.#members) for (const topic of TOPICS) this.#publish(member, topic);
      await sleep(this.#random.below(30));
    }
  }

  nobody() {
    this.#publish(this.#random.of(this.#members), 'nobody hears this', 200);
  }

  /** A socket that subscribes and unsubscribes a hundred times a second. */
  async churn() {
    const { server } = this.#random.of(this.#members);
    const socket = await Subscriber.open(server, [], { loose: true });
    for (let i = 0; i < 60; i++) {
      const topic = this.#random.of(TOPICS.slice(0, 3));
      if (this.#random.once(2)) socket.subscribe(topic);
      else socket.unsubscribe(topic);
      for (const member of this.#members) this.#publish(member, topic);
      await sleep(10);
    }
    this.#gone.push(socket);
    socket.close();
  }

  async manyTopics() {
    const { server } = this.#random.of(this.#members);
    const topics = Array.from({ length: 10_000 }, (_, i) => `of many ${i}`);
    const socket = await Subscriber.open(server, topics, { loose: true });
    this.#publish(this.#random.of(this.#members), this.#random.of(topics));
    await sleep(100);
    this.#gone.push(socket);
    socket.close();
  }

  /** A process is gone, and another comes. */
  async kill() {
    const [member] = this.#members.splice(this.#random.below(PROCESSES), 1);
    if (this.#random.once(2)) this.#publish(member, this.#random.of(TOPICS), 300);
    member.server.kill('SIGKILL');
    member.socket.close();
    const own = this.#subscribers.filter(({ server }) => server === member.server);
    this.#subscribers = this.#subscribers.filter(({ server }) => server !== member.server);
    // What it got before is judged as well.
    this.#gone.push(...own.map((subscriber) => Object.assign(subscriber, { hasDied: true })));
    for (const subscriber of own) subscriber.close();
    await this.burst();
    await this.#addMember();
  }

  async block() {
    this.#random.of(this.#members).server.tell({ block: this.#random.between(100, 2500) });
    for (let i = this.#random.between(1, 6); i > 0; i--) await this.burst();
  }

  async stopProcess() {
    const { server } = this.#random.of(this.#members);
    server.kill('SIGSTOP');
    await this.burst();
    await sleep(this.#random.between(50, 1500));
    server.kill('SIGCONT');
  }

  /** Messages that are under way when something happens. */
  #volley() {
    for (const member of this.#members) for (let i = 0; i < 3; i++) this.#publish(member, this.#random.of(TOPICS), 300);
    return sleep(this.#random.below(30));
  }

  async restartBroker() {
    await this.#volley();
    await this.#broker.stop();
    await this.burst();
    await sleep(this.#random.of([0, 50, 1000]));
    await this.#broker.start();
  }

  async restartTwice() {
    for (let i = 0; i < 2; i++) {
      await this.#volley();
      await this.#broker.stop();
      await this.#broker.start();
      await sleep(this.#random.below(200));
    }
  }

  async stallBroker() {
    this.#broker.signal('SIGSTOP');
    const end = performance.now() + this.#random.of([300, 1000, 3000, 10_000]);
    while (performance.now() < end) {
      await this.burst();
      await sleep(50);
    }
    this.#broker.signal('SIGCONT');
  }

  async #redisCli(...args) {
    await run('redis-cli', ['-p', String(this.#broker.port), ...args]).catch(() => {});
  }

  async killClients() {
    for (let i = 0; i < 4; i++) {
      await this.#volley();
      await this.#redisCli('CLIENT', 'KILL', 'TYPE', this.#random.of(['pubsub', 'normal']));
    }
    await this.burst();
  }

  async lowerLimit() {
    await this.#redisCli('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 262144 65536 1');
    this.#random.of(this.#members).server.tell({ block: 1500 });
    for (let i = 0; i < 5; i++) await this.burst();
    await this.#redisCli('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 33554432 8388608 60');
  }

  #faults() {
    return [...this.#subscribers, ...this.#gone].flatMap(({ faults }) => faults);
  }

  async #verdict(hasFaults) {
    const problems = this.#faults();
    for (const subscriber of this.#subscribers) {
      const { gaps } = subscriber.server;
      for (const [topic, count] of subscriber.holes) {
        const told = gaps.filter((of) => of === topic).length;
        if (!hasFaults) problems.push(`messages on ${topic} did not come`);
        else if (told < count) problems.push(`${count} holes on ${topic}, of which ${told} were told`);
      }
    }
    for (const { server, name } of this.#members) {
      const { rss, rejected, buffered } = await server.report();
      problems.push(...server.errors.map((error) => `${name} reports ${error}`));
      if (rss > MOST_MEMORY) problems.push(`${name} has ${rss} bytes`);
      if (buffered > 0) problems.push(`${name} still has ${buffered} bytes to publish`);
      if (Object.values(rejected).some((count) => count > 0))
        problems.push(`${name} rejects ${JSON.stringify(rejected)}`);
      if (!hasFaults && (server.gaps.length > 0 || server.dropped > 0)) problems.push(`${name} tells of losses`);
    }
    return problems;
  }
}
