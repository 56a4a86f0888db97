// Hands the reader a file made in the browser.

/** Time the browser gets to read the file before its address is taken back. */
const KEEP_MS = 10_000;

/** @param {string} name @param {string} type @param {string} text */
export function saveFile(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name.replace(/[^\p{L}\p{N} ._-]+/gu, '-');
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), KEEP_MS);
}
