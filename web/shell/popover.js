// A button with something that opens below it. Closes on Escape, on a click elsewhere and when the focus leaves.
import { html } from '../lib/html.js';
import { useEffect, useRef } from '../vendor/preact/hooks.js';

/**
 * @typedef {object} PopoverProps
 * @property {boolean} open
 * @property {(open: boolean) => void} onToggle
 * @property {any} button what the button shows
 * @property {string} label what the button does, for who cannot see it
 * @property {string} [className] of the button
 * @property {'start' | 'end'} [align] which edge of the button the panel keeps to
 * @property {string} [role] of the panel: `dialog`, `menu`, `listbox`
 * @property {any} children
 */

/** @param {PopoverProps} props */
export function Popover({ open, onToggle, button, label, className = 'button', align = 'end', role = 'dialog', children }) {
  const root = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!open) return;
    const first = root.current?.querySelector('.popover [autofocus], .popover input, .popover button, .popover a');
    if (first instanceof HTMLElement) first.focus({ preventScroll: true });
    const outside = (/** @type {Event} */ event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) onToggle(false);
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [open]);

  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (!open || event.key === 'Tab') return;
    if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      onToggle(false);
      root.current?.querySelector('button')?.focus();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      moveFocus(event);
    }
  };
  const onFocusOut = (/** @type {FocusEvent} */ event) => {
    if (open && event.relatedTarget instanceof Node && !root.current?.contains(event.relatedTarget)) onToggle(false);
  };

  return html`<div class="popover-root" ref=${root} onKeyDown=${onKeyDown} onFocusOut=${onFocusOut}>
    <button type="button" class=${className} aria-haspopup=${role} aria-expanded=${open} aria-label=${label} title=${label}
      onClick=${() => onToggle(!open)}>${button}</button>
    ${open && html`<div class="popover popover-${align}" role=${role} aria-label=${label}>${children}</div>`}
  </div>`;
}

/** Arrow keys walk through the choices. @param {KeyboardEvent} event */
function moveFocus(event) {
  const panel = event.currentTarget instanceof Element ? event.currentTarget.querySelector('.popover') : null;
  const items = [...(panel?.querySelectorAll('button, a, input[type=checkbox]') ?? [])];
  if (items.length === 0 || (event.target instanceof HTMLInputElement && event.target.type === 'text' && event.key === 'ArrowUp')) return;
  const at = document.activeElement ? items.indexOf(document.activeElement) : -1;
  const next = items[(at + (event.key === 'ArrowDown' ? 1 : items.length - 1)) % items.length];
  event.preventDefault();
  if (next instanceof HTMLElement) next.focus();
}
