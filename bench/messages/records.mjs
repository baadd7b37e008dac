// What people send over WebSockets, made up: chat, quotes, telemetry, orders. All ASCII, as most JSON is.
const WORDS =
  `the a to and of in it is that for you on with this have be at not are we can if but do they will just so about
  was me there what when like how get from go know one out all think see would up time more some make good want need
  work right really people then because could today tomorrow release server build merge review branch deploy latency
  meeting lunch coffee window customer invoice report ticket please thanks sorry maybe later again still before after
  morning evening train weather project version update restart queue metric dashboard alert database index cache`.split(
    /\s+/,
  );
const NAMES =
  'Ada Bjorn Chidi Dana Elif Farid Goran Hana Ines Jamal Keiko Liam Mira Noor Olga Pavel Quentin Rosa Sven Tariq Uma Viktor Wanda Xenia Yusuf Zoe'.split(
    ' ',
  );
const SYMBOLS = 'EURUSD USDJPY GBPUSD AUDNZD BTCUSD ETHEUR SOLUSD XAUUSD NQZ6 ESZ6 CLF7 AAPL MSFT NVDA TSLA SAP'.split(
  ' ',
);
const ROOMS = 'general support-de incidents random frontend ops-night release-42 design hiring'.split(' ');
const STATES = 'ok ok ok degraded starting draining offline'.split(' ');
const COUNTRIES = 'DE FR SE PL NL ES'.split(' ');
const EMOJI = ':thumbsup: :tada: :eyes: :heart: :rocket: :joy:'.split(' ');

/** Numbers that look random, and are the same wherever they are made: 32-bit integer arithmetic (xorshift). */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed;
  }

  /** An integer from `least` to `most`. */
  integer(least, most) {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return least + ((x >>> 0) % (most - least + 1));
  }

  /** A number with so many decimals. */
  decimal(least, most, digits) {
    const scale = 10 ** digits;
    return this.integer(least * scale, most * scale) / scale;
  }

  one(list) {
    return list[this.integer(0, list.length - 1)];
  }

  many(least, most, make) {
    return Array.from({ length: this.integer(least, most) }, make);
  }

  hex(digits) {
    return Array.from({ length: digits }, () => this.integer(0, 15).toString(16)).join('');
  }

  uuid() {
    return [8, 4, 4, 4, 12].map((digits) => this.hex(digits)).join('-');
  }

  time() {
    return 1_796_000_000_000 + this.integer(0, 86_400_000);
  }

  /** Prose of exactly so many characters, in which some words come more often than others. */
  prose(length) {
    let text = this.#word();
    while (text.length < length) text += `${this.integer(0, 9) === 0 ? ', ' : ' '}${this.#word()}`;
    return text.slice(0, length).replace(/[ ,]$/, '.');
  }

  #word() {
    return WORDS[this.integer(0, this.integer(0, WORDS.length - 1))];
  }
}

function person(random) {
  const name = random.one(NAMES);
  return {
    userId: random.integer(1000, 999_999),
    userName: name,
    displayName: name,
    isOnline: random.integer(0, 2) > 0,
  };
}

function chat(random) {
  return {
    type: 'chat.message',
    messageId: random.integer(10_000_000, 99_999_999),
    room: random.one(ROOMS),
    timestamp: random.time(),
    from: person(random),
    replyTo: random.integer(0, 1) === 0 ? null : random.integer(10_000_000, 99_999_999),
    reactions: random.many(1, 3, () => ({ emoji: random.one(EMOJI), userId: random.integer(1000, 999_999) })),
    mentions: random.many(0, 1, () => person(random)),
    text: random.prose(random.integer(20, 90)),
  };
}

function quote(random) {
  const middle = random.decimal(1, 900, 3);
  const level = (sign) => (_, index) => ({
    price: Number((middle + sign * (index + 1) * 0.005).toFixed(3)),
    quantity: random.integer(1, 90) * 100,
  });
  return {
    type: 'orderbook.update',
    symbol: random.one(SYMBOLS),
    sequence: random.integer(1_000_000, 9_999_999),
    time: new Date(random.time()).toISOString(),
    last: middle,
    bids: random.many(3, 5, level(-1)),
    asks: random.many(3, 5, level(1)),
    volume: random.integer(1000, 90_000_000),
  };
}

function telemetry(random) {
  const start = random.time();
  const temperature = random.decimal(10, 35, 1);
  return {
    type: 'device.telemetry',
    deviceId: `sensor-${random.hex(6)}`,
    firmware: `${random.integer(1, 4)}.${random.integer(0, 20)}.${random.integer(0, 9)}`,
    state: random.one(STATES),
    position: { latitude: random.decimal(47, 55, 4), longitude: random.decimal(6, 15, 4) },
    batteryVolts: random.decimal(3, 4, 2),
    readings: random.many(3, 5, (_, index) => ({
      timestamp: start + index * 1000,
      temperature: Number((temperature + random.integer(-3, 3) / 10).toFixed(1)),
      humidity: random.integer(20, 90),
    })),
  };
}

function order(random) {
  return {
    type: 'order.changed',
    orderId: random.uuid(),
    customer: { customerId: random.integer(10_000, 99_999), name: random.one(NAMES), country: random.one(COUNTRIES) },
    createdAt: new Date(random.time()).toISOString(),
    status: random.one(['new', 'paid', 'packed', 'shipped']),
    lines: random.many(2, 4, () => ({
      sku: `SKU-${random.integer(10_000, 99_999)}`,
      quantity: random.integer(1, 12),
      price: random.decimal(1, 400, 2),
      currency: 'EUR',
    })),
    total: random.decimal(5, 2000, 2),
  };
}

const KINDS = [chat, quote, telemetry, order];

/** One record of some 300 to 550 bytes, of any kind or of the one with this number. */
export function record(random, kind = random.integer(0, KINDS.length - 1)) {
  return KINDS[kind](random);
}

/** One of many in a list, of some 60 to 110 bytes: a line of a table, as pages show them. */
export function line(random, kind) {
  return [
    () => ({
      sku: `SKU-${random.integer(10_000, 99_999)}`,
      quantity: random.integer(1, 12),
      price: random.decimal(1, 400, 2),
      currency: 'EUR',
    }),
    () => ({
      symbol: random.one(SYMBOLS),
      bid: random.decimal(1, 900, 2),
      ask: random.decimal(1, 900, 2),
      volume: random.integer(1, 90) * 100,
    }),
    () => ({
      deviceId: `sensor-${random.integer(100, 999)}`,
      state: random.one(STATES),
      temperature: random.decimal(10, 35, 1),
      humidity: random.integer(20, 90),
    }),
    () => ({
      userId: random.integer(1000, 9999),
      userName: random.one(NAMES),
      isOnline: random.integer(0, 2) > 0,
      room: random.one(ROOMS),
    }),
  ][kind]();
}

/** One record of some 40 bytes. */
export function smallRecord(random) {
  return random.one([
    () => ({ s: random.one(SYMBOLS), b: random.decimal(1, 900, 3), t: random.time() }),
    () => ({ typing: random.integer(1000, 999_999), room: random.one(ROOMS) }),
    () => ({ dev: random.hex(6), temp: random.decimal(10, 35, 2), at: random.integer(0, 86_400) }),
    () => ({ ack: random.hex(12), seq: random.integer(1, 99_999) }),
  ])();
}
