const MAX_ENTRIES = 200;

/** Milliseconds after which a server that does not answer is shown as such. */
const PATIENCE = 2500;

/** Milliseconds until the first and between the last attempts to connect again. */
const FIRST_DELAY = 1000;
const LONGEST_DELAY = 30_000;

const CLOSE_CODES = {
  1000: 'normal',
  1001: 'the server went away',
  1006: 'connection lost',
  1009: 'message too big',
  1011: 'server error',
};

/** A socket that connects again by itself, first after a second, then after twice the time. */
class LastingSocket {
  #url;
  #events;
  #ws = null;
  #delay = FIRST_DELAY;
  #countdown = null;
  #patience = null;

  /** @param events onState(name, text), onOpen, onMessage(data), onClose(text) */
  constructor(path, events) {
    this.#url = new URL(path, location.href.replace(/^http/, 'ws'));
    this.#events = events;
  }

  connect() {
    clearTimeout(this.#countdown);
    this.#events.onState('connecting', 'connecting');
    const ws = new WebSocket(this.#url);
    this.#ws = ws;
    this.#expectAnswer();
    ws.onopen = () => {
      this.#hasAnswered();
      this.#delay = FIRST_DELAY;
      this.#events.onState('open', 'open');
      this.#events.onOpen();
    };
    ws.onmessage = ({ data }) => {
      this.#hasAnswered();
      this.#events.onState('open', 'open');
      this.#events.onMessage(data);
    };
    ws.onclose = ({ code, reason }) => this.#end(ws, reason || (CLOSE_CODES[code] ?? `code ${code}`));
  }

  get isOpen() {
    return this.#ws?.readyState === WebSocket.OPEN;
  }

  /** @param answered whether the server sends something back */
  send(text, answered = true) {
    if (!this.isOpen) return;
    this.#ws.send(text);
    if (answered) this.#expectAnswer();
  }

  #expectAnswer() {
    const ws = this.#ws;
    this.#patience ??= setTimeout(() => {
      this.#patience = null;
      if (ws.readyState === WebSocket.OPEN) this.#events.onState('closed', 'no answer');
      // A browser gives up only after minutes, and closing takes as long.
      else this.#end(ws, 'the server does not answer');
    }, PATIENCE);
  }

  #hasAnswered() {
    clearTimeout(this.#patience);
    this.#patience = null;
  }

  #end(ws, why) {
    if (ws !== this.#ws) return;
    this.#ws = null;
    this.#hasAnswered();
    ws.onopen = ws.onmessage = ws.onclose = null;
    ws.close();
    this.#events.onClose(why);
    // Not all at once, if a server comes back that many have waited for.
    this.#count(Date.now() + this.#delay * (0.75 + Math.random() / 2));
    this.#delay = Math.min(LONGEST_DELAY, this.#delay * 2);
  }

  #count(due) {
    const seconds = Math.ceil((due - Date.now()) / 1000);
    if (seconds <= 0) return this.connect();
    this.#events.onState('closed', `again in ${seconds} s`);
    this.#countdown = setTimeout(() => this.#count(due), Math.min(1000, due - Date.now()));
  }
}

/** One panel: a socket, its state, its log and its form. */
function panel(id, path, { onOpen, onMessage, onSubmit }) {
  const section = document.getElementById(id);
  const state = section.querySelector('.state');
  const again = section.querySelector('.again');
  const log = section.querySelector('.log');
  const list = log.querySelector('ol');
  const form = section.querySelector('form');
  const button = form.querySelector('button');
  const { message } = form.elements;

  function write(entry) {
    // Whoever has scrolled up to read stays there.
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    list.append(entry);
    if (list.childElementCount > MAX_ENTRIES) list.firstElementChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  const socket = new LastingSocket(path, {
    onState(name, text) {
      if (state.textContent === text && state.dataset.state === name) return;
      const focused = document.activeElement;
      state.dataset.state = name;
      state.textContent = text;
      button.disabled = !socket.isOpen;
      again.hidden = name !== 'closed' || socket.isOpen;
      // A button that had the focus and is gone hands it on, so that the keyboard does not start from the top of the page.
      if (focused === again && again.hidden) message.focus();
    },
    onOpen: () => onOpen(socket),
    onMessage(data) {
      const entry = onMessage(data, socket);
      if (entry) write(entry);
    },
    onClose: (why) => write(line('note', `Closed: ${why}`)),
  });

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!socket.isOpen) return;
    socket.send(onSubmit(form.elements));
    message.value = '';
    message.focus();
  });
  again.addEventListener('click', () => socket.connect());
  socket.connect();
  return socket;
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** An entry of a log: its parts in one line. */
function line(kind, ...parts) {
  const entry = document.createElement('li');
  entry.className = kind;
  entry.append(...parts);
  return entry;
}

