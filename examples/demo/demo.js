const MAX_ENTRIES = 200;

const CLOSE_CODES = {
  1000: 'normal',
  1001: 'the server went away',
  1006: 'connection lost',
  1009: 'message too big',
  1011: 'server error',
};

/** One panel: a socket, its state, its log and its form. */
function panel(id, path, { onOpen, onMessage, onSubmit }) {
  const section = document.getElementById(id);
  const state = section.querySelector('.state');
  const reconnect = section.querySelector('.reconnect');
  const log = section.querySelector('.log');
  const list = log.querySelector('ol');
  const form = section.querySelector('form');
  const send = form.querySelector('button');
  const { message } = form.elements;
  let ws;

  function show(name, text = name) {
    const focused = document.activeElement;
    state.dataset.state = name;
    state.textContent = text;
    send.disabled = name !== 'open';
    reconnect.hidden = name !== 'closed';
    // What had the focus and is gone hands it on, so that the keyboard does not start from the top of the page.
    if (focused === reconnect && reconnect.hidden) message.focus();
  }

  function connect() {
    show('connecting');
    ws = new WebSocket(new URL(path, location.href.replace(/^http/, 'ws')));
    ws.onopen = () => {
      onOpen?.();
      show('open');
    };
    ws.onmessage = ({ data }) => write(...onMessage(data));
    ws.onclose = ({ code, reason }) => {
      show('closed', `closed ${code}`);
      write(element('i', `Closed: ${reason || (CLOSE_CODES[code] ?? code)}`));
    };
  }

  function write(...content) {
    const entry = document.createElement('li');
    entry.append(...content);
    // Who has scrolled up to read is left there.
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    list.append(entry);
    if (list.childElementCount > MAX_ENTRIES) list.firstElementChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (ws.readyState !== WebSocket.OPEN) return;
    ws.send(onSubmit(form.elements));
    message.value = '';
    message.focus();
  });
  reconnect.addEventListener('click', connect);
  connect();
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** Where several processes serve, the last line of a message names the one that has sent it. */
function parse(data) {
  const at = data.lastIndexOf('\n');
  return at < 0 ? { text: data, tags: [] } : { text: data.slice(0, at), tags: [element('small', data.slice(at + 1))] };
}

// Echoes come back in order, so the oldest time without an echo is that of the next one.
let sentAt = [];

panel('echo', 'ws', {
  onOpen() {
    sentAt = [];
  },
  onMessage(data) {
    const latency = performance.now() - sentAt.shift();
    const { text, tags } = parse(data);
    return [element('span', text), ...tags, element('data', `${latency.toFixed(1)} ms`)];
  },
  onSubmit({ message }) {
    sentAt.push(performance.now());
    return message.value;
  },
});

document.querySelector('[name=name]').value = `Guest ${100 + Math.floor(Math.random() * 900)}`;

panel('chat', 'chat', {
  onMessage(data) {
    const { text, tags } = parse(data);
    const line = document.createElement('span');
    const colon = text.indexOf(': ');
    line.append(element('b', text.slice(0, colon + 1)), text.slice(colon + 1));
    return [line, ...tags];
  },
  onSubmit({ name, message }) {
    return `${name.value}: ${message.value}`;
  },
});
