// Who was told of an alert, out of the groups and notifications that the API lists. Pure.

/** @typedef {import('./types.d.ts').Labels} Labels */
/** @typedef {import('./types.d.ts').Told} Told */
/** @typedef {import('./types.d.ts').AlertGroup} AlertGroup */
/** @typedef {import('./types.d.ts').Notification} Notification */

/** What the monitor calls the one receiver it has when it runs without an alertmanager.yml. */
const NO_RECEIVER = 'nobody';

/** Whether there is anybody to tell. @param {Told} told */
export function hasReceivers({ receivers }) {
  return receivers.some((name) => name !== NO_RECEIVER);
}

/**
 * @typedef {object} Telling where an alert goes and how far that got
 * @property {string} receiver
 * @property {number} nextMs until its group is looked at next
 * @property {Notification | null} last the newest message that was taken since the alert began
 * @property {Notification | null} failed the newest try, if nothing was taken after it
 */

/**
 * One entry a receiver the alert goes to.
 * @param {Labels} labels of the alert
 * @param {Told} told
 * @returns {Telling[]}
 */
export function tellingsOf(labels, told) {
  const own = keyOf(labels);
  return told.groups.flatMap((group) => {
    const alert = group.alerts.find((one) => keyOf(one.labels) === own);
    if (!alert) return [];
    const since = Date.parse(alert.startsAt);
    const about = told.notifications.filter((one) => isAbout(one, group) && one.firing > 0 && Date.parse(one.at) >= since);
    const last = about.find((one) => one.error === null) ?? null;
    return [{ receiver: group.receiver, nextMs: group.nextFlushInMs, last, failed: about[0]?.error ? about[0] : null }];
  });
}

/** The alert as its group knows it. @param {Labels} labels @param {Told | null} told */
export function alertOf(labels, told) {
  const own = keyOf(labels);
  return told?.groups.flatMap((group) => group.alerts).find((one) => keyOf(one.labels) === own);
}

/** What keeps an alert from being told, in a word; '' for nothing. @param {import('./types.d.ts').GroupedAlert | undefined} alert */
export function quietWords(alert) {
  if (!alert) return '';
  const words = [alert.inhibitedBy?.length ? 'inhibited' : '', alert.mutedBy?.length ? 'muted at this hour' : '', alert.silencedBy?.length ? 'silenced' : ''];
  return words.filter((word) => word !== '').join(', ');
}

/** @param {Notification} notification @param {AlertGroup} group a group's key is its route, a colon, and its labels */
function isAbout(notification, group) {
  return notification.receiver === group.receiver && keyOf(groupLabels(notification.group) ?? {}) === keyOf(group.labels);
}

/** The same for the same labels in any order. @param {Labels} labels */
const keyOf = (labels) => JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

/**
 * The labels at the end of a group's key: `{}/{severity="critical"}:{alertname="X"}`.
 * @param {string} key
 * @returns {Labels | null} null when it cannot be read
 */
export function groupLabels(key) {
  const found = /:\{((?:\s*[^\s=",{}]+="(?:[^"\\]|\\.)*",?)*)\}$/.exec(key);
  if (!found) return null;
  const pairs = [...found[1].matchAll(/([^\s=",{}]+)="((?:[^"\\]|\\.)*)"/g)];
  return Object.fromEntries(pairs.map(([, name, value]) => [name, value.replace(/\\n/g, '\n').replace(/\\(.)/g, '$1')]));
}

/** @typedef {Notification & {times: number, firstAt: string}} Row one message, or the same again and again */

/**
 * A receiver that cannot be reached is tried without end: the same answer to the same message is one row.
 * @param {Notification[]} list newest first
 * @returns {Row[]} newest first
 */
export function rowsOf(list) {
  /** @type {Row[]} */
  const rows = [];
  /** The row that an older message of the same stream may join. @type {Map<string, Row>} */
  const open = new Map();
  for (const one of list) {
    const stream = JSON.stringify([one.receiver, one.integration, one.group]);
    const row = open.get(stream);
    if (row && one.error !== null && row.error === one.error && row.firing === one.firing && row.resolved === one.resolved) {
      row.times += 1;
      row.firstAt = one.at;
    } else {
      const next = { ...one, times: 1, firstAt: one.at };
      rows.push(next);
      open.set(stream, next);
    }
  }
  return rows;
}

/** What became of a message, in words: `200 in 4 ms`, `taken after 3 tries`. @param {Notification} one */
export function answerText({ error, httpStatus, attempts, tookMs }) {
  const tries = attempts > 1 ? `, ${attempts} tries` : '';
  const took = tookMs < 1 ? 'under 1 ms' : tookMs < 1000 ? `${Math.round(tookMs)} ms` : `${Number((tookMs / 1000).toPrecision(3))} s`;
  if (error === null) return `${httpStatus === null ? 'taken' : `HTTP ${httpStatus}`} in ${took}${tries}`;
  const status = httpStatus !== null && !error.includes(String(httpStatus)) ? `HTTP ${httpStatus}: ` : '';
  return `${status}${error}${tries}`;
}
