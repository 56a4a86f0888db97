// Editing a panel is loaded when somebody does.
import { html } from '../../lib/html.js';
import { useEffect, useState } from '../../vendor/preact/hooks.js';

/** @param {import('./edit.js').EditProps} props */
export function Edit(props) {
  const [parts, setParts] = useState(/** @type {any} */ (null));
  useEffect(() => {
    let gone = false;
    // Without it the sheet does not open; the next click tries again.
    import('./edit.js').then((module) => !gone && setParts(module), () => !gone && props.onClose());
    return () => {
      gone = true;
    };
  }, []);
  return parts && html`<${parts.Edit} ...${props} />`;
}
