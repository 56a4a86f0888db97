// The sheet of keyboard shortcuts.
import { html } from '../lib/html.js';
import { signal } from '../vendor/signals/signals.js';
import { keys, useKey } from './keys.js';
import { Sheet } from './sheet.js';

export const helpOpen = signal(false);

export function Help() {
  useKey('?', 'This list', () => {
    helpOpen.value = !helpOpen.value;
  });
  if (!helpOpen.value) return null;
  const close = () => {
    helpOpen.value = false;
  };
  const list = keys.value.filter((entry, at, all) => entry.key !== 'Escape' && all.findLastIndex((other) => other.key === entry.key) === at).sort((a, b) => a.key.localeCompare(b.key));
  return html`<${Sheet} title="Keyboard" onClose=${close}>
    <dl class="keys">${list.map(({ key, says }) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${says}</dd></div>`)}
      <div><dt><kbd>Esc</kbd></dt><dd>Close, or leave full screen</dd></div>
      <div><dt><kbd>Tab</kbd></dt><dd>Next control; panels take the focus too</dd></div>
    </dl>
  <//>`;
}
