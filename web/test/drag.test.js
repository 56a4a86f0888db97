// When a plot is held because somebody drags on it, and when it is let go.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holdWhileDragged } from '../panels/useplot.js';

/** An element that is watched, and what was told of it. */
function watched() {
  globalThis.document = new EventTarget();
  globalThis.window = new EventTarget();
  const over = new EventTarget();
  const told = [];
  const letGo = holdWhileDragged(over, (isHeld) => told.push(isHeld));
  const press = (button) => over.dispatchEvent(Object.assign(new Event('mousedown'), { button }));
  return { told, letGo, press };
}

test('a plot is held from the press to the release, wherever that is', () => {
  const { told, press } = watched();
  press(2);
  assert.deepEqual(told, []);
  press(0);
  document.dispatchEvent(new Event('mouseup'));
  assert.deepEqual(told, [true, false]);
});

test('a release in another window, which nobody tells, lets it go too', () => {
  const { told, press } = watched();
  press(0);
  window.dispatchEvent(new Event('blur'));
  assert.deepEqual(told, [true, false]);
});

test('a plot that goes is let go, and told no more', () => {
  const { told, letGo, press } = watched();
  press(0);
  letGo();
  assert.deepEqual(told, [true, false]);
  press(0);
  document.dispatchEvent(new Event('mouseup'));
  window.dispatchEvent(new Event('blur'));
  assert.deepEqual(told, [true, false]);
});
