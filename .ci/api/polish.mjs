// What TypeDoc's pages need before people read them.
import path from 'node:path';

/** Headings that stand above parts of every page. */
const USUAL = [
  ...[
    'Parameters',
    'Returns',
    'Throws',
    'Type Parameters',
    'Example',
    'Default Value',
    'See',
    'Extends',
    'Constructors',
  ],
  ...['Properties', 'Accessors', 'Methods', 'Events', 'Indexable', 'Type Declaration', 'Enumeration Members'],
];

/** @param file the path of the page within docs/api */
export function polished(text, file) {
  const steps = [
    withoutRepeatedNames,
    withoutAncestors,
    withNamesOfEntries,
    withNamesOfSymbols,
    withNamesOfCalls,
    withShortOverloads,
    withShortTitle,
  ];
  const page = steps.reduce((result, step) => step(result), text);
  return withContents(withLinksToDocs(page, file));
}

/** `WebSocket` of `wasock/ws` is a namespace as well, which has everything else once more. */
function withoutRepeatedNames(text) {
  return text
    .replaceAll(/namespaces\/WebSocket\/(?:interfaces|variables)\/(\w+\.md)/g, 'classes/$1')
    .replace(/^## Namespaces\n[\s\S]*?(?=^## |$(?![\s\S]))/m, '')
    .replace(/^## References\n[\s\S]*?(?=^## |$(?![\s\S]))/m, '');
}

/** The classes of Node that ours extend. */
const OF_NODE = /^- `(?:Error|EventEmitter|Writable)`$/;

/** Where a member was declared helps nobody, and a base class of ours that is not exported has no page. */
function withoutAncestors(text) {
  return text
    .replaceAll(/^#{2,5} (?:Inherited from|Overrides|Implementation of|Extended by)\n\n(?:.+\n)+\n?/gm, '')
    .replace(/^## Extends\n\n((?:.+\n)+)\n?/m, (_, list) => {
      const known = list.match(/^- .*$/gm).filter((line) => line.startsWith('- [') || OF_NODE.test(line));
      return known.length === 0 ? '' : `## Extends\n\n${known.join('\n')}\n\n`;
    });
}

/** `wasock-redis` is the name of a folder; users import `wasock/redis`. */
function withNamesOfEntries(text) {
  return text.replaceAll(/^(# |\[API\].*?\/ \[?)wasock-(\w+)/gm, '$1wasock/$2');
}

/** A member under a symbol has the name by which it is searched. */
function withNamesOfSymbols(text) {
  return text
    .replaceAll('[asyncDispose\\]()', '[Symbol.asyncDispose\\]()')
    .replaceAll('[asyncDispose]()', '[Symbol.asyncDispose]()');
}

/** Each way of calling a function or a constructor is named by its parameters. */
function withNamesOfCalls(text) {
  return text.replaceAll(/^(#+) (?:Call Signature|Constructor)\n\n```ts\n([\s\S]*?)```/gm, (_, hashes, code) => {
    const name = /((?:new )?[\w[\].]+)(?:<[^(]*>)?\(/.exec(code)?.[1] ?? '';
    return `${hashes} ${name}(${parametersOf(code).join(', ')})\n\n\`\`\`ts\n${code}\`\`\``;
  });
}

/** @returns the names, in the order of the signature, or in place of a name the strings that it can be */
function parametersOf(code) {
  const names = [];
  let depth = 0;
  const start = code.indexOf('(') + 1;
  let part = '';
  for (const character of code.slice(start)) {
    if (depth === 0 && (character === ',' || character === ')')) {
      const [, name, type] = /^\s*(\.*\w+\??): ([\s\S]*)$/.exec(part) ?? [];
      if (name !== undefined) names.push(/^"[^"]*"(?: \| "[^"]*")*$/.test(type) ? type : name);
      part = '';
      if (character === ')') break;
      continue;
    }
    if ('([{'.includes(character)) depth++;
    if (')]}'.includes(character)) depth--;
    part += character;
  }
  return names;
}

/** Overloads that say the same, such as one for each event, need their words once. */
function withShortOverloads(text) {
  return text.replaceAll(/^### .+\n\n(?:#### [\s\S]*?)(?=^### |^\*\*\*$|^## |$(?![\s\S]))/gm, (method) => {
    const [title, ...calls] = method.split(/^#### .+\n\n/m);
    const parts = calls.map((call) => /^```ts\n([\s\S]*?)```\n\n([\s\S]*?)(?=^#####|$(?![\s\S]))/m.exec(call));
    const isSame = calls.length > 2 && parts.every((part) => part !== null && part[2] === parts[0][2]);
    if (!isSame) return method;
    return `${title}\`\`\`ts\n${parts.map(([, code]) => code).join('')}\`\`\`\n\n${parts[0][2]}`;
  });
}

/** What type parameters extend stands in the table of them. */
function withShortTitle(text) {
  return text.replace(/^(# [^\n]*?)\\<[^\n]*\*extends\*.*$/m, '$1');
}

/** Docstrings name other pages, which an editor cannot link. */
function withLinksToDocs(text, file) {
  const up = path.posix.relative(path.posix.dirname(file), '..');
  return text
    .split(/(^```[\s\S]*?^```$)/m)
    .map((part, i) => (i % 2 ? part : part.replaceAll(/(?<![[/(`])\bdocs\/([\w-]+\.md)/g, `[docs/$1](${up}/$1)`)))
    .join('');
}

/** A long page begins with links to its parts. */
function withContents(text) {
  const headings = [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/^(#+) (.+)$/gm)];
  const seen = new Map();
  const links = headings.flatMap(([, { length: level }, heading]) => {
    const anchor = anchorOf(heading);
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    const isListed = (level === 2 || level === 3) && !USUAL.includes(heading);
    return isListed ? [`[${heading}](#${anchor}${count === 0 ? '' : `-${count}`})`] : [];
  });
  if (links.length < 6) return text;
  return text.replace(/^# .+\n/m, (title) => `${title}\n${links.join(' · ')}\n`);
}

function anchorOf(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}