// ——— the echo

// Echoes come back in order, so the oldest time without an echo is that of the next one.
let sentAt = [];

panel('echo', 'ws', {
  onOpen() {
    sentAt = [];
  },
  onMessage(data) {
    const latency = performance.now() - sentAt.shift();
    // Where several processes serve, the last line names the one that has sent it.
    const [text, ...tags] = data.split('\n');
    const small = tags.map((tag) => element('small', tag));
    return line('', element('span', text), ...small, element('data', `${latency.toFixed(1)} ms`));
  },
  onSubmit({ message }) {
    sentAt.push(performance.now());
    return message.value;
  },
});

const BURST = 10_000;
const burst = document.querySelector('.burst');
const speed = document.querySelector('.speed');

/** Sends many messages over a socket of its own. @returns resolves with the milliseconds until all have come back */
function sendMany(count) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(new URL('ws', location.href.replace(/^http/, 'ws')));
    const timer = setTimeout(() => ws.onclose(), 30_000);
    let began;
    let left = count;
    ws.onopen = () => {
      began = performance.now();
      for (let i = 0; i < count; i++) ws.send(`message ${i}`);
    };
    ws.onmessage = () => {
      if (--left > 0) return;
      clearTimeout(timer);
      ws.onclose = null;
      ws.close();
      resolve(performance.now() - began);
    };
    ws.onclose = () => {
      clearTimeout(timer);
      ws.onmessage = null;
      ws.close();
      reject(new Error(`${count - left} of ${count} came back`));
    };
  });
}

burst.addEventListener('click', async () => {
  burst.disabled = true;
  speed.textContent = 'sending…';
  try {
    const milliseconds = await sendMany(BURST);
    const { codec } = await (await fetch('about.json')).json();
    const rate = Math.round((BURST / milliseconds) * 1000);
    speed.textContent = `${rate.toLocaleString('en')} messages a second there and back, codec ${codec}`;
  } catch (error) {
    speed.textContent = `Stopped: ${error.message}`;
  }
  burst.disabled = false;
});

// ——— the chat

/** Milliseconds after which somebody of whom nothing was heard is not online any more, and how often each says that it is. */
const ONLINE_FOR = 150_000;
const SAYS_EVERY = 20_000;

const nameField = document.querySelector('[name=name]');
nameField.value = `Guest ${100 + Math.floor(Math.random() * 900)}`;

/** Who is online, by the ids that the servers give: their names, and when they were heard of. */
const online = new Map();
let ownId;
let answer = null;

function showOnline() {
  for (const [id, { heard }] of online) if (heard < Date.now() - ONLINE_FOR) online.delete(id);
  const names = [...online].map(([id, { name }]) => (id === ownId ? `${name} (you)` : name)).sort();
  const text = names.length === 0 ? 'Nobody is online' : `Online: ${names.join(', ')}`;
  document.querySelector('.online').textContent = text;
}

function timeOf(milliseconds) {
  const made = element('time', new Date(milliseconds).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }));
  made.dateTime = new Date(milliseconds).toISOString();
  return made;
}

/** What a server tells about somebody: `welcome` to a newcomer; then `joined`, `here`, `said` or `left` to all. */
function onChat(data) {
  const { kind, id, name, text, time, process } = JSON.parse(data);
  if (kind === 'welcome') {
    ownId = id;
    return;
  }
  if (kind === 'left') online.delete(id);
  else online.set(id, { name, heard: Date.now() });
  showOnline();
  const isOwn = id === ownId;
  // Newcomers have to learn who is here: from each of us, but not from all at once, nor for each of many newcomers.
  if (kind === 'joined' && !isOwn && answer === null) answer = setTimeout(sayHere, 200 + Math.random() * 1800);
  if (kind === 'joined') return line('note', `${isOwn ? 'You' : name} joined`);
  if (kind === 'left') return line('note', `${name} left`);
  if (kind !== 'said') return;
  const small = process === undefined ? [] : [element('small', `process ${process}`)];
  const said = element('p', text);
  const head = element('div', '');
  head.append(element('b', isOwn ? 'You' : name), ...small, timeOf(time));
  return line(isOwn ? 'said own' : 'said', head, said);
}

const chat = panel('chat', 'chat', {
  onOpen(socket) {
    online.clear();
    showOnline();
    socket.send(JSON.stringify({ kind: 'joined', name: nameField.value }));
  },
  onMessage: onChat,
  onSubmit: ({ name, message }) => JSON.stringify({ kind: 'said', name: name.value, text: message.value }),
});

function sayHere() {
  answer = null;
  chat.send(JSON.stringify({ kind: 'here', name: nameField.value }));
}
nameField.addEventListener('change', sayHere);
setInterval(sayHere, SAYS_EVERY);
