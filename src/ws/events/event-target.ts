import type { Buffer } from 'node:buffer';
import type { EventEmitter } from 'node:events';
import { CloseEvent, ErrorEvent, Event, MessageEvent } from './events.js';

/** A function, or an object with `handleEvent`. */
export type Handler = ((event: Event) => void) | { handleEvent(event: Event): void };

/** An EventEmitter that is also an EventTarget of the WHATWG interface. */
interface Target extends EventEmitter {
  readonly _closeFrameReceived: boolean;
  readonly _closeFrameSent: boolean;
}

const HANDLER = Symbol('wasock.handler');
const IS_ATTRIBUTE = Symbol('wasock.isAttribute');

/** A listener of the EventEmitter that stands for a handler of the EventTarget. */
interface Listener {
  (this: Target, ...args: never[]): void;
  [HANDLER]?: Handler;
  /** Whether it was set as an attribute, such as `onmessage`. */
  [IS_ATTRIBUTE]?: boolean;
}

/** Makes the event of each type from the arguments of the EventEmitter. */
const MAKERS: Readonly<Record<string, (target: Target, ...args: never[]) => Event>> = {
  open: (target) => new Event('open', target),
  message: (target, data: Buffer, isBinary: boolean) => new MessageEvent(target, isBinary ? data : data.toString()),
  close: (target, code: number, reason: Buffer) =>
    new CloseEvent(target, code, reason.toString(), target._closeFrameReceived && target._closeFrameSent),
  error: (target, error: Error) => new ErrorEvent(target, error),
};

function listenerFor(type: string, handler: Handler, isAttribute: boolean): Listener {
  const make = MAKERS[type] as (target: Target, ...args: unknown[]) => Event;
  const listener: Listener = function (this: Target, ...args: unknown[]) {
    const event = make(this, ...args);
    if (typeof handler === 'object' && handler.handleEvent) handler.handleEvent(event);
    else (handler as (event: Event) => void).call(this, event);
  };
  listener[HANDLER] = handler;
  listener[IS_ATTRIBUTE] = isAttribute;
  return listener;
}

function listenersOf(target: Target, type: string): Listener[] {
  return target.listeners(type) as Listener[];
}

function findListener(target: Target, type: string, handler: Handler): Listener | undefined {
  return listenersOf(target, type).find((listener) => listener[HANDLER] === handler && !listener[IS_ATTRIBUTE]);
}

/** Only open, message, close and error have handlers. The same handler is added once. */
export function addEventListener(this: Target, type: string, handler: Handler, options: { once?: boolean } = {}): void {
  if (!Object.hasOwn(MAKERS, type) || findListener(this, type, handler) !== undefined) return;
  const listener = listenerFor(type, handler, false) as () => void;
  if (options.once) this.once(type, listener);
  else this.on(type, listener);
}

/** Removes a handler that `addEventListener` added. */
export function removeEventListener(this: Target, type: string, handler: Handler): void {
  const listener = findListener(this, type, handler);
  if (listener !== undefined) this.removeListener(type, listener as () => void);
}

function attributeOf(target: Target, type: string): Listener | undefined {
  return listenersOf(target, type).find((listener) => listener[IS_ATTRIBUTE]);
}

function setAttribute(target: Target, type: string, handler: unknown): void {
  const before = attributeOf(target, type);
  if (before !== undefined) target.removeListener(type, before as () => void);
  // Anything else, such as null, removes the handler.
  if (typeof handler === 'function') target.on(type, listenerFor(type, handler as Handler, true) as () => void);
}

/** Gives a prototype `onopen`, `onmessage`, `onclose` and `onerror`. */
export function defineAttributes(prototype: Target): void {
  for (const type of Object.keys(MAKERS)) {
    Object.defineProperty(prototype, `on${type}`, {
      enumerable: true,
      configurable: true,
      get(this: Target) {
        return attributeOf(this, type)?.[HANDLER] ?? null;
      },
      set(this: Target, handler: unknown) {
        setAttribute(this, type, handler);
      },
    });
  }
}
