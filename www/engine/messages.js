// A worker that computes step after step lets messages in between: a `stop` would wait for the last one else.

const { port1: inbox, port2: outbox } = new MessageChannel();
/** Those whose message is under way, in its order. @type {((value?: unknown) => void)[]} */
const sent = [];
inbox.onmessage = () => sent.shift()?.();

/**
 * Lets waiting messages in, so that a `stop` is seen between two steps. A message to oneself does not wait;
 * browsers hold a chain of setTimeout back for 4 ms each time, about as long as a small network takes.
 */
export const otherMessages = () =>
  new Promise((resolve) => {
    sent.push(resolve);
    outbox.postMessage(null);
  });
