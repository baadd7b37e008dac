import { nextTick } from 'node:process';
/** Messages as `for await` takes them. @param leave is called when the loop ends before the messages do */
export function messageIterator<Message>(
  next: () => Promise<IteratorResult<Message>>,
  leave: () => void,
): AsyncIterableIterator<Message> {
  const iterator: AsyncIterableIterator<Message> = {
    next,
    return: () => {
      // `break` and an error end a loop alike. Who learns of the error closes with another code, and comes first.
      nextTick(leave);
      return Promise.resolve({ value: undefined, done: true });
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}
