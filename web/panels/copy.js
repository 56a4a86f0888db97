// A button that copies a text, and says so for a moment.
import { html } from '../lib/html.js';
import { useEffect, useState } from '../vendor/preact/hooks.js';

/** How long it says so. */
const SAID_MS = 1500;

/** @param {{text: string, label: string, children: any, className?: string}} props label: what is copied, for who cannot see it */
export function Copy({ text, label, children, className }) {
  const [said, setSaid] = useState('');
  useEffect(() => {
    if (said === '') return undefined;
    const timer = setTimeout(() => setSaid(''), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied');
    } catch {
      // Without a secure context the browser has no clipboard for pages.
      setSaid('Not allowed here');
    }
  };
  return html`<button type="button" class=${className} aria-label=${said === '' ? label : said} title=${label} onClick=${copy}>${said === '' ? children : said}</button>`;
}
