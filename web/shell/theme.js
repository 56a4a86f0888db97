// Dark or light: the system's, until the reader chooses.
import { computed, effect, signal } from '../vendor/signals/signals.js';
import { recall, remember } from './store.js';

const dark = window.matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(dark.matches);
dark.addEventListener('change', (event) => {
  systemDark.value = event.matches;
});

/** `system`, `dark` or `light`. */
export const themeChoice = signal(recall('theme') ?? 'system');

/** What is shown. @type {import('../vendor/signals/signals.js').ReadonlySignal<'dark' | 'light'>} */
export const theme = computed(() => {
  const choice = themeChoice.value;
  return choice === 'dark' || choice === 'light' ? choice : systemDark.value ? 'dark' : 'light';
});

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

/** The other one; going back to the system's look forgets the choice. */
export function flipTheme() {
  const next = theme.value === 'dark' ? 'light' : 'dark';
  const asSystem = (next === 'dark') === systemDark.value;
  themeChoice.value = asSystem ? 'system' : next;
  remember('theme', asSystem ? null : next);
}
