// Reads server-sent events out of text that comes in pieces. Pure.

/** @typedef {{name: string, data: string}} StreamEvent */

/**
 * Takes the pieces in their order and gives the events that each of them completes. Comments are passed over.
 * @returns {(piece: string) => StreamEvent[]}
 */
export function eventReader() {
  let rest = '';
  return (piece) => {
    // Two line ends may come in two pieces; before the last byte there is none.
    let searched = Math.max(0, rest.length - 1);
    rest += piece;
    const events = [];
    for (let end = rest.indexOf('\n\n', searched); end >= 0; end = rest.indexOf('\n\n')) {
      const event = readEvent(rest.slice(0, end));
      if (event) events.push(event);
      rest = rest.slice(end + 2);
      searched = 0;
    }
    return events;
  };
}

/** @param {string} text @returns {StreamEvent | null} null for what has no data */
function readEvent(text) {
  let name = 'message';
  const data = [];
  for (const line of text.split('\n')) {
    const at = line.indexOf(':');
    const value = line.slice(at + 1).replace(/^ /, '');
    if (line.startsWith('event:')) name = value;
    if (line.startsWith('data:')) data.push(value);
  }
  return data.length > 0 ? { name, data: data.join('\n') } : null;
}
