// A dialog over the page. The browser keeps the focus inside and gives it back.
import { html } from '../lib/html.js';
import { useEffect, useRef } from '../vendor/preact/hooks.js';
import { Icon } from './icons.js';

/** @param {{title: string, onClose: () => void, wide?: boolean, children?: any}} props */
export function Sheet({ title, onClose, wide, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const onClick = (/** @type {Event} */ event) => {
    if (event.target === dialog.current) onClose();
  };
  const onCancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog class=${wide ? 'sheet sheet-wide' : 'sheet'} ref=${dialog} aria-label=${title} onClick=${onClick} onCancel=${onCancel}>
    <div class="sheet-inside">
      <header class="sheet-head"><h2>${title}</h2>
        <button type="button" class="button button-icon" onClick=${onClose} aria-label="Close" title="Close (Esc)"><${Icon} name="close" /></button></header>
      ${children}
    </div>
  </dialog>`;
}
